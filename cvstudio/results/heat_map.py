"""A map of how much each place matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.results.agreement import (
    HeatAgreement,
    compare_heat,
)
from cvstudio.results.detections import Detections
from cvstudio.results.result import Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class HeatMap(Result):
    """How much each place of a picture matters for an answer.

    Parameters
    ----------
    values : float32 (h, w)
        Finite, of any range; they lie evenly over `rect`, each in the middle of its place.
    rect : the part of the picture that they are of, in image pixels
    size : of the picture
    low, high : values that are drawn darkest and brightest
    label, probability : of the answer; empty and NaN where there is none
    about : how it was made, in a few words
    objects : boxes that are drawn with it; None where there are none
    chosen : id of the one among them that the map is of
    place : x, y of the place that the map is of, in image pixels; None where it is of none

    Raises
    ------
    ValueError
        A shape or dtype is another, or a value is not finite.
    """

    values: NDArray[np.float32]
    rect: Rect
    size: Size
    low: float
    high: float
    label: str = ""
    probability: float = float("nan")
    about: str = ""
    source: Source = Source()
    objects: Detections | None = None
    chosen: int | None = None
    place: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32 or self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError(f"expected values as float32 (h, w), found {self.values.dtype} {self.values.shape}")
        if not np.isfinite(self.values).all():
            raise ValueError("expected finite values, found some that are not")
        object.__setattr__(self, "values", readonly(self.values))

    def headline(self) -> str:
        return f"{self.label} {self.probability:.1%}" if np.isfinite(self.probability) else self.label

    def part_at(self, x: float, y: float) -> int | None:
        """The id of the smallest of `objects` around (x, y)."""
        return self.objects.part_at(x, y) if self.objects is not None else None

    def agreement(self, other: Self) -> HeatAgreement | None:
        return compare_heat(self.values, other.values) if self.rect == other.rect else None
