"""A slider for one value: drag, arrows, double-click to reset."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from cvstudio.foundation.params import Range
from ui.base.keys import SLIDER_KEYS, claims
from ui.widgets.slider_input import PAGE_STEPS, press_key, turn_wheel
from ui.widgets.track import HANDLE_RADIUS, Scale, number, paint_groove, paint_handle, snapped, step_of


class Slider(QSlider):
    """Slider for one value, derived from Qt's, so that assistive technology can read and move it.

    Signals
    -------
    edited : value, dragging; the user moved it
    released : value; the user let it go
    reset_requested : double-click or Backspace
    """

    edited = Signal(float, bool)
    released = Signal(float)
    reset_requested = Signal()

    def __init__(self, bounds: Range = Range(0, 1), parent: QWidget | None = None) -> None:  # noqa: B008
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._range = bounds
        self._number = bounds.low
        self._dragging = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.set_range(bounds)

    def set_range(self, bounds: Range) -> None:
        """Change the bounds without a signal."""
        self._range = bounds
        blocked = self.blockSignals(True)
        self.setRange(0, max(0, self._position(bounds.high)))
        self.setPageStep(PAGE_STEPS)
        self.blockSignals(blocked)
        self._show(min(max(self._number, bounds.low), bounds.high))

    @property
    def number(self) -> float:
        """The value in the unit of the range."""
        return self._number

    @property
    def dragging(self) -> bool:
        return self._dragging

    def set_number(self, value: float) -> None:
        """Show `value` without a signal; it may lie between two steps."""
        value = min(max(value, self._range.low), self._range.high)
        # A tick of one slider sets the values of all sliders of its form.
        if value != self._number or self._position(value) != self.value():
            self._show(value)

    def _position(self, value: float) -> int:
        """Position of Qt's slider for a value."""
        return round((value - self._range.low) / step_of(self._range))

    def _show(self, value: float) -> None:
        self._number = value
        blocked = self.blockSignals(True)
        self.setValue(self._position(value))
        self.blockSignals(blocked)
        self.setAccessibleDescription(number(self._number, self._range))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(96, 24)

    def minimumSizeHint(self) -> QSize:
        return QSize(48, 24)

    def _scale(self) -> Scale:
        margin = HANDLE_RADIUS + 3
        return Scale(self._range, margin, self.width() - margin)

    def _move_to(self, value: float, *, dragging: bool) -> None:
        if value != self._number:
            self.set_number(value)
            self.edited.emit(self._number, dragging)

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._dragging = True
        # A press on the handle does not move it, so that a click or double-click there changes nothing.
        if abs(event.position().x() - self._scale().position(self._number)) > HANDLE_RADIUS + 1:
            self._move_to(self._scale().value(event.position().x()), dragging=True)
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._dragging:
            self._move_to(self._scale().value(event.position().x()), dragging=True)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._dragging and event.button() == Qt.MouseButton.LeftButton:
            self._dragging = False
            self.update()
            self.released.emit(self._number)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.reset_requested.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        press_key(self, self._range, event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        turn_wheel(self, event)

    def step_by(self, count: int) -> None:
        self._move_to(snapped(self._number + count * step_of(self._range), self._range), dragging=False)

    def go_to(self, value: float) -> None:
        self._move_to(value, dragging=False)

    def paintEvent(self, event: QPaintEvent) -> None:
        scale = self._scale()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        position = scale.position(self._number)
        rect = QRectF(scale.left, 0, scale.right - scale.left, self.height())
        paint_groove(painter, rect, scale.left, position, enabled=self.isEnabled())
        paint_handle(
            painter,
            QPointF(position, rect.center().y()),
            enabled=self.isEnabled(),
            hot=self.underMouse() or self._dragging,
            focused=self.hasFocus(),
        )
        painter.end()
