"""Solids with closed-form ray intersections. Axes in metres: x right, y up, z away from the viewer.

Points and directions are float arrays (3, N): one row per axis, so that every operation runs over contiguous memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


Ball = tuple[tuple[float, float, float], float]
"""Centre and radius."""


class Solid(Protocol):
    """A solid of a scene."""

    @property
    def bound(self) -> Ball | None:
        """An enclosing ball; None for a plane, which bounds the room and casts no shadow in it."""
        ...

    def hit(self, origin: Floats, direction: Floats) -> Floats:
        """Ray parameter (N,) of the first intersection beyond 0; infinity where there is none."""
        ...

    def normal(self, points: Floats) -> Floats:
        """Outward unit normals (3, N) at points on the surface."""
        ...

    def distance(self, points: Floats) -> Floats:
        """Distance (N,) in metres from points outside to the surface."""
        ...

    def local(self, points: Floats) -> Floats:
        """Points (3, N) in the solid's own axes, its centre at 0."""
        ...


@dataclass(frozen=True)
class Plane:
    """The plane y = 0, or with `axis` 2 and `at` the wall z = `at`, facing the viewer."""

    axis: int = 1
    at: float = 0.0

    @property
    def bound(self) -> Ball | None:
        return None

    def hit(self, origin: Floats, direction: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (self.at - origin[self.axis]) / direction[self.axis]
        return np.where(t > 0, t, np.inf)

    def normal(self, points: Floats) -> Floats:
        result = np.zeros_like(points)
        result[self.axis] = 1 if self.axis == 1 else -1
        return result

    def distance(self, points: Floats) -> Floats:
        result: Floats = np.abs(points[self.axis] - self.at)
        return result

    def local(self, points: Floats) -> Floats:
        return points


@dataclass(frozen=True)
class Sphere:
    """A ball; `tilt` radians turns its pattern about z."""

    center: tuple[float, float, float]
    radius: float
    tilt: float = 0.0

    @property
    def bound(self) -> Ball:
        return self.center, self.radius

    def _from_center(self, points: Floats) -> tuple[Floats, Floats, Floats]:
        x, y, z = self.center
        return points[0] - x, points[1] - y, points[2] - z

    def hit(self, origin: Floats, direction: Floats) -> Floats:
        ox, oy, oz = self._from_center(origin)
        dx, dy, dz = direction
        a = dx * dx + dy * dy + dz * dz
        half_b = ox * dx + oy * dy + oz * dz
        c = ox * ox + oy * oy + oz * oz - self.radius**2
        disc = half_b * half_b - a * c
        # Only the near root: no ray starts inside a solid.
        t = (-half_b - np.sqrt(np.maximum(disc, 0))) / a
        return np.where((disc > 0) & (t > 0), t, np.inf)

    def normal(self, points: Floats) -> Floats:
        return np.stack(self._from_center(points)) / points.dtype.type(self.radius)

    def distance(self, points: Floats) -> Floats:
        x, y, z = self._from_center(points)
        return np.sqrt(x * x + y * y + z * z) - points.dtype.type(self.radius)

    def local(self, points: Floats) -> Floats:
        x, y, z = self._from_center(points)
        cos, sin = math.cos(self.tilt), math.sin(self.tilt)
        return np.stack((x * cos + y * sin, y * cos - x * sin, z))


@dataclass(frozen=True)
class Box:
    """A cuboid with half sizes `half`, turned by `yaw` radians about the vertical."""

    center: tuple[float, float, float]
    half: tuple[float, float, float]
    yaw: float = 0.0

    @property
    def bound(self) -> Ball:
        return self.center, math.hypot(*self.half)

    def _turn(self, x: Floats, z: Floats, sign: float = 1.0) -> tuple[Floats, Floats]:
        cos, sin = math.cos(self.yaw), math.sin(self.yaw) * sign
        return x * cos - z * sin, x * sin + z * cos

    def local(self, points: Floats) -> Floats:
        x, z = self._turn(points[0] - self.center[0], points[2] - self.center[2])
        return np.stack((x, points[1] - self.center[1], z))

    def hit(self, origin: Floats, direction: Floats) -> Floats:
        local_origin = self.local(origin)
        dx, dz = self._turn(direction[0], direction[2])
        enter: Floats | None = None
        leave: Floats | None = None
        with np.errstate(divide="ignore", invalid="ignore"):
            for coordinate, component, half in zip(local_origin, (dx, direction[1], dz), self.half, strict=True):
                inverse = 1 / component
                middle, reach = -coordinate * inverse, half * np.abs(inverse)
                enter = middle - reach if enter is None else np.maximum(enter, middle - reach)
                leave = middle + reach if leave is None else np.minimum(leave, middle + reach)
        assert enter is not None
        assert leave is not None
        return np.where((enter <= leave) & (enter > 0), enter, np.inf)

    def normal(self, points: Floats) -> Floats:
        local = self.local(points)
        outward = np.stack([np.abs(row) - half for row, half in zip(local, self.half, strict=True)])
        face = outward.argmax(axis=0)
        signed = np.where(np.arange(3)[:, None] == face, np.sign(local), 0).astype(points.dtype)
        x, z = self._turn(signed[0], signed[2], -1.0)
        return np.stack((x, signed[1], z))

    def distance(self, points: Floats) -> Floats:
        x, y, z = (np.maximum(np.abs(row) - half, 0) for row, half in zip(self.local(points), self.half, strict=True))
        result: Floats = np.sqrt(x * x + y * y + z * z)
        return result


def nearest(solids: tuple[Solid, ...], origin: Floats, direction: Floats) -> tuple[Floats, NDArray[np.int8]]:
    """The first intersection of each ray.

    Parameters
    ----------
    origin, direction : (3, N)

    Returns
    -------
    t : (N,), ray parameter; infinity where the ray hits nothing
    which : int8 (N,), index into `solids`; -1 where the ray hits nothing
    """
    t = np.full(direction.shape[1], np.inf, direction.dtype)
    which = np.full(direction.shape[1], -1, np.int8)
    for number, solid in enumerate(solids):
        t_solid = solid.hit(origin, direction)
        closer = t_solid < t
        t[closer] = t_solid[closer]
        which[closer] = number
    return t, which
