"""The result of spectral analysis: the level over time and frequency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Spectrogram(Result):
    """Sound level over time and frequency.

    Parameters
    ----------
    levels : uint8 (bins, columns)
        0 is `low_db`, 255 is `high_db` (dB relative to full scale); row 0 is 0 Hz. Exception to the rule that arrays do
        not change: while it is computed, all partial results share it, and columns from `columns_done` on are
        written later.
    rate_hz : sample rate
    hop, window : samples between columns, and in a window
    low_db, high_db : range of `levels`
    columns_done : number of columns that are computed and final
    show_low_db, show_high_db : levels that are drawn darkest and brightest
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

    def __post_init__(self) -> None:
        if self.levels.ndim != 2 or self.levels.dtype != np.uint8:
            raise ValueError(f"expected uint8 (bins, columns), found {self.levels.dtype} {self.levels.shape}")
        view = self.levels.view()
        view.flags.writeable = False
        object.__setattr__(self, "levels", view)

    @property
    def size(self) -> Size:
        """Size of the picture with one pixel per column and bin."""
        return Size(self.levels.shape[1], self.levels.shape[0])

    def headline(self) -> str:
        return f"{self.duration_secs:.2f} s"

    @property
    def duration_secs(self) -> float:
        return float(self.levels.shape[1] * self.hop / self.rate_hz)

    @property
    def nyquist_hz(self) -> float:
        return self.rate_hz / 2
