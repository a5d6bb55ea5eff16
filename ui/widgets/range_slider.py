"""A slider for an interval over the histogram of the values that it thresholds."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Range
from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims
from ui.widgets.slider_input import press_key, turn_wheel
from ui.widgets.track import HANDLE_RADIUS, Scale, number, paint_groove, paint_handle, snapped, step_of

PLAIN_HEIGHT = 24
HISTOGRAM_HEIGHT = 64
REACH = 10.0

Grip = Literal["low", "high", "both"]
Interval = tuple[float, float]


class RangeSlider(QWidget):
    """Slider with two handles: drag an end, drag between the ends to move both, or click to move the nearer end.

    The keyboard acts on the focused end; Tab and Shift+Tab switch between the ends before they leave the slider.

    Signals
    -------
    edited : (low, high), dragging; the user moved it
    released : (low, high); the user let it go
    reset_requested : double-click or Backspace
    """

    edited = Signal(object, bool)
    released = Signal(object)
    reset_requested = Signal()

    def __init__(self, bounds: Range = Range(0, 1), parent: QWidget | None = None) -> None:  # noqa: B008
        super().__init__(parent)
        self._range = bounds
        self._interval: Interval = (bounds.low, bounds.high)
        self._histogram: Histogram | None = None
        self._grip: Grip | None = None
        self._hover: Grip | None = None
        self._focused: Literal["low", "high"] = "low"
        self._pressed_at = 0.0
        self._pressed_interval = self._interval
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._describe()

    @property
    def interval(self) -> Interval:
        return self._interval

    @property
    def dragging(self) -> bool:
        return self._grip is not None

    def set_range(self, bounds: Range) -> None:
        """Change the bounds without a signal."""
        self._range = bounds
        self.set_interval(self._interval)

    def set_interval(self, interval: Interval) -> None:
        """Show an interval without a signal."""
        low, high = (min(max(value, self._range.low), self._range.high) for value in interval)
        self._interval = (low, max(low, high))
        self._describe()
        self.update()

    def set_histogram(self, histogram: Histogram | None) -> None:
        """Paint `histogram` behind the track; None removes it."""
        had_histogram = self._histogram is not None
        self._histogram = histogram
        if had_histogram != (histogram is not None):
            self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, HISTOGRAM_HEIGHT if self._histogram is not None else PLAIN_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, self.sizeHint().height())

    def _describe(self) -> None:
        low, high = (number(value, self._range) for value in self._interval)
        self.setAccessibleDescription(self.tr("{low} to {high}").format(low=low, high=high))

    def _scale(self) -> Scale:
        margin = HANDLE_RADIUS + 3
        return Scale(self._range, margin, self.width() - margin)

    def _grip_at(self, x: float) -> Grip | None:
        low, high = (self._scale().position(value) for value in self._interval)
        to_low, to_high = abs(x - low), abs(x - high)
        if min(to_low, to_high) <= REACH:
            if to_low == to_high:
                return "low" if x < low else "high"
            return "low" if to_low < to_high else "high"
        return "both" if low < x < high else None

    def _change(self, interval: Interval, *, dragging: bool) -> None:
        if interval != self._interval:
            self.set_interval(interval)
            self.edited.emit(self._interval, dragging)

    def _move_end(self, grip: Grip, value: float, *, dragging: bool) -> None:
        low, high = self._interval
        self._change((min(value, high), high) if grip == "low" else (low, max(value, low)), dragging=dragging)

    # Mouse ----------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        x = event.position().x()
        grip = self._grip_at(x)
        if grip is None:
            low, high = (self._scale().position(value) for value in self._interval)
            grip = "low" if abs(x - low) < abs(x - high) else "high"
            self._grip = grip
            self._move_end(grip, self._scale().value(x), dragging=True)
        self._grip = grip
        if grip != "both":
            self._focused = "low" if grip == "low" else "high"
        self._pressed_at, self._pressed_interval = x, self._interval
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        x = event.position().x()
        if self._grip is None:
            self._set_hover(self._grip_at(x))
        elif self._grip == "both":
            self._change(self._shifted(x), dragging=True)
        else:
            # The end keeps its distance to the mouse, so that a press alone does not move it.
            end = self._pressed_interval[0 if self._grip == "low" else 1]
            position = self._scale().position(end) + x - self._pressed_at
            if x != self._pressed_at:
                self._move_end(self._grip, self._scale().value(position), dragging=True)

    def _shifted(self, x: float) -> Interval:
        scale = self._scale()
        low, high = self._pressed_interval
        span = self._range.high - self._range.low
        offset = (x - self._pressed_at) / max(scale.right - scale.left, 1.0) * span
        step = step_of(self._range)
        offset = round(offset / step) * step
        offset = min(max(offset, self._range.low - low), self._range.high - high)
        return (round(low + offset, 10), round(high + offset, 10))

    def _set_hover(self, grip: Grip | None) -> None:
        if grip != self._hover:
            self._hover = grip
            shape = Qt.CursorShape.SizeHorCursor if grip == "both" else Qt.CursorShape.ArrowCursor
            self.setCursor(shape)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._grip is not None and event.button() == Qt.MouseButton.LeftButton:
            self._grip = None
            self.update()
            self.released.emit(self._interval)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.reset_requested.emit()

    def leaveEvent(self, event: QEvent) -> None:
        self._set_hover(None)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn_wheel(self, event)

    # Keyboard -------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def focusNextPrevChild(self, forwards: bool) -> bool:
        next_end: Literal["low", "high"] = "high" if forwards else "low"
        if self._focused != next_end:
            self._focused = next_end
            self.update()
            return True
        return super().focusNextPrevChild(forwards)

    def focusInEvent(self, event: QFocusEvent) -> None:
        reason = event.reason()
        if reason == Qt.FocusReason.TabFocusReason:
            self._focused = "low"
        elif reason == Qt.FocusReason.BacktabFocusReason:
            self._focused = "high"
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        press_key(self, self._range, event)

    def step_by(self, count: int) -> None:
        value = self._interval[0 if self._focused == "low" else 1] + count * step_of(self._range)
        self.go_to(snapped(value, self._range))

    def go_to(self, value: float) -> None:
        self._move_end(self._focused, value, dragging=False)

    # Painting -------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        scale = self._scale()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = (scale.position(value) for value in self._interval)
        band = QRectF(scale.left, self.height() - PLAIN_HEIGHT, scale.right - scale.left, PLAIN_HEIGHT)
        if self._histogram is not None:
            self._paint_histogram(painter, scale, low, high, band.center().y())
        paint_groove(painter, band, low, high, enabled=self.isEnabled())
        for name, position in (("low", low), ("high", high)):
            paint_handle(
                painter,
                QPointF(position, band.center().y()),
                enabled=self.isEnabled(),
                hot=name in (self._hover, self._grip) or self._grip == "both",
                focused=self.hasFocus() and self._focused == name,
            )
        painter.end()

    def _paint_histogram(self, painter: QPainter, scale: Scale, low: float, high: float, floor: float) -> None:
        curve = self._curve(scale, floor)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("edge", 0.45))
        painter.drawPath(curve)
        painter.save()
        painter.setClipRect(QRectF(low, 0, high - low, floor))
        painter.setBrush(theme.colour("accent", 0.75 if self.isEnabled() else 0.25))
        painter.drawPath(curve)
        painter.restore()

    def _curve(self, scale: Scale, floor: float) -> QPainterPath:
        histogram = self._histogram
        path = QPainterPath(QPointF(scale.left, floor))
        if histogram is None or not histogram.counts.size or not histogram.counts.any():
            return path
        # The square root keeps small bins visible beside the one with the whole background.
        heights = np.sqrt(histogram.counts / histogram.counts.max()) * (floor - 2)
        edges = np.linspace(histogram.low, histogram.high, histogram.counts.size + 1)
        for index, height in enumerate(heights):
            left, right = scale.position(edges[index]), scale.position(edges[index + 1])
            path.lineTo(left, floor - height)
            path.lineTo(right, floor - height)
        path.lineTo(scale.position(float(edges[-1])), floor)
        path.closeSubpath()
        return path
