"""Levels of a spectrogram as they are seen: resampled to the screen, in colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.results.spectrogram import Spectrogram


def render_levels(
    spectrogram: Spectrogram, time_range: tuple[float, float], freq_range: tuple[float, float], size: Size
) -> NDArray[np.uint8]:
    """What is drawn of a part of a spectrogram.

    Parameters
    ----------
    spectrogram : Spectrogram
    time_range : seconds, left and right edge; a column spans half a hop to either side of its time
    freq_range : Hz, lower and upper edge; a bin spans half of its width to either side of its frequency
    size : pixels

    Returns
    -------
    uint8 (height, width)
        Row 0 is the highest frequency. 0 is `show_low_db` or less, 255 is `show_high_db` or more. A pixel shows the
        loudest of the cells that begin in it, so that a click of a millisecond never vanishes; 0 where there is
        nothing.
    """
    bins, columns = spectrogram.levels.shape
    columns_secs = spectrogram.hop / spectrogram.rate_hz
    bins_hz = spectrogram.rate_hz / spectrogram.window
    across, has_column = _cells(time_range, columns_secs, min(columns, spectrogram.columns_done), size.width)
    upwards, has_bin = _cells(freq_range, bins_hz, bins, size.height)
    if across is None or upwards is None:
        return np.zeros((size.height, size.width), np.uint8)
    part = spectrogram.levels[upwards[0] : upwards[-1], across[0] : across[-1]]
    # Along a row first: that is the fast way through memory, and it leaves little for the other.
    part = np.maximum.reduceat(part, across[:-1] - across[0], axis=1)
    part = np.maximum.reduceat(part, upwards[:-1] - upwards[0], axis=0)
    shown = _display_table(spectrogram)[part]
    shown[~has_bin] = 0
    shown[:, ~has_column] = 0
    return np.ascontiguousarray(shown[::-1])


def _cells(
    span: tuple[float, float], cell: float, count: int, pixels: int
) -> tuple[NDArray[np.intp] | None, NDArray[np.bool_]]:
    """The first cell of each pixel and, at the end, the one after the last; which pixels show any cell.

    None where no pixel does. Cell k lies around k * `cell`.
    """
    edges = np.floor(np.linspace(span[0], span[1], pixels + 1) / cell + 0.5).astype(np.intp)
    shown = (edges[:-1] < count) & (np.maximum(edges[1:], edges[:-1] + 1) > 0)
    if not shown.any():
        return None, shown
    starts = np.clip(edges[:-1], 0, count - 1)
    stop = min(max(int(edges[-1]), int(starts[-1]) + 1), count)
    return np.append(starts, stop), shown


def _display_table(spectrogram: Spectrogram) -> NDArray[np.uint8]:
    decibels = np.linspace(spectrogram.low_db, spectrogram.high_db, 256)
    shown = (decibels - spectrogram.show_low_db) / (spectrogram.show_high_db - spectrogram.show_low_db)
    return (np.clip(shown, 0, 1) * 255 + 0.5).astype(np.uint8)
