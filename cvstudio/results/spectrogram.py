"""The result of spectral analysis: the level over time and frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.sound.frequency_scale import LOWEST_HZ, Scale, frequency, position
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Spectrogram(Result):
    """Sound level over time and frequency.

    Parameters
    ----------
    levels : uint8 (rows, columns)
        0 is `low_db`, 255 is `high_db` (dB relative to full scale); row 0 is 0 Hz. Exception to the rule that arrays do
        not change: while it is computed, all partial results share it, and columns from `columns_done` on are
        written later.
    rate_hz : sample rate
    hop, window : samples between columns, and in a window
    low_db, high_db : range of `levels`
    columns_done : number of columns that are computed and final
    show_low_db, show_high_db : levels that are drawn darkest and brightest
    axis : scale of the frequency axis that it is drawn on
    band_limits_hz : of a mel spectrogram, lower and upper limit of all bands, whose centres are evenly spaced in mels;
        None where the rows are the bins of the transform
    window_kind : shape of the window, as SciPy calls it
    n_samples : length of the sound, whose end may lie within the last column; 0 where it is not known
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    levels: NDArray[np.uint8]
    rate_hz: int
    hop: int
    window: int
    low_db: float
    high_db: float
    columns_done: int
    source: Source = Source()
    show_low_db: float = -90.0
    show_high_db: float = 0.0
    axis: Scale = "linear"
    band_limits_hz: tuple[float, float] | None = None
    window_kind: str = "hann"
    n_samples: int = 0

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or self.levels.dtype != np.uint8:
            raise ValueError(f"expected uint8 (rows, columns), found {self.levels.dtype} {self.levels.shape}")
        view = self.levels.view()
        view.flags.writeable = False
        object.__setattr__(self, "levels", view)

    @property
    def size(self) -> Size:
        """Size of the picture with one pixel per column and bin."""
        return Size(self.levels.shape[1], self.levels.shape[0])

    def headline(self) -> str:
        return f"{self.sound_secs:.2f} s"

    @property
    def sound_secs(self) -> float:
        """Length of the sound."""
        return self.n_samples / self.rate_hz if self.n_samples else self.duration_secs

    @property
    def duration_secs(self) -> float:
        """Length of all columns."""
        return float(self.levels.shape[1] * self.hop / self.rate_hz)

    @property
    def nyquist_hz(self) -> float:
        return self.rate_hz / 2

    @property
    def axis_range(self) -> tuple[float, float]:
        """Lower and upper end of the frequency axis, as places of the scale `axis`."""
        if self.band_limits_hz is not None and self.axis == "mel":
            low, step = self._bands()
            return low + step / 2, low + (self.levels.shape[0] + 0.5) * step
        low_hz, high_hz = self.band_limits_hz or (0.0, self.nyquist_hz)
        if self.axis == "log":
            # Of a sound at a very low rate some axis is left.
            low_hz = max(low_hz, min(LOWEST_HZ, high_hz / 2))
        return position(self.axis, low_hz), position(self.axis, high_hz)

    def row_at(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Row at places of the scale `axis`, as a fraction; row k is centred at k."""
        if self.band_limits_hz is None:
            return frequency(self.axis, places) * (self.window / self.rate_hz)
        low, step = self._bands()
        mels = places if self.axis == "mel" else position("mel", frequency(self.axis, places))
        return (mels - low) / step - 1

    @property
    def frequencies_hz(self) -> NDArray[np.float64]:
        """Centre of each row, float64 (rows,)."""
        rows = np.arange(self.levels.shape[0], dtype=np.float64)
        if self.band_limits_hz is None:
            return rows * (self.rate_hz / self.window)
        low, step = self._bands()
        return frequency("mel", low + (rows + 1) * step)

    def _bands(self) -> tuple[float, float]:
        """Lower limit of the first band, and the distance of two centres, in mels."""
        assert self.band_limits_hz is not None
        low, high = (position("mel", hertz) for hertz in self.band_limits_hz)
        return low, (high - low) / (self.levels.shape[0] + 1)
