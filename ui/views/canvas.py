"""The canvas: shows what a render callable makes of the visible part of a picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from cvstudio.data.geometry import Rect, Size, View
from ui.base import theme
from ui.base.keys import claims
from ui.views.age_mark import paint_age
from ui.views.canvas_bar import CanvasBar
from ui.views.geometry import Placement

Tool = Literal["point"]
Render = Callable[[View], NDArray[np.uint8] | None]

ZOOM_PER_NOTCH = 1.25
BAR_MARGIN = 12
STALE_LINE = 2
STALE_TICK_MS = 33
STALE_DIM = 0.25


class Canvas(QWidget):
    """Zoom at the cursor, pan, fit, and one value to paint: no picture is kept here but the last rendering.

    Signals
    -------
    hovered : x, y in image pixels, while the cursor is over the picture
    left : the cursor left the picture
    clicked : x, y in image pixels and keyboard modifiers; also beside the picture
    view_changed : `view()` is another
    compare_changed : True while the user holds the compare button
    overlay_toggled : the user wants the overlay shown or hidden
    space_tapped : Space was pressed and let go without dragging, which is meant for the player
    tool_cancelled : Escape put the tool away
    painted : seconds that a new picture took to be painted, without the time that it took to be rendered
    """

    hovered = Signal(float, float)
    left = Signal()
    clicked = Signal(float, float, object)
    view_changed = Signal()
    compare_changed = Signal(bool)
    overlay_toggled = Signal()
    space_tapped = Signal()
    tool_cancelled = Signal()
    painted = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # Setting attributes already sends events.
        self._place: Placement | None = None
        self.setAccessibleName(self.tr("Picture"))
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 120)
        self._render: Render | None = None
        self._fitting = True
        self._view: View | None = None
        self._dirty = True
        # The QImage shares the array's memory, so both live and go together.
        self._pixels: NDArray[np.uint8] | None = None
        self._image: QImage | None = None
        self._tool: Tool | None = None
        self._stale = False
        self._phase = 0.0
        self._age_secs = 0.0
        self._timer = QTimer(self)
        self._timer.setInterval(STALE_TICK_MS)
        self._timer.timeout.connect(self._advance)
        self._space = False
        self._space_used = False
        self._pressed: QPointF | None = None
        self._pressed_button = Qt.MouseButton.NoButton
        self._last = QPointF()
        self._panning = False
        self._cursor: QPointF | None = None
        self._over = False
        self.bar = CanvasBar(self)
        self.bar.fit.connect(self.fit)
        self.bar.actual_size.connect(self.actual_size)
        self.bar.compare.connect(self.compare_changed)
        self.bar.overlay.connect(self.overlay_toggled)
        self.bar.hide()

    # What is shown --------------------------------------------------------------------------------------------------

    def set_renderer(self, render: Render | None) -> None:
        """`render` gets a `View` and returns uint8 RGB (h, w, 3) of `View.size`, or None where there is nothing."""
        self._render = render
        self.refresh()

    def set_content_size(self, size: Size | None) -> None:
        """Size of the picture in pixels; another one is shown as a whole, the same one keeps the view."""
        if size == self.content_size:
            return
        self._place = Placement(size, self._viewport()) if size is not None else None
        self._fitting = True
        self.bar.setVisible(size is not None)
        self._settle()
        self.refresh()

    def refresh(self) -> None:
        """Render again at the next paint; several calls before it cost one rendering."""
        self._dirty = True
        self.update()

    def set_stale(self, stale: bool) -> None:
        """Mark what is shown as out of date: dimmed, with a thin moving line above."""
        if stale != self._stale:
            self._stale = stale
            self._phase = 0.0
            self._animate()
            self.update()

    def set_age(self, secs: float) -> None:
        """Tell how much older the results are than the picture that they lie on; 0 tells nothing."""
        if secs != self._age_secs:
            self._age_secs = secs
            self.update()

    def set_overlay_shown(self, shown: bool) -> None:
        """Let the button tell whether results are shown."""
        self.bar.show_overlay_state(shown)

    def set_tool(self, tool: Tool | None) -> None:
        """Take up the "point" tool (a cross-hair; the next click is meant as a place), or put it away."""
        self._tool = tool
        self._show_cursor()
        self.update()

    @property
    def content_size(self) -> Size | None:
        """Size of the picture in pixels; None without one."""
        return self._place.content if self._place else None

    @property
    def picture_left(self) -> int:
        """Where the visible part of the picture begins, in device pixels of the widget."""
        return self._place.visible()[0] if self._place else 0

    @property
    def tool(self) -> Tool | None:
        return self._tool

    # View -----------------------------------------------------------------------------------------------------------

    def _viewport(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def view(self) -> View:
        """The visible part of the picture, and device pixels for each image pixel."""
        if self._place is None:
            size = self._viewport()
            return View(Rect(0.0, 0.0, float(size.width), float(size.height)))
        return self._place.visible()[2]

    def fit(self) -> None:
        """Show all of the picture, and keep doing so when the size changes."""
        self._fitting = True
        self._settle()

    def actual_size(self) -> None:
        """One image pixel on one device pixel, around the cursor where it is on the canvas."""
        self.zoom_to(1.0)

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom to `scale` device pixels for each image pixel, keeping what is at `at` (else the cursor, the middle)."""
        if self._place is None:
            return
        point = at or self._cursor or QPointF(self.width() / 2, self.height() / 2)
        ratio = self.devicePixelRatioF()
        self._fitting = False
        self._place = self._place.zoomed(scale, point.x() * ratio, point.y() * ratio)
        self._settle()

    def image_position(self, point: QPointF) -> tuple[float, float] | None:
        """The place in image pixels under a point of the widget, also beside the picture; None without one."""
        if self._place is None:
            return None
        ratio = self.devicePixelRatioF()
        return self._place.image_point(point.x() * ratio, point.y() * ratio)

    def widget_position(self, x: float, y: float) -> QPointF:
        """Where (x, y) of the picture is on the widget; without a picture, its corner."""
        if self._place is None:
            return QPointF()
        ratio = self.devicePixelRatioF()
        left, top = self._place.viewport_point(x, y)
        return QPointF(left / ratio, top / ratio)

    @property
    def space_held(self) -> bool:
        """Whether a drag moves the picture, whatever tool there is."""
        return self._space

    def match(self, other: Canvas) -> None:
        """Show the same part of the same picture at the same scale as `other`, around the same middle."""
        theirs, mine = other._place, self._place
        if theirs is None or mine is None or theirs.content != mine.content:
            return
        self._fitting = other._fitting
        moved = replace(mine, scale=theirs.scale, left=theirs.left, top=theirs.top, viewport=theirs.viewport)
        self._place = moved.resized(self._viewport())
        self._settle()

    def _settle(self) -> None:
        """After anything that moves the picture: fit where wanted, and tell where the view is another."""
        if self._place is not None:
            viewport = self._viewport()
            if viewport != self._place.viewport:
                self._place = self._place.resized(viewport)
            if self._fitting:
                self._place = self._place.fitted()
            self.bar.show_zoom(self._place.scale * 100)
        view = self.view()
        if view != self._view:
            self._view = view
            self.refresh()
            self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._settle()
        self._place_bar()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._settle()
        elif isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            if self._place is not None:
                self.zoom_to(self._place.scale * (1.0 + event.value()), event.position())
            return True
        return (self._place is not None and claims(event, (Qt.Key.Key_Space,))) or super().event(event)

    def _place_bar(self) -> None:
        self.bar.adjustSize()
        self.bar.move(self.width() - self.bar.width() - BAR_MARGIN, self.height() - self.bar.height() - BAR_MARGIN)

    def showEvent(self, event: QShowEvent) -> None:
        self._settle()
        self._place_bar()
        self._animate()

    def hideEvent(self, event: QHideEvent) -> None:
        self._animate()

    # Mouse ----------------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if notches and self._place is not None:
            self.zoom_to(self._place.scale * ZOOM_PER_NOTCH**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = event.button()
        if self._place is None or button not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            event.ignore()
            return
        self._pressed = self._last = event.position()
        self._pressed_button = button
        if button == Qt.MouseButton.MiddleButton or self._space:
            self._start_pan()

    def _start_pan(self) -> None:
        self._panning = True
        self._space_used = True
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position()
        self._cursor = point
        if self._pressed is not None and not self._panning and self._tool is None:
            moved = (point - self._pressed).manhattanLength()
            if moved >= QApplication.startDragDistance():
                self._start_pan()
        if self._panning and self._place is not None:
            delta = (point - self._last) * self.devicePixelRatioF()
            self._last = point
            self._fitting = False
            self._place = self._place.moved(delta.x(), delta.y())
            self._settle()
        self._hover(point)
        if self._tool is not None:
            self.update()

    def _hover(self, point: QPointF) -> None:
        place = self.image_position(point)
        content = self._place.content if self._place else None
        over = place is not None and content is not None
        if over and place is not None and content is not None:
            over = 0 <= place[0] < content.width and 0 <= place[1] < content.height
        if over and place is not None:
            self.hovered.emit(*place)
        elif self._over:
            self.left.emit()
        self._over = over

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or event.button() != self._pressed_button:
            return
        panned = self._panning
        self._pressed = None
        self._panning = False
        self._show_cursor()
        place = self.image_position(event.position())
        if not panned and place is not None:
            self.clicked.emit(*place, event.modifiers())

    def enterEvent(self, event: QEnterEvent) -> None:
        self._cursor = event.position()

    def leaveEvent(self, event: QEvent) -> None:
        self._cursor = None
        if self._over:
            self._over = False
            self.left.emit()
        self.update()

    def _show_cursor(self) -> None:
        if self._panning:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._space:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self._tool is not None:
            self.setCursor(Qt.CursorShape.BlankCursor)
        else:
            self.unsetCursor()

    # Keyboard -------------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self._space, self._space_used = True, False
                self._show_cursor()
        elif key == Qt.Key.Key_Escape and self._tool is not None:
            self.set_tool(None)
            self.tool_cancelled.emit()
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus) and self._place is not None:
            factor = 1 / ZOOM_PER_NOTCH if key == Qt.Key.Key_Minus else ZOOM_PER_NOTCH
            self.zoom_to(self._place.scale * factor)
        else:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat():
            event.ignore()
            return
        tapped = self._space and not self._space_used
        self._space = False
        self._show_cursor()
        if tapped:
            self.space_tapped.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self._space = False
        self._show_cursor()
        super().focusOutEvent(event)

    # Painting -------------------------------------------------------------------------------------------------------

    def _animate(self) -> None:
        if self._stale and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()

    def _advance(self) -> None:
        self._phase = (self._phase + STALE_TICK_MS / 1400) % 1.0
        self.update(0, 0, self.width(), STALE_LINE)

    def _update_image(self) -> None:
        self._dirty = False
        self._image = None
        self._pixels = None
        if self._render is None or self._place is None:
            return
        pixels = self._render(self.view())
        if pixels is None:
            return
        self._pixels = np.ascontiguousarray(pixels)
        height, width = self._pixels.shape[:2]
        self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._image.setDevicePixelRatio(self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:
        new = self._dirty
        if new:
            self._update_image()
        began = time.perf_counter()
        painter = QPainter(self)
        painter.fillRect(event.rect(), theme.colour("window"))
        if self._image is not None and self._place is not None:
            x, y, _ = self._place.visible()
            ratio = self.devicePixelRatioF()
            corner = QPointF(x / ratio, y / ratio)
            painter.drawImage(corner, self._image)
            if self._stale:
                dim = theme.colour("window", STALE_DIM)
                painter.fillRect(QRectF(corner, self._image.deviceIndependentSize()), dim)
        if self._stale:
            self._paint_stale_line(painter)
        elif self._age_secs > 0:
            paint_age(painter, self._age_secs, self.width())
        if self._tool is not None and self._over and self._cursor is not None:
            self._paint_cross_hair(painter, self._cursor)
        painter.end()
        if new and self._image is not None:
            self.painted.emit(time.perf_counter() - began)

    def _paint_stale_line(self, painter: QPainter) -> None:
        painter.fillRect(QRectF(0, 0, self.width(), STALE_LINE), theme.colour("line"))
        length = self.width() * 0.25
        start = self._phase * (self.width() + length) - length
        painter.fillRect(QRectF(start, 0, length, STALE_LINE), theme.colour("accent"))

    def _paint_cross_hair(self, painter: QPainter, point: QPointF) -> None:
        x, y, gap = point.x(), point.y(), 6.0
        # Light within dark is seen on every picture.
        for colour, width in ((QColor(0, 0, 0, 150), 3.0), (QColor(255, 255, 255, 230), 1.0)):
            half = width / 2
            painter.fillRect(QRectF(0, y - half, x - gap, width), colour)
            painter.fillRect(QRectF(x + gap, y - half, self.width() - x - gap, width), colour)
            painter.fillRect(QRectF(x - half, 0, width, y - gap), colour)
            painter.fillRect(QRectF(x - half, y + gap, width, self.height() - y - gap), colour)
