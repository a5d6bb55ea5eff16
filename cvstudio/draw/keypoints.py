"""Key points as discs, joined by the lines of their skeleton."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.palette import INK, PAPER, RGB, class_colour
from cvstudio.draw.text import chip
from cvstudio.results.keypoints import Keypoints

LEFT: RGB = (86, 180, 233)
RIGHT: RGB = (230, 159, 0)
MIDDLE: RGB = (200, 255, 200)
"""Sides of a body are told apart, as they are what networks exchange."""

SHIFT = 4
"""Fractional bits of the coordinates that OpenCV draws at."""

MOST_PIXELS = 8 << 20
"""Of the ground that a thing is painted on whole; a larger one is cut off, and its lines may differ by a shade."""

NAMES_UP_TO = 3
"""Things whose points are named; more names would hide the picture."""


@paints(Keypoints)
def paint_landmarks(result: Keypoints, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    if not len(result):
        return
    with painted_over(result.size, canvas, view, look) as ground:
        if ground is None:
            return
        target = np.ascontiguousarray(ground.pixels)
        places = result.points.astype(np.float64) * view.scale - np.array([ground.left, ground.top])
        believed = result.above_threshold()
        for row in range(len(result)):
            number = int(result.ids[row])
            chosen = number in emphasis.selected or number == emphasis.hovered
            _paint_whole(target, result, places[row], believed[row], look.line_width + chosen)
            if look.show_labels and chosen and len(result) <= NAMES_UP_TO:
                _name(target, result, places[row], believed[row], 9 + 2 * look.line_width)
        ground.pixels[:] = target


def side_colour(name: str) -> RGB:
    """The colour of a point by the side that its name tells, of one that tells none by the name."""
    words = name.casefold().replace("_", " ").split()
    if "left" in words:
        return LEFT
    if "right" in words:
        return RIGHT
    return MIDDLE if name in ("nose", "neck", "head") else class_colour(name)


def _fixed(place: NDArray[np.float64]) -> tuple[int, int]:
    """A place from the outer corner as OpenCV's fixed point from the first pixel's centre; far ones are cut off."""
    x, y = np.rint((np.clip(place, -8192, 8192) - 0.5) * (1 << SHIFT)).astype(int).tolist()
    return x, y


def _paint_whole(
    target: NDArray[np.uint8], result: Keypoints, places: NDArray[np.float64], believed: NDArray[np.bool_], width: int
) -> None:
    """Paint one thing so that each pixel is the same whatever else is visible: OpenCV's smooth lines change a little
    where they are cut off, so it gets ground on which it lies whole."""
    if not believed.any():
        return
    around = 2 * width + 8
    low = np.floor(places[believed].min(axis=0)).astype(int) - around
    high = np.ceil(places[believed].max(axis=0)).astype(int) + around
    x1, y1 = np.maximum(low, 0)
    x2, y2 = np.minimum(high, [target.shape[1], target.shape[0]])
    if x1 >= x2 or y1 >= y2:
        return
    wide, high_px = (high - low).tolist()
    if wide * high_px > MOST_PIXELS:
        _paint(target, result, places, believed, width)
        return
    ground = np.zeros((high_px, wide, 3), np.uint8)
    inside = np.s_[y1 - low[1] : y2 - low[1], x1 - low[0] : x2 - low[0]]
    ground[inside] = target[y1:y2, x1:x2]
    _paint(ground, result, places - low, believed, width)
    target[y1:y2, x1:x2] = ground[inside]


def _paint(
    target: NDArray[np.uint8], result: Keypoints, places: NDArray[np.float64], believed: NDArray[np.bool_], width: int
) -> None:
    import cv2

    bones = [(a, b) for a, b in result.skeleton if believed[a] and believed[b]]
    for ink, wider in ((INK, 2), (None, 0)):
        for a, b in bones:
            colours = side_colour(result.labels[a]), side_colour(result.labels[b])
            colour = ink or (colours[0] if colours[0] == colours[1] else MIDDLE)
            cv2.line(target, _fixed(places[a]), _fixed(places[b]), colour, width + wider, cv2.LINE_AA, SHIFT)
    radius = (width + 1.5) * (1 << SHIFT)
    for index in np.flatnonzero(believed):
        centre = _fixed(places[index])
        for colour, more in ((INK, 1.2), (PAPER, 0.0), (side_colour(result.labels[index]), -1.2)):
            cv2.circle(target, centre, round(radius + more * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)


def _name(
    target: NDArray[np.uint8], result: Keypoints, places: NDArray[np.float64], believed: NDArray[np.bool_], size: int
) -> None:
    for index in np.flatnonzero(believed):
        words = chip(result.labels[index], size, PAPER, INK)
        left, top = (round(float(value)) for value in places[index] + np.array([8, -words.shape[0] / 2]))
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + words.shape[1], target.shape[1]), min(top + words.shape[0], target.shape[0])
        if x1 < x2 and y1 < y2:
            target[y1:y2, x1:x2] = words[y1 - top : y2 - top, x1 - left : x2 - left]
