"""The canvas: shows the visible part of a picture, as a render function returns it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QApplication, QSizePolicy, QWidget

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.data.pixel_map import PixelMap
from ui.base import theme
from ui.base.keys import claims
from ui.views.age_mark import paint_age
from ui.views.canvas_bar import CanvasBar
from ui.views.geometry import Placement
from ui.views.marks import paint_cross_hair

Tool = Literal["point"]
Render = Callable[[View], NDArray[np.uint8] | None]

ZOOM_PER_NOTCH = 1.25
BAR_MARGIN = 12
RECT_SHARE = 0.6
"""Fraction of the canvas that a part takes that is zoomed to, and the most device pixels for one of the picture."""
RECT_SCALE = 8.0
STALE_LINE = 2
STALE_TICK_MS = 33
STALE_DIM = 0.25


class Canvas(QWidget):
    """View of a picture with zoom at the cursor, pan and fit. It only stores the last rendering, not the picture.

    Signals
    -------
    hovered : x, y in image pixels, while the cursor is over the picture
    left : the cursor left the picture
    clicked : x, y in image pixels and keyboard modifiers; also outside of the picture
    view_changed : `view()` has changed
    compare_changed : True while the user holds down the compare button
    overlay_toggled : the user toggled the overlay
    space_tapped : Space was pressed and released without a drag, which the player handles
    tool_cancelled : Escape ended the tool
    painted : seconds for painting a new rendering, without the time for rendering it
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
        # First of all: setting widget attributes already sends events, whose handlers read it.
        self._placement: Placement | None = None
        self._turn: PixelMap | None = None
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
        # The QImage shares the array's memory, so both have the same lifetime.
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
        """Set the render function: it gets a `View` and returns uint8 RGB (h, w, 3) of `View.size`, or None. The view
        lies on the picture as it is shown, see `set_orientation`."""
        self._render = render
        self.refresh()

    def set_content_size(self, size: Size | None) -> None:
        """Set the size of the picture in pixels; a new size fits the picture to the canvas, the same keeps the view."""
        if size == self.content_size:
            return
        self._turn = None
        self._placement = Placement(size, self._viewport()) if size is not None else None
        self._fitting = True
        self.bar.setVisible(size is not None)
        self._update_placement()
        self.refresh()

    def set_orientation(self, turn: PixelMap | None) -> None:
        """Show the picture turned and mirrored: `turn` leads from its pixels to those that are shown, None shows it as
        it is. Positions, rectangles and `view` stay in the pixels of the picture; a change fits it to the canvas."""
        size = self.content_size
        if turn == self._turn or size is None:
            return
        self._turn = turn
        self._placement = Placement(size if turn is None else turn.target, self._viewport())
        self._fitting = True
        self._update_placement()
        self.refresh()

    def refresh(self) -> None:
        """Render again at the next paint, once for any number of calls before it."""
        self._dirty = True
        self.update()

    def set_stale(self, stale: bool) -> None:
        """Mark the picture as out of date: dimmed, with a thin moving line along its top."""
        if stale != self._stale:
            self._stale = stale
            self._phase = 0.0
            self._animate()
            self.update()

    def set_age(self, secs: float) -> None:
        """Show by how many seconds the results are older than the picture they are drawn on; 0 shows nothing."""
        if secs != self._age_secs:
            self._age_secs = secs
            self.update()

    def set_overlay_shown(self, shown: bool) -> None:
        """Set the state of the overlay button."""
        self.bar.show_overlay_state(shown)

    def set_tool(self, tool: Tool | None) -> None:
        """Start the "point" tool (a cross-hair; the next click picks a point); None ends it."""
        self._tool = tool
        self._show_cursor()
        self.update()

    @property
    def content_size(self) -> Size | None:
        """Size of the picture in pixels; None without one."""
        if self._turn is not None:
            return self._turn.source
        return self._placement.content if self._placement else None

    @property
    def picture_left(self) -> int:
        """The left edge of the visible part of the picture, in device pixels of the widget."""
        return self._placement.visible()[0] if self._placement else 0

    @property
    def tool(self) -> Tool | None:
        return self._tool

    # View -----------------------------------------------------------------------------------------------------------

    def _viewport(self) -> Size:
        ratio = self.devicePixelRatioF()
        return Size(max(1, round(self.width() * ratio)), max(1, round(self.height() * ratio)))

    def view(self) -> View:
        """The visible part of the picture, and device pixels for each image pixel."""
        if self._placement is None:
            size = self._viewport()
            return View(Rect(0.0, 0.0, float(size.width), float(size.height)))
        view = self._placement.visible()[2]
        return view if self._turn is None else View(self._turn.inverse.rect(view.rect), view.scale)

    def fit(self) -> None:
        """Fit the whole picture into the canvas, now and whenever the canvas changes its size."""
        self._fitting = True
        self._update_placement()

    def actual_size(self) -> None:
        """Zoom to one device pixel for each image pixel, at the cursor where it is on the canvas."""
        self.zoom_to(1.0)

    def zoom_to(self, scale: float, at: QPointF | None = None) -> None:
        """Zoom to `scale` device pixels for each image pixel around `at` (default: the cursor, or else the centre)."""
        if self._placement is None:
            return
        point = at or self._cursor or QPointF(self.width() / 2, self.height() / 2)
        ratio = self.devicePixelRatioF()
        self._fitting = False
        self._placement = self._placement.zoomed(scale, point.x() * ratio, point.y() * ratio)
        self._update_placement()

    def show_rect(self, rect: Rect) -> None:
        """Zoom to a part of the picture, `rect` in image pixels, with some of what is around it."""
        if self._placement is None:
            return
        rect = rect if self._turn is None else self._turn.rect(rect)
        viewport = self._placement.viewport
        scale = RECT_SHARE * min(viewport.width / max(rect.width, 1.0), viewport.height / max(rect.height, 1.0))
        # Not beyond pixels that the eye can tell apart, unless the whole picture is that small.
        scale = min(scale, max(RECT_SCALE, self._placement.fit_scale))
        x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
        self._fitting = False
        placement = self._placement.zoomed(scale, 0.0, 0.0)
        at_x, at_y = placement.viewport_point(x, y)
        self._placement = placement.moved(viewport.width / 2 - at_x, viewport.height / 2 - at_y)
        self._update_placement()

    def image_position(self, point: QPointF) -> tuple[float, float] | None:
        """Convert a widget position to image pixels, also outside of the picture; None without a picture."""
        if self._placement is None:
            return None
        ratio = self.devicePixelRatioF()
        x, y = self._placement.image_point(point.x() * ratio, point.y() * ratio)
        return (x, y) if self._turn is None else self._turn.inverse.point(x, y)

    def widget_position(self, x: float, y: float) -> QPointF:
        """Convert (x, y) in image pixels to a widget position; (0, 0) without a picture."""
        if self._placement is None:
            return QPointF()
        ratio = self.devicePixelRatioF()
        x, y = (x, y) if self._turn is None else self._turn.point(x, y)
        x_px, y_px = self._placement.viewport_point(x, y)
        return QPointF(x_px / ratio, y_px / ratio)

    @property
    def space_held(self) -> bool:
        """Whether Space is held down, so that a drag pans, whatever the tool."""
        return self._space

    def match(self, other: Canvas) -> None:
        """Take over scale and centre from `other`, if it shows a picture of the same size."""
        target, current = other._placement, self._placement
        if target is None or current is None or target.content != current.content:
            return
        self._fitting = other._fitting
        placement = replace(current, scale=target.scale, left=target.left, top=target.top, viewport=target.viewport)
        self._placement = placement.resized(self._viewport())
        self._update_placement()

    def _update_placement(self) -> None:
        """Adapt the placement to the size of the widget, and emit `view_changed` if the view has changed."""
        if self._placement is not None:
            viewport = self._viewport()
            if viewport != self._placement.viewport:
                self._placement = self._placement.resized(viewport)
            if self._fitting:
                self._placement = self._placement.fitted()
            self.bar.show_zoom(self._placement.scale * 100)
        view = self.view()
        if view != self._view:
            self._view = view
            self.refresh()
            self.view_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._update_placement()
        self._place_bar()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._update_placement()
        elif isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            if self._placement is not None:
                self.zoom_to(self._placement.scale * (1.0 + event.value()), event.position())
            return True
        return (self._placement is not None and claims(event, (Qt.Key.Key_Space,))) or super().event(event)

    def _place_bar(self) -> None:
        self.bar.adjustSize()
        self.bar.move(self.width() - self.bar.width() - BAR_MARGIN, self.height() - self.bar.height() - BAR_MARGIN)

    def showEvent(self, event: QShowEvent) -> None:
        self._update_placement()
        self._place_bar()
        self._animate()

    def hideEvent(self, event: QHideEvent) -> None:
        self._animate()

    # Mouse ----------------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() / 120
        if notches and self._placement is not None:
            self.zoom_to(self._placement.scale * ZOOM_PER_NOTCH**notches, event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = event.button()
        if self._placement is None or button not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
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
            distance = (point - self._pressed).manhattanLength()
            if distance >= QApplication.startDragDistance():
                self._start_pan()
        if self._panning and self._placement is not None:
            delta = (point - self._last) * self.devicePixelRatioF()
            self._last = point
            self._fitting = False
            self._placement = self._placement.moved(delta.x(), delta.y())
            self._update_placement()
        self._hover(point)
        if self._tool is not None:
            self.update()

    def _hover(self, point: QPointF) -> None:
        position = self.image_position(point)
        content = self.content_size
        over = position is not None and content is not None
        if over and position is not None and content is not None:
            over = 0 <= position[0] < content.width and 0 <= position[1] < content.height
        if over and position is not None:
            self.hovered.emit(*position)
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
        position = self.image_position(event.position())
        if not panned and position is not None:
            self.clicked.emit(*position, event.modifiers())

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
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus) and self._placement is not None:
            factor = 1 / ZOOM_PER_NOTCH if key == Qt.Key.Key_Minus else ZOOM_PER_NOTCH
            self.zoom_to(self._placement.scale * factor)
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
        if self._render is None or self._placement is None:
            return
        pixels = self._render(self._placement.visible()[2])
        if pixels is None:
            return
        self._pixels = np.ascontiguousarray(pixels)
        height, width = self._pixels.shape[:2]
        self._image = QImage(self._pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        self._image.setDevicePixelRatio(self.devicePixelRatioF())

    def paintEvent(self, event: QPaintEvent) -> None:
        rendered = self._dirty
        if rendered:
            self._update_image()
        began = time.perf_counter()
        painter = QPainter(self)
        bare, covered = QRegion(event.rect()), QRectF()
        if self._image is not None and self._placement is not None:
            x, y, _ = self._placement.visible()
            ratio = self.devicePixelRatioF()
            covered = QRectF(QPointF(x / ratio, y / ratio), self._image.deviceIndependentSize())
            # Filling what the picture covers would take as long as the picture; at its edge that is a part of a pixel.
            bare -= QRegion(covered.toAlignedRect().adjusted(1, 1, -1, -1))
        painter.setClipRegion(bare)
        painter.fillRect(event.rect(), theme.colour("canvas"))
        painter.setClipping(False)
        if self._image is not None and self._placement is not None:
            painter.drawImage(covered.topLeft(), self._image)
            if self._stale:
                painter.fillRect(covered, theme.colour("canvas", STALE_DIM))
        if self._stale:
            self._paint_stale_line(painter)
        elif self._age_secs > 0:
            paint_age(painter, self._age_secs, self.width())
        if self._tool is not None and self._over and self._cursor is not None:
            paint_cross_hair(painter, self._cursor, self.size())
        painter.end()
        if rendered and self._image is not None:
            self.painted.emit(time.perf_counter() - began)

    def _paint_stale_line(self, painter: QPainter) -> None:
        painter.fillRect(QRectF(0, 0, self.width(), STALE_LINE), theme.colour("line"))
        length = self.width() * 0.25
        start = self._phase * (self.width() + length) - length
        painter.fillRect(QRectF(start, 0, length, STALE_LINE), theme.colour("accent"))
