"""Depth found by an analysis: an input of others, and a picture in colours with its scale."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from cvstudio.data.geometry import Size, View
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import DepthMap
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source


@dataclass(frozen=True, eq=False)
class Depth(Result):
    """Depth or disparity of each pixel of a picture.

    Parameters
    ----------
    depth : values, unit, direction, and the pixels without one
    about : how it was found, in a few words
    """

    placement: ClassVar[Placement] = Placement.BASE

    depth: DepthMap
    about: str = ""
    source: Source = Source()

    @property
    def size(self) -> Size:
        return self.depth.size

    def headline(self) -> str:
        low, high = self.depth.extent
        unit = "" if self.depth.unit == "relative" else f" {self.depth.unit}"
        return f"{low:.4g} to {high:.4g}{unit}, {1 - self.depth.invalid.mean():.0%} measured"

    def placed(self, pixel_map: PixelMap) -> Self:
        depth = self.depth
        # Beyond the part that was looked at nothing was measured.
        turned = pixel_map.turned(np.stack([depth.values, depth.invalid.astype(np.float32)], -1))
        rect = pixel_map.rect(View.whole(depth.size).rect)
        values = np.zeros((pixel_map.target.height, pixel_map.target.width), np.float32)
        invalid = np.ones(values.shape, bool)
        left, top = round(rect.x), round(rect.y)
        rows, columns = slice(top, top + turned.shape[0]), slice(left, left + turned.shape[1])
        values[rows, columns] = turned[..., 0]
        invalid[rows, columns] = turned[..., 1] > 0
        return dataclasses.replace(self, depth=dataclasses.replace(depth, values=values, invalid=invalid))
