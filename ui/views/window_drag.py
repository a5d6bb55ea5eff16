"""Window and level by dragging over the canvas, as in viewers of medical pictures."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from ui.views.canvas import Canvas

DOUBLE_PX = 160.0
"""Pixels of a horizontal drag that double the window."""
LEVEL_PX = 320.0
"""Pixels of a vertical drag that move the level by the width of the window."""
HINT_MARGIN = 12
SHADE = QColor(16, 18, 22, 190)


class WindowDrag(QWidget):
    """Transparent widget over the canvas: a drag to the right widens the window of values from black to white, upwards
    it raises the level; other events go on to the canvas.

    Signals
    -------
    moved : wider, higher since the press; see `Adjustments.windowed`
    pressed, released : the drag has begun and ended
    closed : the user ended the tool
    """

    pressed = Signal()
    moved = Signal(float, float)
    released = Signal()
    closed = Signal()

    def __init__(self, canvas: Canvas) -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._start: QPointF | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeAllCursor)
        self.setAccessibleName(self.tr("Window and level"))
        self.hide()
        # Below the canvas's bars.
        self.lower()
        canvas.installEventFilter(self)

    def begin(self) -> None:
        """Start the tool."""
        self.setGeometry(self._canvas.rect())
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def end(self) -> None:
        """End the tool."""
        self._start = None
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and watched is self._canvas:
            self.setGeometry(self._canvas.rect())
        return False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._canvas.space_held:
            event.ignore()
            return
        self._start = event.position()
        self.pressed.emit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._start is None:
            event.ignore()  # the canvas handles hovering
            return
        delta = event.position() - self._start
        self.moved.emit(delta.x() / DOUBLE_PX, -delta.y() / LEVEL_PX)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._start is None or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._start = None
        self.released.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.tr("Drag right: wider window, up: higher level · Esc: done")
        size = painter.fontMetrics().size(0, text)
        plate = self.rect().adjusted(0, HINT_MARGIN, 0, 0)
        plate.setHeight(size.height() + 8)
        plate.setLeft((self.width() - size.width()) // 2 - 10)
        plate.setWidth(size.width() + 20)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(SHADE)
        painter.drawRoundedRect(plate, 6, 6)
        painter.setPen(QColor(255, 255, 255))
        painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
