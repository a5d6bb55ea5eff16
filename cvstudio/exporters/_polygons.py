"""Outlines of masks as polygons, along the edges of pixels."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

Polygon = NDArray[np.float64]
"""Float64 (n, 2): corners x, y in image pixels; (0, 0) is the outer corner of the top left pixel."""

Corner = tuple[int, int]


def outlines(mask: NDArray[np.bool_], left: int = 0, top: int = 0, *, tolerance: float = 0.0) -> list[Polygon]:
    """The outer outlines of a mask's parts, the largest first.

    Parameters
    ----------
    mask : bool (h, w)
    left, top : where in the picture it begins
    tolerance : pixels by which an outline may be off so that it needs fewer corners; 0 follows every pixel

    Returns
    -------
    A polygon for each 4-connected part, clockwise on the screen. Without tolerance it covers exactly the part's pixels
    and the holes in it, which a polygon cannot leave out. With it, parts that shrink to a line are left out; the last
    one never is.
    """
    found = [loop for loop in _loops(mask) if _area(loop) > 0]
    found.sort(key=_area, reverse=True)
    if tolerance > 0:
        simple = [loop for loop in (_simplified(loop, tolerance) for loop in found) if _area(loop) > 0]
        found = simple or found[:1]
    return [loop + np.array([left, top]) for loop in found]


def joined(parts: list[Polygon]) -> Polygon:
    """One polygon for formats that have only one for each thing: parts are connected by lines without width, there
    and back, between their nearest corners."""
    whole = parts[0]
    for part in parts[1:]:
        apart = ((whole[:, None] - part[None]) ** 2).sum(2)
        here, there = np.unravel_index(int(apart.argmin()), apart.shape)
        around = np.roll(part, -int(there), axis=0)
        whole = np.concatenate([whole[: here + 1], around, around[:1], whole[here:]])
    return whole


def _loops(mask: NDArray[np.bool_]) -> list[Polygon]:
    """Every closed line between inside and outside with the inside on its right: clockwise around parts, counter-
    clockwise around holes; corners only."""
    padded = np.pad(mask, 1)
    inside = padded[1:-1, 1:-1]
    leads: dict[Corner, list[Corner]] = defaultdict(list)
    for outside, start, end in (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: to the right
        (padded[1:-1, 2:], (1, 0), (1, 1)),  # on the right: down
        (padded[2:, 1:-1], (1, 1), (0, 1)),  # below: to the left
        (padded[1:-1, :-2], (0, 1), (0, 0)),  # on the left: up
    ):
        rows, columns = np.nonzero(inside & ~outside)
        for x, y in zip(columns.tolist(), rows.tolist(), strict=True):
            leads[x + start[0], y + start[1]].append((x + end[0], y + end[1]))
    found = []
    while leads:
        first = here = next(iter(leads))
        heading: Corner | None = None
        loop: list[Corner] = []
        while here in leads:
            ahead = leads[here]
            following = ahead[0] if len(ahead) == 1 or heading is None else _right_turn(here, heading, ahead)
            ahead.remove(following)
            if not ahead:
                del leads[here]
            step = (following[0] - here[0], following[1] - here[1])
            if step != heading:
                loop.append(here)
            heading, here = step, following
            if here == first:
                break
        found.append(np.array(_closed(loop), np.float64))
    return found


def _right_turn(here: Corner, heading: Corner, ahead: list[Corner]) -> Corner:
    """Where two pixels touch with their corners only, the line stays with its own pixel."""
    wanted = (here[0] - heading[1], here[1] + heading[0])
    return wanted if wanted in ahead else ahead[0]


def _closed(loop: list[Corner]) -> list[Corner]:
    """Without its first corner where the line passes that one straight on."""
    if len(loop) < 3:
        return loop
    (x0, y0), (x1, y1), (x2, y2) = loop[-1], loop[0], loop[1]
    straight = (x1 - x0) * (y2 - y1) == (y1 - y0) * (x2 - x1)
    return loop[1:] if straight else loop


def _area(loop: Polygon) -> float:
    """Signed: positive for what runs clockwise on the screen."""
    x, y = loop[:, 0], loop[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def _simplified(loop: Polygon, tolerance: float) -> Polygon:
    """Douglas and Peucker's algorithm, as in OpenCV."""
    import cv2

    points = cv2.approxPolyDP(loop.astype(np.int32)[:, None], tolerance, True)
    return np.asarray(points, np.float64).reshape(-1, 2)
