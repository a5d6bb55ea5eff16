"""Loudness over time and frequency."""

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
    """Loudness over time and frequency.

    Parameters
    ----------
    levels : uint8 (bins, columns)
        0 is `low_db`, 255 is `high_db` (dB relative to full scale); row 0 is 0 Hz. The one array that may still
        grow: while a sound streams, all results share it and the columns from `columns_done` on are written later.
    rate_hz, hop, window : samples per second, between columns, in a window
    columns_done : columns that are computed and stay as they are; the rest is still to come
    show_low_db, show_high_db : what is drawn darkest and brightest; the levels stay as they are
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
        """Columns and bins: of the picture that is one pixel for each."""
        return Size(self.levels.shape[1], self.levels.shape[0])

    def headline(self) -> str:
        return f"{self.duration_secs:.2f} s"

    @property
    def duration_secs(self) -> float:
        return float(self.levels.shape[1] * self.hop / self.rate_hz)

    @property
    def nyquist_hz(self) -> float:
        return self.rate_hz / 2
