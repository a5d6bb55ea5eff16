"""Outlines of masks as polygons along the edges of pixels."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
"""Float64 (n, 2): corners x, y in image pixels; (0, 0) is the outer corner of the top left pixel."""

Corner = tuple[int, int]


def outlines(mask: NDArray[np.bool_], left: int = 0, top: int = 0, *, tolerance: float = 0.0) -> list[Polygon]:
    """Outer outlines of the connected components of a mask, the largest first.

    Parameters
    ----------
    mask : bool (h, w)
    left, top : position of its top left pixel in the picture
    tolerance : largest distance in pixels between the outline and the edge of the mask; 0 follows every pixel

    Returns
    -------
    A polygon for each 4-connected component, clockwise on the screen. With tolerance 0 it covers exactly the component
    and its holes, which a polygon cannot represent. Otherwise components that collapse to a line are omitted, except
    for the largest where all of them do.
    """
    loops = [loop for loop in _loops(mask) if _area(loop) > 0]
    loops.sort(key=_area, reverse=True)
    if tolerance > 0:
        simplified = [loop for loop in (_simplified(loop, tolerance) for loop in loops) if _area(loop) > 0]
        loops = simplified or loops[:1]
    return [loop + np.array([left, top]) for loop in loops]


def joined(parts: list[Polygon]) -> Polygon:
    """One polygon from several, for formats with one polygon per object: parts are connected by lines without width
    between their nearest corners."""
    from scipy.spatial import KDTree

    polygon = parts[0]
    for part in parts[1:]:
        # All distances of two outlines of ten thousand corners would take gigabytes.
        index = int(KDTree(part).query(polygon)[0].argmin())
        rotated = np.roll(part, -int(((part - polygon[index]) ** 2).sum(1).argmin()), axis=0)
        polygon = np.concatenate([polygon[: index + 1], rotated, rotated[:1], polygon[index:]])
    return polygon


def _loops(mask: NDArray[np.bool_]) -> list[Polygon]:
    """All closed boundaries of a mask, as corners, with the inside on the right: clockwise around components,
    counterclockwise around holes."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    edges_from: dict[Corner, list[Corner]] = defaultdict(list)
    for outside, start, end in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: to the right
        (padded[1:-1, 2:], (1, 0), (1, 1)),  # on the right: down
        (padded[2:, 1:-1], (1, 1), (0, 1)),  # below: to the left
        (padded[1:-1, :-2], (0, 1), (0, 0)),  # on the left: up
    ):
        rows, columns = np.nonzero(inside & ~outside)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
            edges_from[x + start[0], y + start[1]].append((x + end[0], y + end[1]))
    loops = []
    while edges_from:
        first = corner = next(iter(edges_from))
        direction: Corner | None = None
        loop: list[Corner] = []
        while corner in edges_from:
            ends = edges_from[corner]
            next_corner = ends[0] if len(ends) == 1 or direction is None else _right_turn(corner, direction, ends)
            ends.remove(next_corner)
            if not ends:
                del edges_from[corner]
            step = (next_corner[0] - corner[0], next_corner[1] - corner[1])
            if step != direction:
                loop.append(corner)
            direction, corner = step, next_corner
            if corner == first:
                break
        loops.append(np.array(_closed(loop), np.float64))
    return loops


def _right_turn(corner: Corner, direction: Corner, ends: list[Corner]) -> Corner:
    """The right turn, if possible: where two pixels share only a corner, the boundary stays at its own pixel."""
    right = (corner[0] - direction[1], corner[1] + direction[0])
    return right if right in ends else ends[0]


def _closed(loop: list[Corner]) -> list[Corner]:
    """`loop` without its first corner where the boundary passes it in a straight line."""
    if len(loop) < 3:
        return loop
    (x0, y0), (x1, y1), (x2, y2) = loop[-1], loop[0], loop[1]
    straight = (x1 - x0) * (y2 - y1) == (y1 - y0) * (x2 - x1)
    return loop[1:] if straight else loop


def _area(loop: Polygon) -> float:
    """Signed area, positive where `loop` is clockwise on the screen."""
    x, y = loop[:, 0], loop[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _simplified(loop: Polygon, tolerance: float) -> Polygon:
    """Douglas and Peucker's algorithm, as in OpenCV."""
    import cv2

    points = cv2.approxPolyDP(loop.astype(np.int32)[:, None], tolerance, True)
    return np.asarray(points, np.float64).reshape(-1, 2)
