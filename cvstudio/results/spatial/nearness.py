"""The raw output of a depth network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.result import Placement, Result, Tolerance
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class NearnessMap(Result):
    """Inverse depth of a picture at the resolution of a network.

    Parameters
    ----------
    values : float32 (h, w), greater where nearer, in any unit; the map covers the whole picture
    size : size of the picture
    """

    placement: ClassVar[Placement] = Placement.INTERMEDIATE

    values: NDArray[np.float32]
    size: Size
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError(f"expected values as float32 (h, w), found {self.values.dtype} {self.values.shape}")
        object.__setattr__(self, "values", readonly(self.values))

    def headline(self) -> str:
        height, width = self.values.shape
        return f"{width} x {height} depths"

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The mean change of a depth, by the range of all depths."""
        if self.values.shape != other.values.shape:
            return "the map of depths is of another shape"
        change = float(np.abs(self.values - other.values).mean() / max(float(np.ptp(self.values)), 1e-9))
        return f"depths change by {change:.1%} in the mean" if change > tolerance.value_change / 5 else ""
