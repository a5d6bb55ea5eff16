"""Cepstral coefficients over time, one above the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, View
from cvstudio.draw.base import Emphasis, Look, paints
from cvstudio.draw.sound.spectrogram_levels import cells_of
from cvstudio.draw.spectrogram import colour_lut, paint_columns
from cvstudio.results.sound.cepstrum import ROW_PIXELS, Cepstrum

SPAN = 3.0
"""Standard deviations from the mean of a coefficient that are drawn darkest and brightest."""

_NUDGE = 1e-3
"""Offset, in cells, that keeps rounding from assigning an edge between two cells to the cell before."""


def cepstrum_levels(
    cepstrum: Cepstrum, times: tuple[float, float], rows: tuple[float, float], size: Size
) -> NDArray[np.uint8]:
    """Coefficients within edges in seconds and rows, uint8 (h, w) of `size`, the highest row first.

    A pixel is the mean of its columns, of each row by itself, as coefficients of low order are many times as large as
    the others: 128 is the mean of the whole sound. 0 without a column.
    """
    places = np.linspace(*times, size.width + 1) * (cepstrum.rate_hz / cepstrum.hop)
    across, has_column = cells_of(places, cepstrum.columns_done)
    upwards, has_row = cells_of(np.linspace(*rows, size.height + 1), len(cepstrum.names))
    if across is None or upwards is None:
        return np.zeros((size.height, size.width), np.uint8)
    first, last = int(across[0]), int(across[-1])
    starts = across[:-1] - first
    # Where pixels are narrower than columns, `reduceat` gives the one cell that begins there.
    counts = np.maximum(np.diff(np.append(starts, last - first)), 1)
    means = np.add.reduceat(cepstrum.coefficients[:, first:last], starts, axis=1) / counts.astype(np.float32)
    mean, deviation = cepstrum.spread()
    levels = np.clip((means - mean) * (127 / (SPAN * deviation)) + 128.5, 0, 255).astype(np.uint8)
    picture = levels[upwards[:-1]]
    picture[~has_row] = 0
    picture[:, ~has_column] = 0
    return np.ascontiguousarray(picture[::-1])


def _picture(cepstrum: Cepstrum, rect: Rect, size: Size, colour_map: str) -> NDArray[np.uint8]:
    secs = cepstrum.hop / cepstrum.rate_hz
    rows = len(cepstrum.names)
    times = ((rect.x - 0.5 + _NUDGE) * secs, (rect.right - 0.5 + _NUDGE) * secs)
    edges = (rows - rect.bottom / ROW_PIXELS - 0.5 + _NUDGE, rows - rect.y / ROW_PIXELS - 0.5 + _NUDGE)
    return np.asarray(colour_lut(colour_map)[cepstrum_levels(cepstrum, times, edges, size)])


def whole_cepstrum(cepstrum: Cepstrum, look: Look, widest: int) -> NDArray[np.uint8]:
    """The computed columns, one pixel per column: uint8 RGB (h, at most `widest`, 3)."""
    columns, height = max(1, cepstrum.columns_done), cepstrum.size.height
    return _picture(cepstrum, Rect(0, 0, columns, height), Size(min(columns, widest), height), look.colour_map)


@paints(Cepstrum, whole=whole_cepstrum)
def paint_cepstrum(cepstrum: Cepstrum, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    paint_columns(cepstrum, canvas, view, look, lambda rect, size: _picture(cepstrum, rect, size, look.colour_map))
