"""Heat maps: how much each part of a picture contributes to an output of a network."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.agreements.agreement import (
    HeatAgreement,
    compare_heat,
)
from cvstudio.results.detections import Detections
from cvstudio.results.result import Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class HeatMap(Result):
    """Contribution of each part of a picture to an output of a network.

    Parameters
    ----------
    values : float32 (h, w)
        Finite, of any range; a regular grid of cells over `rect`, each value at the centre of its cell.
    rect : the part of the picture that the values cover, in image pixels
    size : size of the picture
    low, high : values that are drawn darkest and brightest
    label, probability : class that is explained, and its probability; empty and NaN where there is none
    about : method in a few words
    objects : detections that are drawn with it; None where there are none
    chosen : id of the detection that is explained; None where it is not one of `objects`
    place : x, y of the position that is explained, in image pixels; None where there is none

    Raises
    ------
    ValueError
        A shape or dtype differs, or a value is not finite.
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

    def placed(self, pixel_map: PixelMap) -> Self:
        return dataclasses.replace(
            self,
            values=pixel_map.turned(self.values),
            rect=pixel_map.rect(self.rect),
            size=pixel_map.target,
            objects=self.objects.placed(pixel_map) if self.objects is not None else None,
            place=pixel_map.point(*self.place) if self.place is not None else None,
        )

    def part_at(self, x: float, y: float) -> int | None:
        """Id of the smallest of `objects` that contain (x, y)."""
        return self.objects.part_at(x, y) if self.objects is not None else None

    def agreement(self, other: Self) -> HeatAgreement | None:
        return compare_heat(self.values, other.values) if self.rect == other.rect else None
