"""Track of a slider: values on a grid of steps, their positions in pixels, and the painting of groove and handle."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from cvstudio.foundation.params import Range
from ui.base import theme

HANDLE_RADIUS = 6.0
GROOVE_HEIGHT = 4.0


@dataclass(frozen=True)
class Scale:
    """Mapping between the values of a range and the positions `left`..`right` in widget pixels."""

    range: Range
    left: float
    right: float

    def position(self, value: float) -> float:
        """The position of `value` in widget pixels."""
        span = self.range.high - self.range.low
        share = (value - self.range.low) / span if span > 0 else 0.0
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def value(self, position: float) -> float:
        """The value on the grid of steps nearest to `position`."""
        length = max(self.right - self.left, 1.0)
        share = min(max((position - self.left) / length, 0.0), 1.0)
        return snapped(self.range.low + share * (self.range.high - self.range.low), self.range)


def step_of(bounds: Range) -> float:
    """The step of a range, above 0; a hundredth of the range where the declared one leaves fewer than two values."""
    span = bounds.high - bounds.low
    if 0 < bounds.step <= span:
        return bounds.step
    return span / 100 if span > 0 else 1.0


def decimals_of(bounds: Range) -> int:
    """Number of decimals that distinguish two neighbouring steps, 0..6."""
    step = step_of(bounds)
    return next((n for n in range(6) if math.isclose(step, round(step, n), rel_tol=1e-6)), 6)


def snapped(value: float, bounds: Range) -> float:
    """`value` clipped to the range and rounded to its grid of steps, whose last value is always the upper bound."""
    if value >= bounds.high:
        return bounds.high
    step = step_of(bounds)
    count = round((max(value, bounds.low) - bounds.low) / step)
    # Rounding removes the error of binary fractions: 0.1 * 3 becomes 0.3.
    return float(min(round(bounds.low + count * step, 10), bounds.high))


def number(value: float, bounds: Range) -> str:
    """`value` as text with its unit."""
    text = f"{value:.{decimals_of(bounds)}f}"
    return f"{text} {bounds.unit}" if bounds.unit else text


def paint_groove(painter: QPainter, rect: QRectF, start: float, stop: float, *, enabled: bool) -> None:
    """Paint the groove along the middle of `rect`, filled between the positions `start` and `stop`."""
    radius = GROOVE_HEIGHT / 2
    groove = QRectF(rect.left(), rect.center().y() - radius, rect.width(), GROOVE_HEIGHT)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.colour("edge", 0.55))
    painter.drawRoundedRect(groove, radius, radius)
    painter.setBrush(theme.colour("accent" if enabled else "disabled"))
    painter.drawRoundedRect(QRectF(start, groove.top(), max(stop - start, 0.0), GROOVE_HEIGHT), radius, radius)


def paint_handle(painter: QPainter, centre: QPointF, *, enabled: bool, hot: bool, focused: bool) -> None:
    """Paint a round handle; `hot` under the mouse, `focused` where the keyboard acts on it."""
    if focused:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("accent", 0.35))
        painter.drawEllipse(centre, HANDLE_RADIUS + 3, HANDLE_RADIUS + 3)
    fill: QColor = theme.colour("text" if enabled else "disabled")
    painter.setPen(QPen(theme.colour("panel"), 2))
    painter.setBrush(theme.colour("accent") if hot and enabled else fill)
    painter.drawEllipse(centre, HANDLE_RADIUS, HANDLE_RADIUS)
