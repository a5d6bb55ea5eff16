"""The result of a triangulation: cameras and points in space, and where the points are seen in the first picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.result import Placement
from cvstudio.results.scene3d import Scene3D
from cvstudio.results.tables import Column, Table

_REACH = 8.0
"""Largest distance in pixels at which a point is hit."""


@dataclass(frozen=True, eq=False)
class Triangulation(Scene3D):
    """Points of several pictures of one scene, as marks on the first picture and, with the cameras, in space.

    Parameters
    ----------
    places : float32 (n, 2), where each point is seen in the first picture, in pixels
    projected : float32 (n, 2), where it is projected there
    points : float64 (n, 3), in the frame of the first camera; its distance to the second is 1
    errors_px : float32 (n,), largest reprojection error of each point in any picture
    angles_deg : float32 (n,), largest angle between two of its rays: small ones leave the depth uncertain
    chosen : bool (n,), the points that were clicked, not matched
    """

    placement: ClassVar[Placement] = Placement.OVERLAY

    places: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    projected: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    errors_px: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    angles_deg: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))
    chosen: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        super().__post_init__()
        n = len(self.points)
        expected: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
            "places": ((n, 2), np.float32),
            "projected": ((n, 2), np.float32),
            "points": ((n, 3), np.float64),
            "errors_px": ((n,), np.float32),
            "angles_deg": ((n,), np.float32),
            "chosen": ((n,), np.bool_),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"expected {name} as {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}")
            object.__setattr__(self, name, readonly(array))

    def placed(self, pixel_map: PixelMap) -> Self:
        places, projected = (pixel_map.points(array) for array in (self.places, self.projected))
        return dataclasses.replace(super().placed(pixel_map), places=places, projected=projected)

    def part_at(self, x: float, y: float) -> int | None:
        if not len(self.places) or not (0 <= x < self.size.width and 0 <= y < self.size.height):
            return None
        squared = ((self.places - np.array([x, y], np.float32)) ** 2).sum(axis=1)
        best = int(squared.argmin())
        return best if squared[best] <= _REACH**2 else None

    def table(self) -> Table:
        """One row for each point: its place in the first picture, its coordinates, its reprojection error, the angle of
        its rays, and whether it was clicked. Those of the clicked ones come first."""
        columns = (
            Column("point", "Point"),
            Column("x_px", "x in picture", "px"),
            Column("y_px", "y in picture", "px"),
            Column("x", "x"),
            Column("y", "y"),
            Column("z", "z"),
            Column("error_px", "Error", "px"),
            Column("angle_deg", "Angle", "°"),
            Column("chosen", "Clicked", kind="flag"),
        )
        order = np.argsort(~self.chosen, kind="stable").tolist()
        rows = [
            (
                row + 1,
                *(round(float(value), 2) for value in self.places[row]),
                *(float(f"{value:.6g}") for value in self.points[row]),
                round(float(self.errors_px[row]), 3),
                round(float(self.angles_deg[row]), 3),
                bool(self.chosen[row]),
            )
            for row in order
        ]
        return Table("cvstudio-triangulation", "points", columns, rows, order)
