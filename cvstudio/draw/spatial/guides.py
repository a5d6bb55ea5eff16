"""Guides of a scene: a grid on the ground, its extent along the axes, and boxes around objects."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.spatial.orbit_camera import UP_AXES, OrbitCamera
from cvstudio.draw.spatial.picture import RGB
from cvstudio.draw.spatial.prepared import PreparedLines

AXIS_COLOURS: tuple[RGB, RGB, RGB] = ((235, 80, 90), (120, 190, 60), (70, 140, 245))
"""Colours of the x, y and z axes, as in most programs."""
_CELLS = 8
"""About so many cells of the grid lie along the longer side of a scene."""


def nice_step(length: float) -> float:
    """1, 2 or 5 times a power of ten: the largest that is not above `length`; 1 where that is 0."""
    if length <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(length))
    return next(step * power for step in (5, 2, 1) if step * power <= length * (1 + 1e-9))


@dataclass(frozen=True, eq=False)
class Tick:
    """A coordinate along an axis: its place in the scene, float64 (3,), and its number."""

    place: NDArray[np.float64]
    value: float
    axis: int


def grid_step(bounds: NDArray[np.float64], up: str) -> float:
    """Side of a cell of the grid on the ground."""
    axis, _ = UP_AXES[up]
    sides = np.delete(bounds[1] - bounds[0], axis)
    return nice_step(float(sides.max() or (bounds[1] - bounds[0]).max()) / _CELLS * 1.5)


def ground_grid(bounds: NDArray[np.float64], up: str) -> PreparedLines:
    """Lines at multiples of `grid_step` on the ground, a cell beyond the bounds (2, 3) of a scene."""
    axis, sign = UP_AXES[up]
    step = grid_step(bounds, up)
    first, second = (number for number in range(3) if number != axis)
    lows = np.floor(bounds[0] / step - 0.5) * step
    highs = np.ceil(bounds[1] / step + 0.5) * step
    ground = bounds[0][axis] if sign > 0 else bounds[1][axis]
    ends: list[NDArray[np.float64]] = []
    for along, across in ((first, second), (second, first)):
        for place in np.arange(lows[across], highs[across] + step / 2, step):
            line = np.zeros((2, 3))
            line[:, axis], line[:, across] = ground, place
            line[:, along] = lows[along], highs[along]
            ends.append(line)
    return _lines(np.concatenate(ends), None)


def near_corner(camera: OrbitCamera) -> tuple[tuple[bool, bool, bool], ...]:
    """For each axis, which sides of the bounds its edge lies at: the ground's edges that are nearest to the eye, and
    the upright edge that is farthest to the left, so that the objects hide none of them."""
    upright, sign = UP_AXES[camera.up]
    towards, right = camera.rotation[2], camera.rotation[0]
    sides = []
    for axis in range(3):
        at = [bool(value > 0) for value in (-right if axis == upright else towards)]
        if axis != upright:
            at[upright] = sign < 0
        sides.append((at[0], at[1], at[2]))
    return tuple(sides)


def extent_axes(
    bounds: NDArray[np.float64], sides: tuple[tuple[bool, bool, bool], ...]
) -> tuple[PreparedLines, tuple[Tick, ...]]:
    """An edge of the bounds (2, 3) along each axis, and coordinates along it; `sides` as of `near_corner`."""
    low, high = bounds
    ends, ticks = [], []
    for axis in range(3):
        corner = np.where(sides[axis], high, low)
        line = np.stack([corner, corner])
        line[:, axis] = low[axis], high[axis]
        ends.append(line)
        step = nice_step(float(high[axis] - low[axis]) / 4) if high[axis] > low[axis] else 0.0
        first, last = (math.ceil(low[axis] / step - 1e-9), math.floor(high[axis] / step + 1e-9)) if step else (0, -1)
        for value in (number * step for number in range(first, last + 1)):
            place = corner.copy()
            place[axis] = value
            ticks.append(Tick(place, float(value), axis))
    return _lines(np.concatenate(ends), np.array(AXIS_COLOURS, np.uint8)), tuple(ticks)


def box_lines(bounds: NDArray[np.float64]) -> PreparedLines:
    """The twelve edges of the bounds (2, 3)."""
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
    pairs = [(a, b) for a in range(8) for b in range(a + 1, 8) if np.abs(corners[a] - corners[b]).sum() == 1]
    points = np.where(corners == 1, bounds[1], bounds[0])
    return _lines(points[np.array(pairs).reshape(-1)], None)


def _lines(ends: NDArray[np.float64], colours: NDArray[np.uint8] | None) -> PreparedLines:
    origin = (ends.min(axis=0) + ends.max(axis=0)) / 2
    return PreparedLines(origin, (ends - origin).astype(np.float32), colours)
