"""The feature maps of a layer on a picture, one of them in front."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.heat_map import HeatMap
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number


@dataclass(frozen=True, eq=False)
class ActivationMaps(Result):
    """Feature maps of a layer on a picture.

    Parameters
    ----------
    maps : float32 (k, h, w)
        A map for each unit; each is a regular grid of places over `rect`.
    rect : the part of the picture that the network was given, in image pixels
    size : size of the picture
    layer : name of the layer
    unit : number of the map that is drawn over the picture
    order : int64 (k,)
        Units in the order in which they are listed.

    Raises
    ------
    ValueError
        A shape or dtype differs, or the unit is none of them.
    """

    maps: NDArray[np.float32]
    rect: Rect
    size: Size
    layer: str
    unit: int
    order: NDArray[np.int64]
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.maps.dtype != np.float32 or self.maps.ndim != 3 or 0 in self.maps.shape:
            raise ValueError(f"expected maps as float32 (k, h, w), found {self.maps.dtype} {self.maps.shape}")
        if self.order.dtype != np.int64 or self.order.shape != (len(self.maps),):
            raise ValueError(
                f"expected order as int64 ({len(self.maps)},), found {self.order.dtype} {self.order.shape}"
            )
        if not 0 <= self.unit < len(self.maps):
            raise ValueError(f"expected a unit from 0 to {len(self.maps) - 1}, found {self.unit}")
        for name in ("maps", "order"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.maps)

    def heat(self) -> HeatMap:
        """The map of `unit`, drawn from 0 or its minimum to its maximum."""
        values = self.maps[self.unit]
        low = min(0.0, float(values.min()))
        high = max(float(values.max()), low)
        return HeatMap(
            values, self.rect, self.size, low, high, f"unit {self.unit}", about=self.layer, source=self.source
        )

    def means(self) -> NDArray[np.float32]:
        """Mean of each map, float32 (k,)."""
        return np.asarray(self.maps.mean(axis=(1, 2)), np.float32)

    def maxima(self) -> NDArray[np.float32]:
        """Maximum of each map, float32 (k,)."""
        return np.asarray(self.maps.max(axis=(1, 2)), np.float32)

    def headline(self) -> str:
        count, height, width = self.maps.shape
        return f"{self.layer}, unit {self.unit} of {count}, {width} × {height} places"

    def placed(self, pixel_map: PixelMap) -> Self:
        # The number of the unit goes along as the last axis.
        turned = pixel_map.turned(np.moveaxis(self.maps, 0, -1))
        maps = np.ascontiguousarray(np.moveaxis(turned, -1, 0))
        return dataclasses.replace(self, maps=maps, rect=pixel_map.rect(self.rect), size=pixel_map.target)

    def table(self) -> Table:
        """One row for each unit in their order: unit, mean and maximum of its map, and the share of places above 0."""
        columns = (
            Column("unit", "Unit"),
            Column("mean", "Mean"),
            Column("maximum", "Maximum"),
            Column("active", "Active", "%", kind="fraction"),
        )
        means, maxima, active = self.means(), self.maxima(), (self.maps > 0).mean(axis=(1, 2))
        rows = [
            (unit, number(means[unit]), number(maxima[unit]), number(np.float32(active[unit])))
            for unit in self.order.tolist()
        ]
        return Table("cvstudio-activations", "units", columns, rows)
