"""Keypoints as discs, connected by the lines of their skeleton."""

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
"""Colours of the sides of a body: exchanged sides are a common error of networks."""

SHIFT = 4
"""Fractional bits of drawn coordinates."""

MOST_PIXELS = 8 << 20
"""Largest area in pixels of an object that is painted as a whole; lines of a larger one are clipped and may differ."""

NAMES_UP_TO = 3
"""Largest number of objects whose keypoints are named; more names would hide the picture."""


@paints(Keypoints)
def paint_keypoints(result: Keypoints, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    if not len(result):
        return
    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        target = np.ascontiguousarray(area.pixels)
        places = result.points.astype(np.float64) * view.scale - np.array([area.left, area.top])
        confident = result.above_threshold()
        for row in range(len(result)):
            number = int(result.ids[row])
            chosen = number in emphasis.selected or number == emphasis.hovered
            _paint_whole(target, result, places[row], confident[row], look.line_width + chosen * look.px(1), look.unit)
            if look.show_labels and chosen and len(result) <= NAMES_UP_TO:
                _paint_names(target, result, places[row], confident[row], look)
        area.pixels[:] = target


def side_colour(name: str) -> RGB:
    """The colour of a keypoint: by the side in its name, otherwise by the name."""
    words = name.casefold().replace("_", " ").split()
    if "left" in words:
        return LEFT
    if "right" in words:
        return RIGHT
    return MIDDLE if name in ("nose", "neck", "head") else class_colour(name)


def _fixed(place: NDArray[np.float64]) -> tuple[int, int]:
    """Output coordinates (outer corner at 0) as OpenCV's fixed-point ones (pixel centre at 0), clipped to +-8192."""
    x, y = np.rint((np.clip(place, -8192, 8192) - 0.5) * (1 << SHIFT)).astype(int).tolist()
    return x, y


def _paint_whole(
    target: NDArray[np.uint8],
    result: Keypoints,
    places: NDArray[np.float64],
    confident: NDArray[np.bool_],
    width: int,
    unit: float,
) -> None:
    """Paint one object so that its pixels do not depend on the view: OpenCV's antialiased lines change slightly where
    they are clipped, so the object is painted on a canvas that contains all of it."""
    if not confident.any():
        return
    margin = 2 * width + round(8 * unit)
    low = np.floor(places[confident].min(axis=0)).astype(int) - margin
    high = np.ceil(places[confident].max(axis=0)).astype(int) + margin
    x1, y1 = np.maximum(low, 0)
    x2, y2 = np.minimum(high, [target.shape[1], target.shape[0]])
    if x1 >= x2 or y1 >= y2:
        return
    width_px, height_px = (high - low).tolist()
    if width_px * height_px > MOST_PIXELS:
        _paint(target, result, places, confident, width, unit)
        return
    canvas = np.zeros((height_px, width_px, 3), np.uint8)
    inside = np.s_[y1 - low[1] : y2 - low[1], x1 - low[0] : x2 - low[0]]
    canvas[inside] = target[y1:y2, x1:x2]
    _paint(canvas, result, places - low, confident, width, unit)
    target[y1:y2, x1:x2] = canvas[inside]


def _paint(
    target: NDArray[np.uint8],
    result: Keypoints,
    places: NDArray[np.float64],
    confident: NDArray[np.bool_],
    width: int,
    unit: float,
) -> None:
    import cv2

    bones = [(a, b) for a, b in result.skeleton if confident[a] and confident[b]]
    for ink, extra_width in ((INK, 2 * max(1, round(unit))), (None, 0)):
        for a, b in bones:
            colours = side_colour(result.labels[a]), side_colour(result.labels[b])
            colour = ink or (colours[0] if colours[0] == colours[1] else MIDDLE)
            cv2.line(target, _fixed(places[a]), _fixed(places[b]), colour, width + extra_width, cv2.LINE_AA, SHIFT)
    radius = (width + 1.5 * unit) * (1 << SHIFT)
    for index in np.flatnonzero(confident):
        centre = _fixed(places[index])
        for colour, extra in ((INK, 1.2), (PAPER, 0.0), (side_colour(result.labels[index]), -1.2)):
            cv2.circle(target, centre, round(radius + extra * unit * (1 << SHIFT)), colour, -1, cv2.LINE_AA, SHIFT)


def _paint_names(
    target: NDArray[np.uint8], result: Keypoints, places: NDArray[np.float64], confident: NDArray[np.bool_], look: Look
) -> None:
    for index in np.flatnonzero(confident):
        pixels = chip(result.labels[index], look.font_size, PAPER, INK)
        left, top = (round(float(value)) for value in places[index] + np.array([look.px(8), -pixels.shape[0] / 2]))
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + pixels.shape[1], target.shape[1]), min(top + pixels.shape[0], target.shape[0])
        if x1 < x2 and y1 < y2:
            target[y1:y2, x1:x2] = pixels[y1 - top : y2 - top, x1 - left : x2 - left]
