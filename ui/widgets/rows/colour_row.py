"""A row for a colour."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QColorDialog, QPushButton

from cvstudio.foundation.params import Field
from ui.widgets.rows.row import Row

SAMPLE = QSize(28, 14)
DENSITY = 2


def sample_of(colour: QColor) -> QPixmap:
    """A small field of `colour`, for a button."""
    made = QPixmap(SAMPLE * DENSITY)
    made.setDevicePixelRatio(DENSITY)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # A hairline holds a bright colour together on a light ground and a dark one on a dark.
    painter.setPen(QPen(QColor(128, 128, 128, 160), 1))
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(0.5, 0.5, SAMPLE.width() - 1, SAMPLE.height() - 1), 3, 3)
    painter.end()
    return made


class ColourRow(Row):
    """Label and a button with the colour, which opens a dialog; what is chosen there counts when it is accepted."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._value = ""
        self.dialog: QColorDialog | None = None
        self.button = QPushButton()
        self.button.setObjectName("value-button")
        self.button.setIconSize(SAMPLE)
        self.button.clicked.connect(self._choose)
        self.one_line(((self.button, 1),))
        self.show_value("#000000")

    def value(self) -> str:
        return self._value

    def show_value(self, value: Any) -> None:
        self._value = str(value or "#000000")
        self.button.setIcon(QIcon(sample_of(QColor(self._value))))
        self.button.setText(self._value)
        self.button.setAccessibleName(f"{self.title}: {self._value}")

    def _choose(self) -> None:
        dialog = self.dialog = QColorDialog(QColor(self._value), self)
        dialog.setWindowTitle(self.title)
        # The system's own one cannot be told to close with the window on every platform.
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(self._take)
        dialog.finished.connect(self._closed)
        dialog.open()

    def _closed(self, result: int) -> None:
        self.dialog = None

    def _take(self, colour: QColor) -> None:
        value = colour.name()
        if value != self._value:
            self.show_value(value)
            self.edit(value, dragging=False)
