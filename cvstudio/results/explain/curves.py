"""ScoreCurves over one quantity, such as the score of a picture of which more and more is removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number


@dataclass(frozen=True, eq=False)
class ScoreCurves(Result):
    """Values of several curves at the same places.

    Parameters
    ----------
    places : float64 (n,), ascending
    names : of the curves, the most important first
    values : float32 (len(names), n), finite
    x_title, y_title : of the axes
    low, high : of the vertical axis
    summary : what they say in a few words
    steps : name of each place; empty where places are a quantity
    """

    placement: ClassVar[Placement] = Placement.BASE

    places: NDArray[np.float64]
    names: tuple[str, ...]
    values: NDArray[np.float32]
    x_title: str
    y_title: str
    low: float
    high: float
    summary: str
    steps: tuple[str, ...] = ()
    source: Source = Source()

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names), len(self.places)) or not len(self.places):
            raise ValueError(
                f"expected {len(self.names)} curves at {len(self.places)} places, found {self.values.shape}"
            )
        if self.steps and len(self.steps) != len(self.places):
            raise ValueError(f"expected a name for each of {len(self.places)} places, found {len(self.steps)}")
        if not np.isfinite(self.values).all():
            raise ValueError("expected finite values, found some that are not")
        for name in ("places", "values"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    @property
    def size(self) -> Size:
        """Size of the plot."""
        return Size(960, 540)

    def headline(self) -> str:
        return self.summary

    def areas(self) -> tuple[float, ...]:
        """Mean height of each curve: the area below it over the length of the axis."""
        extent = float(self.places[-1] - self.places[0])
        if extent <= 0:
            return tuple(float(curve.mean()) for curve in self.values)
        return tuple(float(np.trapezoid(curve, self.places) / extent) for curve in self.values.astype(np.float64))

    def table(self) -> Table:
        """One row for each place, with the value of each curve."""
        first = Column("step", self.x_title, kind="text") if self.steps else Column("place", self.x_title)
        keys = (name.lower().replace(" ", "_") for name in self.names)
        columns = (first, *(Column(key, name) for key, name in zip(keys, self.names, strict=True)))
        places: tuple[object, ...] = self.steps or tuple(number(np.float32(place)) for place in self.places)
        rows = [
            (place, *(number(value) for value in values)) for place, values in zip(places, self.values.T, strict=True)
        ]
        return Table("cvstudio-curves", "places", columns, rows)
