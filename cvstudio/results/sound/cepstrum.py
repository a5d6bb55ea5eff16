"""The result of cepstral analysis: coefficients over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source

ROW_PIXELS = 8
"""Height of a coefficient in the picture."""

_SAMPLED = 4096
"""Columns that the spread of the coefficients is taken from, at least."""


@dataclass(frozen=True, eq=False)
class Cepstrum(Result):
    """Cepstral coefficients of a sound over time, with their derivatives.

    Parameters
    ----------
    coefficients : float32 (rows, columns)
        Row 0 is the coefficient of order 0. Exception to the rule that arrays do not change: while it is computed, all
        partial results share it, and columns from `columns_done` on are written later.
    names : of the rows: "c0", "c1" ..., then their first ("Δc0") and second ("ΔΔc0") derivatives, per column
    rate_hz : sample rate
    hop, window : samples between columns, and in a window
    columns_done : number of columns that are computed and final
    n_samples : length of the sound, whose end may lie within the last column; 0 where it is not known
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    coefficients: NDArray[np.float32]
    names: tuple[str, ...]
    rate_hz: int
    hop: int
    window: int
    columns_done: int
    source: Source = Source()
    n_samples: int = 0

    def __post_init__(self) -> None:
        found = self.coefficients
        if found.ndim != 2 or found.dtype != np.float32 or len(found) != len(self.names):
            raise ValueError(f"expected float32 ({len(self.names)}, columns), found {found.dtype} {found.shape}")
        view = found.view()
        view.flags.writeable = False
        object.__setattr__(self, "coefficients", view)

    @property
    def size(self) -> Size:
        """Size of the picture with one pixel per column, and `ROW_PIXELS` per coefficient."""
        return Size(self.coefficients.shape[1], self.coefficients.shape[0] * ROW_PIXELS)

    @property
    def sound_secs(self) -> float:
        """Length of the sound."""
        return self.n_samples / self.rate_hz if self.n_samples else self.duration_secs

    @property
    def duration_secs(self) -> float:
        """Length of all columns."""
        return float(self.coefficients.shape[1] * self.hop / self.rate_hz)

    def headline(self) -> str:
        return f"{len(self.names)} coefficients, {self.sound_secs:.2f} s"

    def spread(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each row over the computed columns, of which long sounds give a sample; both
        float32 (rows, 1)."""
        step = max(1, self.columns_done // _SAMPLED)
        done = self.coefficients[:, : max(1, self.columns_done) : step]
        deviation = np.maximum(done.std(1, keepdims=True), np.float32(1e-6))
        return done.mean(1, keepdims=True), deviation
