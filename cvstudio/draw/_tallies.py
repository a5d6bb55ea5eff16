"""Counting lines and zones with their numbers, under the boxes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Look
from cvstudio.draw.palette import INK, PAPER, RGB
from cvstudio.draw.text import chip, chip_size
from cvstudio.foundation.shapes import NamedShape, Point
from cvstudio.results.tallies import Tallies

LINE: RGB = (255, 196, 0)
"""Colour of lines and zones: amber, which no class of the palette has."""
ARROW = 16
"""Length of the arrow to where "in" is, in pixels."""
GAP = 6
SHIFT = 4
"""Fractional bits of drawn coordinates: 1/16 of a pixel."""
FARTHEST = 1 << 26
"""Coordinates are clipped to this: OpenCV's have 32 bits, of which `SHIFT` are fractional."""


def paint_tallies(
    tallies: Tallies, canvas: NDArray[np.uint8], scale: float, look: Look, origin: tuple[int, int]
) -> None:
    """Draw lines with an arrow to where "in" is, and zones, each with its name and numbers, on `canvas`, whose top left
    corner is `origin` of the whole picture."""
    for zone in tallies.zones:
        places = _places(zone.zone, scale, origin)
        _polyline(canvas, places, look, closed=True)
        passages = f" · {zone.entries} in · {zone.exits} out" if zone.entries or zone.exits else ""
        _paint_chip(canvas, f"{zone.zone.name}: {zone.inside} inside{passages}", _top_left(places, look), look)
    for line in tallies.lines:
        places = _places(line.line, scale, origin)
        _polyline(canvas, places, look, closed=False)
        _paint_arrow(canvas, places, look)
        text = f"{line.line.name}: {line.ins} in · {line.outs} out"
        _paint_chip(canvas, text, _beside(places, chip_size(text, look.font_size), look), look)


def _places(shape: NamedShape, scale: float, origin: tuple[int, int]) -> NDArray[np.float64]:
    return np.asarray(np.array(shape.points, np.float64) * scale - np.array(origin))


def _polyline(canvas: NDArray[np.uint8], places: NDArray[np.float64], look: Look, *, closed: bool) -> None:
    import cv2

    # The corner of a pixel is at -0.5 of OpenCV's coordinates.
    fixed = np.rint((places - 0.5).clip(-FARTHEST, FARTHEST) * (1 << SHIFT)).astype(np.int32)
    for ink, width in ((INK, look.line_width + 2 * look.px(1)), (LINE, look.line_width)):
        cv2.polylines(canvas, [fixed], closed, ink, width, cv2.LINE_AA, SHIFT)


def _paint_arrow(canvas: NDArray[np.uint8], places: NDArray[np.float64], look: Look) -> None:
    along = places[1] - places[0]
    right = np.array((-along[1], along[0])) / max(math.hypot(*along), 1e-9)
    length = look.px(ARROW)
    start = places.mean(axis=0)
    tip = start + right * length
    back, side = right * length * 0.4, np.array((right[1], -right[0])) * length * 0.3
    _polyline(canvas, np.stack((start, tip)), look, closed=False)
    _polyline(canvas, np.stack((tip - back + side, tip, tip - back - side)), look, closed=False)


def _beside(places: NDArray[np.float64], size: tuple[int, int], look: Look) -> Point:
    """Top left corner of a text of `size` on the side of a line that has no arrow."""
    along = places[1] - places[0]
    left = np.array((along[1], -along[0])) / max(math.hypot(*along), 1e-9)
    # The half of the text's extent that points towards the line.
    reach = (abs(left[0]) * size[0] + abs(left[1]) * size[1]) / 2 + look.px(GAP)
    centre = places.mean(axis=0) + left * reach
    return float(centre[0] - size[0] / 2), float(centre[1] - size[1] / 2)


def _top_left(places: NDArray[np.float64], look: Look) -> Point:
    """Where the text of a zone begins: inside, at its topmost corner."""
    corner = places[np.lexsort((places[:, 0], places[:, 1]))[0]]
    return float(corner[0]) + look.px(GAP), float(corner[1]) + look.px(GAP)


def _paint_chip(canvas: NDArray[np.uint8], text: str, corner: Point, look: Look) -> None:
    pixels = chip(text, look.font_size, PAPER, INK)
    height, width = pixels.shape[:2]
    left, top = (round(min(max(place, -FARTHEST), FARTHEST)) for place in corner)
    right, bottom = min(left + width, canvas.shape[1]), min(top + height, canvas.shape[0])
    if left < canvas.shape[1] and top < canvas.shape[0] and right > 0 and bottom > 0:
        canvas[max(top, 0) : bottom, max(left, 0) : right] = pixels[
            max(-top, 0) : bottom - top, max(-left, 0) : right - left
        ]
