"""Free places on the ground: rectangles that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Footprint:
    """A turned rectangle on the ground: its centre, its half sides and its angle, in metres and degrees."""

    x: float
    y: float
    half_x: float
    half_y: float
    angle: float = 0.0

    @property
    def axes(self) -> NDArray[np.float64]:
        """Directions of its sides, (2, 2)."""
        cos, sin = np.cos(np.radians(self.angle)), np.sin(np.radians(self.angle))
        return np.array([[cos, sin], [-sin, cos]])

    @property
    def corners(self) -> NDArray[np.float64]:
        """Its corners, (4, 2)."""
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (self.half_x, self.half_y)
        return np.array([self.x, self.y]) + signs @ self.axes

    def overlaps(self, other: Footprint) -> bool:
        """Whether the rectangles overlap: no side of either parts them (separating axes)."""
        mine, theirs = self.corners, other.corners
        for axis in (*self.axes, *other.axes):
            first, second = mine @ axis, theirs @ axis
            if first.max() <= second.min() or second.max() <= first.min():
                return False
        return True


class FloorPlan:
    """What is taken of a rectangle of ground.

    Parameters
    ----------
    x1, y1, x2, y2 : the rectangle in metres
    gap : distance that things keep
    """

    def __init__(self, x1: float, y1: float, x2: float, y2: float, gap: float = 0.06) -> None:
        self.bounds = (x1, y1, x2, y2)
        self._gap = gap
        self._taken: list[Footprint] = []

    def free(self, place: Footprint) -> bool:
        """Whether a place is inside and free."""
        corners = place.corners
        x1, y1, x2, y2 = self.bounds
        inside = corners.min(0) >= (x1 - 1e-9, y1 - 1e-9)
        inside &= corners.max(0) <= (x2 + 1e-9, y2 + 1e-9)
        if not inside.all():
            return False
        wide = Footprint(place.x, place.y, place.half_x + self._gap, place.half_y + self._gap, place.angle)
        return not any(wide.overlaps(other) for other in self._taken)

    def take(self, place: Footprint) -> None:
        """Mark a place as taken."""
        self._taken.append(place)

    def claim(self, place: Footprint) -> bool:
        """Take a place where it is free; whether it was."""
        if not self.free(place):
            return False
        self.take(place)
        return True
