"""Depth that an analysis found: a picture in colours with its scale, and an input of other analyses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, View, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import DepthMap
from cvstudio.results.result import Placement, Result, Tolerance
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Depth(Result):
    """Depth or disparity of each pixel of a picture.

    Parameters
    ----------
    map : values, unit, direction, and the pixels without one
    about : how it was found, in a few words
    """

    placement: ClassVar[Placement] = Placement.BASE

    map: DepthMap
    about: str = ""
    source: Source = Source()

    @property
    def size(self) -> Size:
        return self.map.size

    @property
    def unit(self) -> str:
        """Unit as it is written behind a number; empty for relative depth."""
        return "" if self.map.unit == "relative" else f" {self.map.unit}"

    @property
    def ends(self) -> tuple[float, float]:
        """The farthest and the nearest value."""
        low, high = self.map.extent
        return (low, high) if self.map.near_is_large else (high, low)

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """Nearness for display, uint8 (H, W): 1 for the farthest to 255 for the nearest, 0 where nothing is known."""
        far, near = self.ends
        share = (self.map.values - np.float32(far)) / np.float32(near - far if near != far else 1)
        levels = (np.clip(share, 0, 1) * 254 + 1.5).astype(np.uint8)
        levels[self.map.invalid] = 0
        return readonly(levels)

    def headline(self) -> str:
        low, high = self.map.extent
        return f"{low:.4g} – {high:.4g}{self.unit}, {1 - self.map.invalid.mean():.0%} known"

    def value_at(self, x: float, y: float) -> str:
        column, row = int(x), int(y)
        if not (0 <= column < self.size.width and 0 <= row < self.size.height):
            return ""
        return "—" if self.map.invalid[row, column] else f"{self.map.values[row, column]:.4g}{self.unit}"

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        mine, others = self.map, other.map
        if (mine.unit, mine.near_is_large, self.about) != (others.unit, others.near_is_large, other.about):
            return "the kind of depth changes"
        if not np.array_equal(mine.invalid, others.invalid):
            return "what is known changes"
        low, high = mine.extent
        change = float(np.abs(mine.values - others.values).max())
        return "" if change <= tolerance.value_change * (high - low) else f"depth changes by {change:.3g}{self.unit}"

    def placed(self, pixel_map: PixelMap) -> Self:
        height, width = pixel_map.target.height, pixel_map.target.width
        values, invalid = np.zeros((height, width), np.float32), np.ones((height, width), bool)
        place = _rows_and_columns(pixel_map.rect(View.whole(self.size).rect))
        inside = (
            slice(max(place[0].start, 0), min(place[0].stop, height)),
            slice(max(place[1].start, 0), min(place[1].stop, width)),
        )
        part = (
            slice(inside[0].start - place[0].start, inside[0].stop - place[0].start),
            slice(inside[1].start - place[1].start, inside[1].stop - place[1].start),
        )
        values[inside] = pixel_map.turned(self.map.values)[part]
        invalid[inside] = pixel_map.turned(self.map.invalid)[part]
        return dataclasses.replace(self, map=dataclasses.replace(self.map, values=values, invalid=invalid))


def _rows_and_columns(rect: Rect) -> tuple[slice, slice]:
    return slice(round(rect.y), round(rect.bottom)), slice(round(rect.x), round(rect.right))
