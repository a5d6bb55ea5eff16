"""Exposure slider of a picture in linear light, which floats over the canvas."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from cvstudio.draw import Look
from cvstudio.foundation.params import fields_of
from ui.widgets.rows.slider_row import SliderRow

EXPOSURE = next(field for field in fields_of(Look) if field.name == "exposure")
WIDTH = 280
MARGIN = 12
ROOM_FOR_OTHERS = 220
"""Width in pixels of the bar at the other corner."""


class ExposureBar(QFrame):
    """Slider in stops at the lower left of `canvas`, above the canvas's bar where the canvas is narrow.

    Signals
    -------
    edited : stops, dragging
    released : a drag has ended
    """

    edited = Signal(object, bool)
    released = Signal()

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("canvas-bar")
        self.row = SliderRow(EXPOSURE)
        self.row.set_label_width(self.row.label.sizeHint().width())
        self.row.changed.connect(self.edited)
        self.row.released.connect(lambda _: self.released.emit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 3, 8, 3)
        layout.addWidget(self.row)
        canvas.installEventFilter(self)
        self.hide()

    def show_exposure(self, stops: float | None) -> None:
        """Show the slider at `stops`; None hides it, where the picture is not in linear light."""
        self.setVisible(stops is not None)
        if stops is not None:
            self.row.set_value(stops, EXPOSURE.default)
            self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self._place()
        return False

    def _place(self) -> None:
        canvas = self.parentWidget()
        assert canvas is not None
        height = self.sizeHint().height()
        width = min(WIDTH, max(1, canvas.width() - 2 * MARGIN))
        side_by_side = canvas.width() >= width + ROOM_FOR_OTHERS + 3 * MARGIN
        bottom = canvas.height() - MARGIN - (0 if side_by_side else height + MARGIN)
        self.setGeometry(MARGIN, bottom - height, width, height)
