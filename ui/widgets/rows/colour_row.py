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
    """Icon of a button: a small field of `colour`."""
    pixmap = QPixmap(SAMPLE * DENSITY)
    pixmap.setDevicePixelRatio(DENSITY)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # An outline, for the contrast of a bright colour on a light background and a dark one on a dark background.
    painter.setPen(QPen(QColor(128, 128, 128, 160), 1))
    painter.setBrush(colour)
    painter.drawRoundedRect(QRectF(0.5, 0.5, SAMPLE.width() - 1, SAMPLE.height() - 1), 3, 3)
    painter.end()
    return pixmap


class ColourRow(Row):
    """Label and a button with the colour; it opens a dialog, whose colour is applied when it is accepted."""

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
        # Not the native dialog: not every platform closes it with the window.
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
