"""Scrubber: the time axis with the player's position and the loop."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from cvstudio.foundation.params import Range
from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims
from ui.widgets.track import HANDLE_RADIUS, Scale, paint_groove, paint_handle

MARGIN = HANDLE_RADIUS + 3
MARK_HEIGHT = 9.0
REACH = 7.0
FINE_SECS = 1.0
COARSE_SECS = 10.0
SHORTEST_LOOP_SECS = 0.05
LEAST_MOVE = 0.5
"""Distance in pixels of the screen from which on the handle is painted anew."""

Mark = Literal["start", "stop"]


def clock(secs: float, *, hours: bool = False) -> str:
    """`secs` as 00:12.480; with hours where they are needed or `hours` is True."""
    milliseconds = max(0, round(secs * 1000))
    minutes, remainder = divmod(milliseconds, 60_000)
    seconds = f"{remainder // 1000:02d}.{remainder % 1000:03d}"
    if hours or minutes >= 60:
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds}"
    return f"{minutes:02d}:{seconds}"


class Scrubber(QWidget):
    """Time axis: click or drag to seek; the two marks of the loop can be dragged.

    Signals
    -------
    sought : seconds; while dragging too
    loop_moved : start, stop in seconds
    """

    sought = Signal(float)
    loop_moved = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self._duration = 0.0
        self._position = 0.0
        self._painted_at = 0.0  # the handle's centre, in pixels
        self._loop: tuple[float, float] | None = None
        self._dragging = False
        self._mark: Mark | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Position"))

    @property
    def dragging(self) -> bool:
        return self._dragging

    @property
    def loop(self) -> tuple[float, float] | None:
        return self._loop

    def set_duration(self, secs: float) -> None:
        self._duration = max(secs, 0.0)
        self.setEnabled(secs > 0)
        self.update()

    def set_position(self, secs: float) -> None:
        """Set the player's position in seconds; ignored during a drag, whose position is newer."""
        if not self._dragging and secs != self._position:
            self._position = secs
            self.setAccessibleDescription(clock(secs))
            self._update_handle()

    def _update_handle(self) -> None:
        """Paint the handle at its position: while a medium plays that is wanted a hundred times a second."""
        left, right = sorted((self._painted_at, self._scale().position(self._position)))
        if (right - left) * self.devicePixelRatioF() >= LEAST_MOVE:
            around = QRectF(left, 0, right - left, self.height()).adjusted(-MARGIN, 0, MARGIN, 0)
            self.update(around.toAlignedRect().adjusted(-1, 0, 1, 0))

    def set_loop(self, loop: tuple[float, float] | None) -> None:
        self._loop = loop
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 28)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 28)

    def _scale(self) -> Scale:
        return Scale(Range(0.0, max(self._duration, 1e-6), step=0.001), MARGIN, self.width() - MARGIN)

    def _mark_at(self, point: QPointF) -> Mark | None:
        if self._loop is None or point.y() > MARK_HEIGHT:
            return None
        start, stop = (abs(point.x() - self._scale().position(secs)) for secs in self._loop)
        if min(start, stop) > REACH:
            return None
        return "start" if start < stop else "stop"

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS - {Qt.Key.Key_Backspace}) or super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton or self._duration <= 0:
            event.ignore()
            return
        self._mark = self._mark_at(event.position())
        self._dragging = self._mark is None
        if self._dragging:
            self._seek(self._scale().value(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        secs = self._scale().value(event.position().x())
        if self._mark is not None and self._loop is not None:
            start, stop = self._loop
            if self._mark == "start":
                self._loop = (min(secs, stop - SHORTEST_LOOP_SECS), stop)
            else:
                self._loop = (start, max(secs, start + SHORTEST_LOOP_SECS))
            self.update()
        elif self._dragging:
            self._seek(secs)
        elif self._duration > 0:
            near = self._mark_at(event.position()) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if near else Qt.CursorShape.ArrowCursor)
            QToolTip.showText(event.globalPosition().toPoint(), clock(secs), self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self._mark is not None and self._loop is not None:
            self.loop_moved.emit(*self._loop)
        self._mark = None
        self._dragging = False
        self.update()

    def _seek(self, secs: float) -> None:
        self._position = min(max(secs, 0.0), self._duration)
        self.update()
        self.sought.emit(self._position)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: -FINE_SECS,
            Qt.Key.Key_Down: -FINE_SECS,
            Qt.Key.Key_Right: FINE_SECS,
            Qt.Key.Key_Up: FINE_SECS,
            Qt.Key.Key_PageDown: -COARSE_SECS,
            Qt.Key.Key_PageUp: COARSE_SECS,
        }
        ends = {Qt.Key.Key_Home: 0.0, Qt.Key.Key_End: self._duration}
        key = event.key()
        if key in steps:
            self._seek(self._position + steps[Qt.Key(key)])
        elif key in ends:
            self._seek(ends[Qt.Key(key)])
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        scale = self._scale()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        position = self._painted_at = scale.position(self._position)
        enabled = self.isEnabled()
        band = QRectF(MARGIN, 0, scale.right - scale.left, self.height())
        if self._loop is not None:
            self._paint_loop(painter, scale, self._loop)
        paint_groove(painter, band, MARGIN, position, enabled=enabled)
        hot = self.underMouse() or self._dragging
        paint_handle(painter, QPointF(position, band.center().y()), enabled=enabled, hot=hot, focused=self.hasFocus())
        painter.end()

    def _paint_loop(self, painter: QPainter, scale: Scale, loop: tuple[float, float]) -> None:
        start, stop = (scale.position(secs) for secs in loop)
        painter.fillRect(QRectF(start, 3, stop - start, self.height() - 6), theme.colour("accent", 0.18))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("link"))
        for x, side in ((start, 1), (stop, -1)):
            flag = QPolygonF((QPointF(x, 0), QPointF(x + side * 7, 0), QPointF(x, MARK_HEIGHT)))
            painter.drawPolygon(flag)
            painter.fillRect(QRectF(x - 0.5, 0, 1, self.height()), theme.colour("link"))
