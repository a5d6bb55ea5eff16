"""The newest stretch of a sound that still grows, as levels in time and frequency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.sound.frequency_scale import Scale, frequency, position
from cvstudio.data.sound.spectra import full_scale, power_spectra, window_samples, window_values

if TYPE_CHECKING:
    from numpy.typing import NDArray


class RollingLevels:
    """A picture of levels whose newest column is on the right.

    Parameters
    ----------
    rate_hz : of the sound
    rows, columns : size of the picture; the highest row is half the rate
    secs : of all columns
    window_secs : length of a Hann window, of which `secs / columns` is the step
    scale : of the rows
    low_db, high_db : of a full-scale sine, levels of 0 and 255

    Attributes
    ----------
    levels : uint8 (rows, columns), written by `add`
    limits_hz : float64 (rows + 1,), frequencies between the rows, the highest first
    """

    def __init__(
        self,
        rate_hz: int,
        rows: int,
        columns: int,
        secs: float,
        *,
        window_secs: float = 0.032,
        scale: Scale = "mel",
        low_db: float = -100.0,
        high_db: float = 0.0,
    ) -> None:
        self.levels = np.zeros((rows, columns), np.uint8)
        self._hop = max(1, round(secs * rate_hz / columns))
        weights = window_values("hann", window_samples(window_secs, rate_hz))
        self._weights, self._unit = weights, full_scale(weights)
        ends = position(scale, np.array([0.0, rate_hz / 2]))
        self.limits_hz = frequency(scale, np.linspace(ends[1], ends[0], rows + 1))
        # Each row is the loudest of the bins in it, or the nearest one where it has none.
        edges = np.rint(self.limits_hz[::-1] * len(weights) / rate_hz).astype(np.intp)
        self._starts = np.minimum(edges[:-1], len(weights) // 2)
        self._low_db, self._per_db = low_db, 255 / (high_db - low_db)
        self._rest = np.zeros((1, 0), np.float32)

    def add(self, samples: NDArray[np.float32]) -> int:
        """Append samples float32 (channels, n), whose powers are averaged; returns the number of new columns."""
        if self._rest.shape[0] != samples.shape[0]:
            self._rest = np.zeros((samples.shape[0], 0), np.float32)
        segment = np.concatenate((self._rest, samples), axis=1)
        window = len(self._weights)
        count: int = max(0, (segment.shape[1] - window) // self._hop + 1)
        self._rest = segment[:, count * self._hop :]
        if not count:
            return 0
        power = power_spectra(segment[:, : (count - 1) * self._hop + window], self._weights, self._hop)
        decibels = 10 * np.log10(np.maximum(power / self._unit, 1e-30))
        # `reduceat` gives the value at a start that does not lie before the next one.
        rows = np.maximum.reduceat(decibels, self._starts, axis=1)[:, ::-1].T
        levels = np.clip((rows - self._low_db) * self._per_db + 0.5, 0, 255).astype(np.uint8)
        kept = min(count, self.levels.shape[1])
        self.levels[:, :-kept] = self.levels[:, kept:].copy()
        self.levels[:, -kept:] = levels[:, -kept:]
        return count
