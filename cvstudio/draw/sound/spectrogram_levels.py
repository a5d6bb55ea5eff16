"""Levels of a spectrogram resampled for display."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.results.spectrogram import Spectrogram


def render_levels(
    spectrogram: Spectrogram, time_range: tuple[float, float], freq_range: tuple[float, float], size: Size
) -> NDArray[np.uint8]:
    """Resample a part of a spectrogram by maximum.

    Parameters
    ----------
    spectrogram : Spectrogram
    time_range : left and right edge in seconds; a column extends half a hop to either side of its time
    freq_range : lower and upper edge on the spectrogram's `axis`, which are Hz on a linear one; a row extends half its
        width to either side of its frequency
    size : size of the output in pixels

    Returns
    -------
    uint8 (height, width)
        Row 0 is the highest frequency. 0 is `show_low_db` or less, 255 is `show_high_db` or more. A pixel is the
        maximum of the cells that begin in it, so that a click of a millisecond stays visible; 0 without cells.
    """
    rows, columns = spectrogram.levels.shape
    times = np.linspace(*time_range, size.width + 1) * (spectrogram.rate_hz / spectrogram.hop)
    across, has_column = cells_of(times, min(columns, spectrogram.columns_done))
    upwards, has_bin = cells_of(spectrogram.row_at(np.linspace(*freq_range, size.height + 1)), rows)
    if across is None or upwards is None:
        return np.zeros((size.height, size.width), np.uint8)
    part = spectrogram.levels[upwards[0] : upwards[-1], across[0] : across[-1]]
    # Along rows first: they are contiguous, and what remains for the columns is small. Brighter levels stay brighter.
    part = _display_table(spectrogram)[_maxima(part, across - across[0], axis=1)]
    part[:, ~has_column] = 0
    brightness = _maxima(part, upwards - upwards[0], axis=0)
    brightness[~has_bin] = 0
    return np.ascontiguousarray(brightness[::-1])


def _maxima(levels: NDArray[np.uint8], starts: NDArray[np.intp], axis: int) -> NDArray[np.uint8]:
    """Maxima of the cells of each pixel along one axis; `starts` as of `cells_of`."""
    if np.diff(starts).max() <= 1:
        # No pixel has two cells: copying them is a hundred times as fast.
        return np.take(levels, starts[:-1], axis)
    maxima: NDArray[np.uint8] = np.maximum.reduceat(levels, starts[:-1], axis)
    return maxima


def cells_of(places: NDArray[np.float64], count: int) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
    """Boundaries of the cells of each pixel along one axis.

    Parameters
    ----------
    places : float64 (pixels + 1,), edges of the pixels, in cells; cell k is centred at k
    count : number of cells

    Returns
    -------
    starts : intp (pixels + 1,), first cell of each pixel and the end of the last; None where no pixel has a cell
    has_cell : bool (pixels,), which pixels have a cell
    """
    edges = np.floor(places + 0.5).astype(np.intp)
    has_cell = (edges[:-1] < count) & (np.maximum(edges[1:], edges[:-1] + 1) > 0)
    if not has_cell.any():
        return None, has_cell
    starts = np.clip(edges[:-1], 0, count - 1)
    stop = min(max(int(edges[-1]), int(starts[-1]) + 1), count)
    return np.append(starts, stop), has_cell


def _display_table(spectrogram: Spectrogram) -> NDArray[np.uint8]:
    """Brightness by level, uint8 (256,), for the displayed range of decibels."""
    decibels = np.linspace(spectrogram.low_db, spectrogram.high_db, 256)
    brightness = (decibels - spectrogram.show_low_db) / (spectrogram.show_high_db - spectrogram.show_low_db)
    return (np.clip(brightness, 0, 1) * 255 + 0.5).astype(np.uint8)
