"""Triangulation of one polygon in the plane by clipping ears (Meisters, 1975)."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque

import numpy as np
from numpy.typing import NDArray

_MOST_ROWS = 64
_SLACK = 1e-9
"""Of the width, by which a triangle is taken for wider than it is: rounding must not lose a corner on its side."""


def clip_ears(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Triangles (k - 2, 3) of a counterclockwise polygon (k, 2). One that crosses itself is split, too, in some way."""
    polygon = _Polygon(points)
    count = tested = len(points)
    waiting, corner, triangles = deque(range(count)), 0, []
    while count > 3:
        if waiting:
            candidate = waiting.popleft()
            if not polygon.is_ear(candidate):
                continue
            corner = candidate
        elif count <= tested / 2:
            # Of a polygon that crosses itself, corners become ears as others go.
            tested = count
            waiting.extend(polygon.ring(corner))
            continue
        # Where no corner is an ear, the polygon crosses itself or is flat: any corner will do.
        neighbours = polygon.cut(corner)
        triangles.append((neighbours[0], corner, neighbours[1]))
        # Cutting an ear off changes what its neighbours are, and no other corner of a polygon that does not cross
        # itself.
        waiting.extend(neighbours)
        corner = neighbours[0]
        count -= 1
    return np.array([*triangles, tuple(polygon.ring(corner))], np.int64)


class _Polygon:
    """What is left of a polygon. Its reflex corners, which alone can lie within an ear, are kept in rows by y, each
    sorted by x."""

    def __init__(self, points: NDArray[np.float64]) -> None:
        count = len(points)
        self._x: list[float] = points[:, 0].tolist()
        self._y: list[float] = points[:, 1].tolist()
        self._before = [count - 1, *range(count - 1)]
        self._after = [*range(1, count), 0]
        self._there = [True] * count
        self._reflex = [self._turn(*self._corners(at)) <= 0 for at in range(count)]
        self._reflex_count = sum(self._reflex)
        self._bottom = min(self._y)
        self._slack = _SLACK * (max(self._x) - min(self._x))
        row_count = max(1, min(_MOST_ROWS, math.isqrt(self._reflex_count)))
        self._height = (max(self._y) - self._bottom) / row_count or 1.0
        rows: list[list[tuple[float, int]]] = [[] for _ in range(row_count + 1)]
        for at in range(count):
            if self._reflex[at]:
                rows[self._row(self._y[at])].append((self._x[at], at))
        self._rows = [sorted(row) for row in rows]

    def ring(self, corner: int) -> list[int]:
        """All corners that are left, in their order, from `corner` on."""
        corners, at = [corner], self._after[corner]
        while at != corner:
            corners.append(at)
            at = self._after[at]
        return corners

    def cut(self, corner: int) -> tuple[int, int]:
        """Take a corner away; its neighbours."""
        before, _, after = self._corners(corner)
        self._after[before], self._before[after] = after, before
        self._there[corner] = False
        for at in (before, corner, after):
            if self._reflex[at] and (at == corner or self._turn(*self._corners(at)) > 0):
                self._reflex[at] = False
                self._reflex_count -= 1
        return before, after

    def is_ear(self, corner: int) -> bool:
        """Whether the triangle of a corner and its neighbours holds none of the other corners that are left."""
        triangle = self._corners(corner)
        if not self._there[corner] or self._turn(*triangle) <= 0:
            return False
        if self._reflex_count == 0:
            return True
        # From the lowest to the highest; one side is opposite the middle.
        (low_y, low_x), (middle_y, middle_x), (high_y, high_x) = sorted((self._y[at], self._x[at]) for at in triangle)
        long_slope = (high_x - low_x) / (high_y - low_y)
        lower_slope = (middle_x - low_x) / (middle_y - low_y) if middle_y > low_y else 0.0
        upper_slope = (high_x - middle_x) / (high_y - middle_y) if high_y > middle_y else 0.0
        for number in range(self._row(low_y), self._row(high_y) + 1):
            row = self._rows[number]
            if not row:
                continue
            # One more row at either end, as the limits of rows are rounded.
            bottom = max(low_y, self._bottom + (number - 1) * self._height)
            top = min(high_y, self._bottom + (number + 2) * self._height)
            at_bottom = low_x + lower_slope * (bottom - low_y), middle_x + upper_slope * (bottom - middle_y)
            at_top = low_x + lower_slope * (top - low_y), middle_x + upper_slope * (top - middle_y)
            sides = [
                low_x + long_slope * (bottom - low_y),
                low_x + long_slope * (top - low_y),
                at_bottom[bottom > middle_y],
                at_top[top > middle_y],
            ]
            if bottom <= middle_y <= top:
                sides.append(middle_x)
            first = bisect_left(row, (min(sides) - self._slack, -1))
            last = bisect_right(row, (max(sides) + self._slack, len(self._x)))
            if any(self._reflex[at] and self._holds(triangle, at) for _, at in row[first:last]):
                return False
        return True

    def _row(self, y: float) -> int:
        return int((y - self._bottom) / self._height)

    def _corners(self, at: int) -> tuple[int, int, int]:
        return self._before[at], at, self._after[at]

    def _holds(self, triangle: tuple[int, int, int], at: int) -> bool:
        a, b, c = triangle
        if self._turn(a, b, at) < 0 or self._turn(b, c, at) < 0 or self._turn(c, a, at) < 0:
            return False
        # Corners at the same place belong to a seam that joins a hole to the outline.
        return all((self._x[at], self._y[at]) != (self._x[corner], self._y[corner]) for corner in triangle)

    def _turn(self, a: int, b: int, c: int) -> float:
        """Twice the signed area of the triangle of three corners."""
        x, y = self._x, self._y
        return (x[b] - x[a]) * (y[c] - y[a]) - (y[b] - y[a]) * (x[c] - x[a])
