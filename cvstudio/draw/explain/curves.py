"""ScoreCurves as a plot: the quantity to the right, the values upwards, a legend in the corner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.palette import COLOURS, RGB
from cvstudio.draw.text import chip
from cvstudio.results.explain.curves import ScoreCurves

GROUND: RGB = (22, 24, 28)
GRID: RGB = (53, 58, 67)
WORDS: RGB = (154, 161, 171)
MARGIN = (76, 24, 24, 56)
"""Left, top, right and bottom of the plot, in pixels at scale 1."""

TEXT = 15
TICKS = 5


@paints(ScoreCurves)
def paint_curves(result: ScoreCurves, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        area.pixels[:] = GROUND
        scale = view.scale
        left, top, right, bottom = MARGIN
        width, height = result.size.width - left - right, result.size.height - top - bottom
        corner = np.array((area.left, area.top), np.float64)
        extent = max(float(result.places[-1] - result.places[0]), 1e-12)
        span = max(result.high - result.low, 1e-12)

        def at(places: NDArray[np.float64], values: NDArray[np.floating]) -> NDArray[np.float64]:
            across = left + (places - result.places[0]) / extent * width
            down = top + (1 - np.clip((values - result.low) / span, -0.02, 1.02)) * height
            return np.asarray(np.stack(np.broadcast_arrays(across, down), -1) * scale - corner, np.float64)

        size = max(6, round(TEXT * scale))
        for tick in range(TICKS + 1):
            value = result.low + span * tick / TICKS
            ends = at(result.places[[0, -1]], np.array([value, value])).round().astype(int)
            cv2.line(area.pixels, tuple(ends[0].tolist()), tuple(ends[1].tolist()), GRID, 1)
            _word(area.pixels, f"{value:.3g}", ends[0] - (round(60 * scale), size // 2 + 2), size)
        for place, text in _marks(result):
            ends = at(np.array([place, place]), np.array([result.low, result.high])).round().astype(int)
            cv2.line(area.pixels, tuple(ends[0].tolist()), tuple(ends[1].tolist()), GRID, 1)
            _word(area.pixels, text, ends[0] + (-round(12 * scale), round(6 * scale)), size)
        middle = np.array([(left + width / 2) * scale - 4 * size, (result.size.height - 26) * scale]) - corner
        _word(area.pixels, result.x_title, middle.round().astype(int), size)
        for index, (name, values) in enumerate(zip(result.names, result.values, strict=True)):
            colour = COLOURS[index % len(COLOURS)]
            points = np.rint(np.clip(at(result.places, values) * 16, -(1 << 24), 1 << 24)).astype(np.int32)
            thickness = max(1, round(2 * scale))
            cv2.polylines(area.pixels, [points[:, None]], False, colour, thickness, cv2.LINE_AA, 4)
            legend = np.array([(left + width * 0.62) * scale, (top + 10 + index * (TEXT + 10)) * scale]) - corner
            _word(area.pixels, name, legend.round().astype(int), size, colour)


def _marks(result: ScoreCurves) -> list[tuple[float, str]]:
    """Places that are marked below the plot, with their texts."""
    if result.steps:
        stride = -(-len(result.steps) // 8)
        return [(float(result.places[index]), result.steps[index]) for index in range(0, len(result.steps), stride)]
    low, high = float(result.places[0]), float(result.places[-1])
    return [
        (low + (high - low) * tick / TICKS, f"{low + (high - low) * tick / TICKS:.3g}") for tick in range(TICKS + 1)
    ]


def _word(pixels: NDArray[np.uint8], text: str, at: NDArray[np.int_], size: int, colour: RGB = WORDS) -> None:
    """Write a text whose left upper corner is `at`, as far as it lies on `pixels`."""
    word = chip(text, size, colour, GROUND)
    x, y = (int(value) for value in at)
    rows, columns = slice(max(0, y), max(0, y + word.shape[0])), slice(max(0, x), max(0, x + word.shape[1]))
    place = pixels[rows, columns]
    place[:] = word[max(0, -y) :, max(0, -x) :][: place.shape[0], : place.shape[1]]
