"""A ring on the picture around a point that is chosen in the 3D view."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from ui.views.canvas import Canvas

_RADIUS = 7.0


class PictureMark(QWidget):
    """Lies over a canvas, and lets the mouse through.

    Parameters
    ----------
    canvas : that shows the picture
    """

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self.place: tuple[float, float] | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()
        canvas.view_changed.connect(self.update)
        canvas.installEventFilter(self)

    def show_place(self, place: tuple[float, float] | None) -> None:
        """Mark a place in image pixels; None marks none."""
        if place != self.place:
            self.place = place
            self.setGeometry(self._canvas.rect())
            self.setVisible(place is not None)
            self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.place is not None:
            self.setGeometry(self._canvas.rect())
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.place is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        centre = self._canvas.widget_position(*self.place)
        for colour, width in ((QColor(0, 0, 0, 190), 4.0), (QColor(255, 200, 60), 2.0)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(centre, _RADIUS, _RADIUS)
        painter.end()
