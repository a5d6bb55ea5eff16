"""Extremes of a sound at several resolutions, so that any part of hours of it is drawn at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_BLOCK = 256
"""Samples of a cell of the finest level, of which very long sounds have more."""

FACTOR = 4
"""Cells of a level that a cell of the next one covers."""

MOST_BYTES = 64 << 20
"""Largest size of the finest level."""

LEAST_CELLS = 256
"""Cells of the coarsest level, at least, where there are so many."""

FULL_SCALE = 1.0 - 1e-4
"""Level from which a sample counts as clipped: the largest of 16 bits is a little below 1."""


class WavePyramid:
    """Least and largest samples of blocks of a sound, which grows at its end.

    One thread appends; others may read what `samples_done` tells meanwhile, which is final.

    Parameters
    ----------
    channels, n_samples, rate_hz : of the sound
    """

    def __init__(self, channels: int, n_samples: int, rate_hz: int) -> None:
        self.channels, self.n_samples, self.rate_hz = channels, n_samples, rate_hz
        self.samples_done = 0
        self.block = LEAST_BLOCK
        while n_samples / self.block * channels * 8 > MOST_BYTES:
            self.block *= 2
        cells = max(1, -(-n_samples // self.block))
        self.levels: list[NDArray[np.float32]] = []
        """Extremes, float32 (channels, 2, cells): the least and the largest, from the finest level to the coarsest."""
        while True:
            self.levels.append(np.zeros((channels, 2, cells), np.float32))
            if cells <= LEAST_CELLS:
                break
            cells = -(-cells // FACTOR)
        self._rest = np.zeros((channels, 0), np.float32)
        self._cells_done = [0] * len(self.levels)
        self._squares = np.zeros(channels)
        self._sums = np.zeros(channels)
        self._clipped = np.zeros(channels, np.int64)

    @property
    def done(self) -> bool:
        """Whether the whole sound is in it."""
        return self.samples_done >= self.n_samples

    def append(self, samples: NDArray[np.float32]) -> None:
        """Add the next samples, float32 (channels, n); what is not finite counts as silence."""
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        self._squares += np.square(samples, dtype=np.float64).sum(1)
        self._sums += samples.sum(1, dtype=np.float64)
        self._clipped += (np.abs(samples) >= FULL_SCALE).sum(1)
        end = self.samples_done + samples.shape[1]
        samples = np.concatenate((self._rest, samples), axis=1)
        whole = samples.shape[1] // self.block * self.block
        self._rest = samples[:, whole:].copy()
        self._put(0, _extremes(samples[:, :whole], self.block))
        if end >= self.n_samples:
            self._put(0, _extremes(self._rest, self.block))
            self._rest = self._rest[:, :0]
        for level in range(1, len(self.levels)):
            finer, begin = self.levels[level - 1], self._cells_done[level] * FACTOR
            count = self._cells_done[level - 1] - begin
            if end < self.n_samples:
                count = count // FACTOR * FACTOR
            part = finer[:, :, begin : begin + count]
            least, largest = part[:, 0], part[:, 1]
            starts = np.arange(0, count, FACTOR)
            if count:
                lows, highs = np.minimum.reduceat(least, starts, 1), np.maximum.reduceat(largest, starts, 1)
                self._put(level, np.stack((lows, highs), 1))
        # Last, as it allows others to read.
        self.samples_done = end

    def _put(self, level: int, cells: NDArray[np.float32]) -> None:
        begin = self._cells_done[level]
        self.levels[level][:, :, begin : begin + cells.shape[2]] = cells
        self._cells_done[level] += cells.shape[2]

    def extremes(self, start: float, stop: float, pixels: int) -> NDArray[np.float32]:
        """Least and largest sample of each of `pixels` equal parts of the samples `start`..`stop`.

        Returns
        -------
        float32 (channels, 2, pixels)
            A little more than a part where it ends within a cell; NaN outside of the sound and of what is done.
        """
        width = (stop - start) / pixels
        level, cell = 0, self.block
        while level + 1 < len(self.levels) and cell * FACTOR <= width:
            level, cell = level + 1, cell * FACTOR
        cells = self.levels[level]
        count = -(-min(self.samples_done, self.n_samples) // cell)
        edges = np.linspace(start, stop, pixels + 1) / cell
        first = np.floor(edges[:-1]).astype(np.intp)
        last = np.maximum(np.ceil(edges[1:]).astype(np.intp), first + 1)
        found = np.full((self.channels, 2, pixels), np.nan, np.float32)
        inside = (last > 0) & (first < count)
        if inside.any():
            places = np.stack((np.clip(first[inside], 0, count - 1), np.clip(last[inside], 1, count)), 1).ravel()
            # Pairs of begin and end: every second range is what is wanted. An end at the very end needs one cell more.
            part = cells[:, :, :count]
            part = np.concatenate((part, part[:, :, -1:]), 2)
            found[:, 0, inside] = np.minimum.reduceat(part[:, 0], places, 1)[:, ::2]
            found[:, 1, inside] = np.maximum.reduceat(part[:, 1], places, 1)[:, ::2]
        return found

    def peak(self) -> NDArray[np.float32]:
        """Largest magnitude so far of each channel, float32 (channels,)."""
        coarsest = self.levels[-1] if self.done else self.levels[0]
        return np.asarray(np.abs(coarsest).max((1, 2)), np.float32)

    def mean(self) -> NDArray[np.float64]:
        """Mean of the samples so far, float64 (channels,)."""
        return self._sums / max(1, self.samples_done)

    def root_mean_square(self) -> NDArray[np.float64]:
        """Root mean square of the samples so far, float64 (channels,)."""
        return np.sqrt(self._squares / max(1, self.samples_done))

    def clipped(self) -> NDArray[np.int64]:
        """Samples so far that are at full scale, int64 (channels,)."""
        return self._clipped.copy()


def extremes_of(
    samples: NDArray[np.float32], first: int, start: float, stop: float, pixels: int
) -> NDArray[np.float32]:
    """Least and largest value of the curve through samples in each of `pixels` equal parts of `start`..`stop`.

    The curve goes in straight lines from sample to sample, so that neighbouring parts touch.

    Parameters
    ----------
    samples : float32 (channels, n), the first of which is sample number `first` of the sound

    Returns
    -------
    float32 (channels, 2, pixels); NaN outside of the samples
    """
    edges = np.linspace(start, stop, pixels + 1) - first
    count = samples.shape[1]
    found = np.full((len(samples), 2, pixels), np.nan, np.float32)
    if not count:
        return found
    places = np.arange(count)
    inside = (edges[1:] >= 0) & (edges[:-1] <= count - 1)
    low = np.clip(np.ceil(edges[:-1]).astype(np.intp), 0, count - 1)
    high = np.clip(np.floor(edges[1:]).astype(np.intp), 0, count - 1)
    for channel, wave in enumerate(samples):
        at_edges = np.interp(edges, places, wave).astype(np.float32)
        lows, highs = np.minimum(at_edges[:-1], at_edges[1:]), np.maximum(at_edges[:-1], at_edges[1:])
        whole = low <= high
        if whole.any():
            ranges = np.stack((low[whole], high[whole] + 1), 1).ravel()
            padded = np.append(wave, wave[-1])
            lows[whole] = np.minimum(lows[whole], np.minimum.reduceat(padded, ranges)[::2])
            highs[whole] = np.maximum(highs[whole], np.maximum.reduceat(padded, ranges)[::2])
        found[channel, 0, inside], found[channel, 1, inside] = lows[inside], highs[inside]
    return found


def _extremes(samples: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Least and largest of blocks of samples float32 (channels, n); the last one may be shorter."""
    if not samples.shape[1]:
        return np.zeros((len(samples), 2, 0), np.float32)
    starts = np.arange(0, samples.shape[1], block)
    return np.stack((np.minimum.reduceat(samples, starts, 1), np.maximum.reduceat(samples, starts, 1)), 1)
