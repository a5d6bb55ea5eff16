"""A spectrogram as a picture: time to the right, frequency upwards, one pixel per column and bin at scale 1."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, View, readonly
from cvstudio.draw.base import Emphasis, Look, grid_origin, paints
from cvstudio.draw.sound.spectrogram_levels import render_levels
from cvstudio.results.spectrogram import Spectrogram

_NUDGE = 1e-3
"""Offset, in cells, that keeps rounding from assigning an edge between two cells to the cell before."""


@functools.cache
def colour_lut(name: str) -> NDArray[np.uint8]:
    """256 RGB colours from dark to bright, uint8 (256, 3), perceptually uniform."""
    import cv2

    ramp = np.arange(256, dtype=np.uint8)
    if name == "grey":
        return readonly(np.repeat(ramp[:, None], 3, axis=1))
    code = {"viridis": cv2.COLORMAP_VIRIDIS, "magma": cv2.COLORMAP_MAGMA, "cividis": cv2.COLORMAP_CIVIDIS}[name]
    return readonly(cv2.applyColorMap(ramp[:, None], code)[:, 0, ::-1])


def extent(result: Spectrogram, rect: Rect) -> tuple[tuple[float, float], tuple[float, float]]:
    """Left and right edge in seconds, and lower and upper edge on the frequency axis, of the part `rect` (in columns
    and rows) of the picture."""
    bins = result.size.height
    secs, hz = result.hop / result.rate_hz, result.rate_hz / result.window
    # A cell is centred at its time and frequency; row 0 of the picture is the highest bin.
    times = ((rect.x - 0.5 + _NUDGE) * secs, (rect.right - 0.5 + _NUDGE) * secs)
    rows = bins - rect.bottom + _NUDGE, bins - rect.y + _NUDGE
    if result.axis == "linear" and result.band_limits_hz is None:
        return times, ((rows[0] - 0.5) * hz, (rows[1] - 0.5) * hz)
    # On another scale the rows of the picture are even steps of the axis, of which each shows the bins within.
    low, high = result.axis_range
    return times, (low + rows[0] / bins * (high - low), low + rows[1] / bins * (high - low))


def spectrogram_picture(result: Spectrogram, rect: Rect, size: Size, colour_map: str) -> NDArray[np.uint8]:
    """The part `rect` of the picture (in columns and rows), uint8 RGB (h, w, 3) of `size`.

    A pixel shows the maximum of its cells, so that a click stays visible where many columns share a pixel.
    """
    return np.asarray(colour_lut(colour_map)[render_levels(result, *extent(result, rect), size)])


def whole_spectrogram(result: Spectrogram, look: Look, widest: int) -> NDArray[np.uint8]:
    """The computed columns, one pixel per column and bin: uint8 RGB (bins, at most `widest`, 3). A longer spectrogram
    is reduced by the maximum of adjacent columns, so that other programs can open the picture."""
    size = result.size
    columns = max(1, result.columns_done)
    whole = Rect(0, 0, columns, size.height)
    return spectrogram_picture(result, whole, Size(min(columns, widest), size.height), look.colour_map)


@paints(Spectrogram, whole=whole_spectrogram)
def paint_spectrogram(
    result: Spectrogram, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    paint_columns(
        result, canvas, view, look, lambda rect, size: spectrogram_picture(result, rect, size, look.colour_map)
    )


class Columns(Protocol):
    """A result that is computed column by column."""

    @property
    def size(self) -> Size: ...

    @property
    def columns_done(self) -> int: ...


def paint_columns(
    result: Columns,
    canvas: NDArray[np.uint8],
    view: View,
    look: Look,
    picture: Callable[[Rect, Size], NDArray[np.uint8]],
) -> None:
    """Paint what `picture` makes of the visible columns of `result` that are computed."""
    import cv2

    x, y = grid_origin(view)
    size = result.size
    # Only computed columns are painted; the rest stays background.
    left, right = max(0, -x), min(canvas.shape[1], int(result.columns_done * view.scale) - x)
    top, bottom = max(0, -y), min(canvas.shape[0], round(size.height * view.scale) - y)
    if left >= right or top >= bottom or look.opacity <= 0:
        return
    shown = Size(right - left, bottom - top)
    across, down = shown.width / view.scale, shown.height / view.scale
    rect = Rect((x + left) / view.scale, (y + top) / view.scale, across, down)
    part = picture(rect, shown)
    place = canvas[top:bottom, left:right]
    place[:] = part if look.opacity >= 1 else cv2.addWeighted(part, look.opacity, place, 1 - look.opacity, 0)
