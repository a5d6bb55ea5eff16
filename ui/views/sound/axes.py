"""Axes and the view box that the plots of a sound share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from cvstudio.data.sound.frequency_scale import Scale, frequency, position
from ui.base import theme

AXIS_WIDTH = 64
"""Width of the axis on the left of each plot, so that their times stand one above the other."""

_MARKED_HZ = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000)
_LEAST_GAP_PX = {"left": 28, "bottom": 68}
"""Least distance in pixels between two marks of a scale that is not linear, by the side of the axis: side by side their
texts take more room than one above the other."""


class TimeAxis(pg.AxisItem):
    """Time axis in seconds, with minutes where needed."""

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        decimals = max(0, -int(np.floor(np.log10(spacing))) if spacing < 1 else 0)
        return [self._text(value, decimals) for value in values]

    @staticmethod
    def _text(secs: float, decimals: int) -> str:
        if secs < 60:
            return f"{secs:.{decimals}f} s"
        minutes, seconds = divmod(round(secs, decimals), 60)
        return f"{minutes:.0f}:{seconds:0{3 + decimals if decimals else 2}.{decimals}f}"


def hertz_text(hertz: float) -> str:
    """A frequency on an axis."""
    return f"{hertz / 1000:g} kHz" if hertz >= 1000 else f"{hertz:g} Hz"


class FrequencyAxis(pg.AxisItem):
    """Frequency axis in Hz, and in kHz from 1000 Hz, of any scale; or names of rows, see `set_names`."""

    def __init__(self, orientation: str) -> None:
        self._frequency_scale: Scale = "linear"
        self._names: tuple[str, ...] = ()
        super().__init__(orientation)

    def set_scale(self, scale: Scale) -> None:
        """Set the scale that the places of the plot are on."""
        self._frequency_scale, self._names = scale, ()
        self.picture = None
        self.update()

    def set_names(self, names: tuple[str, ...]) -> None:
        """Name row k, whose centre is at k."""
        self._names = names
        self.picture = None
        self.update()

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        low, high = sorted((low, high))
        if self._names:
            step = max(1, round(_LEAST_GAP_PX[self.orientation] * (high - low) / max(1.0, size) / 2))
            return [(step, [float(row) for row in range(0, len(self._names), step) if low <= row <= high])]
        if self._frequency_scale == "linear":
            return super().tickValues(low, high, size)
        marks: list[float] = []
        for hertz in self._candidates(low, high):
            place = position(self._frequency_scale, hertz)
            gap = _LEAST_GAP_PX[self.orientation] * (high - low) / max(1.0, size)
            if low <= place <= high and all(abs(place - other) >= gap for other in marks):
                marks.append(place)
        return [(1.0, marks)]

    def _candidates(self, low: float, high: float) -> Sequence[float]:
        """Round frequencies, coarse ones first, then finer ones where the view is narrow."""
        first, last = (frequency(self._frequency_scale, place) for place in (low, high))
        if last <= first:
            return ()
        fine = 10 ** np.floor(np.log10(max(1e-3, (last - first) / 4)))
        between = np.arange(np.ceil(first / fine), np.floor(last / fine) + 1) * fine
        return (*_MARKED_HZ, *between[: 4 * len(_MARKED_HZ)].tolist())

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        if self._names:
            return [self._names[round(value)] for value in values]
        hertz = [float(f"{frequency(self._frequency_scale, float(value)):.6g}") for value in values]
        return [hertz_text(value) for value in hertz]


class TimeViewBox(pg.ViewBox):
    """View box whose wheel zooms the time axis; with Shift, or over the frequency axis, the frequency axis.

    A drag moves the view; with Shift, or where `box_zoom` is set, it draws a box that the view is zoomed to.
    """

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.box_zoom = False

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:
        if axis is None:
            axis = 1 if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 0
        super().wheelEvent(event, axis)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        box = self.box_zoom or bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        self.state["mouseMode"] = self.RectMode if box else self.PanMode
        super().mouseDragEvent(event, axis)


def bare_plot(plot: pg.PlotWidget) -> None:
    """Take pyqtgraph's own frame, buttons and menu from a plot, and align its axis."""
    plot.setFrameShape(plot.Shape.NoFrame)
    plot.hideButtons()
    # pyqtgraph's own menu, which we do not show, has no parent: it would outlive the window.
    menu = plot.getPlotItem().ctrlMenu
    menu.setParent(plot, menu.windowFlags())  # without the flags it would be shown within this widget
    plot.getAxis("left").setWidth(AXIS_WIDTH)


def dress(plot: pg.PlotWidget) -> None:
    """Colours of the theme for background and axes."""
    plot.setBackground(theme.colour("window"))
    for side in ("bottom", "left"):
        axis = plot.getAxis(side)
        axis.setPen(theme.colour("line"))
        axis.setTextPen(theme.colour("quiet"))
        axis.setStyle(tickFont=theme.app_font(theme.SMALL_PX), tickLength=-4)
