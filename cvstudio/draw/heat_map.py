"""A heat map over the picture."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, draw, grid, grid_origin, paints, visible_part
from cvstudio.draw.palette import INK, PAPER
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.draw.text import chip
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap

MARGIN = 8


@paints(HeatMap)
def paint_heat_map(result: HeatMap, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    x, y = grid_origin(view)
    rect, scale = result.rect, view.scale
    # Only the part of the picture that the network received.
    x1, y1 = max(left, grid(rect.x, scale)), max(top, grid(rect.y, scale))
    x2, y2 = min(right, grid(rect.right, scale)), min(bottom, grid(rect.bottom, scale))
    cover = look.opacity * look.heat_opacity
    if cover <= 0 or x1 >= x2 or y1 >= y2:
        return
    part = heat_colours(result, x1, y1, x2, y2, scale, look.colour_map)
    place = canvas[y1 - y : y2 - y, x1 - x : x2 - x]
    place[:] = part if cover >= 1 else cv2.addWeighted(part, cover, place, 1 - cover, 0)
    if result.objects is not None:
        _paint_objects(result, result.objects, canvas, view, look)
    elif look.show_labels and result.label:
        _paint_label(result, canvas[top - y : bottom - y, left - x : right - x], (left, top), view, look)
    if result.place is not None:
        _paint_place(result.place, canvas[top - y : bottom - y, left - x : right - x], (left, top), view, look)


def heat_colours(
    result: HeatMap, left: int, top: int, right: int, bottom: int, scale: float, colour_map: str
) -> NDArray[np.uint8]:
    """The coloured map in columns `left`..`right` and rows `top`..`bottom` of the whole picture at `scale`: uint8 RGB
    (bottom - top, right - left, 3).

    Values are interpolated linearly between the centres of their cells.
    """
    import cv2

    height, width = result.values.shape
    row_weights = _interpolation(top, bottom, scale, result.rect.y, result.rect.height, height)
    column_weights = _interpolation(left, right, scale, result.rect.x, result.rect.width, width)
    value_range = result.high - result.low
    fractions = (result.values - result.low) / value_range if value_range > 0 else np.zeros_like(result.values)
    # OpenCV's interpolation has 32 steps between two values, which would be visible as bands.
    levels = np.clip(row_weights @ fractions.astype(np.float32) @ column_weights.T, 0, 1)
    return np.asarray(
        cv2.applyColorMap((levels * 255 + 0.5).astype(np.uint8), colour_lut(colour_map)[:, None].copy()), np.uint8
    )


def _interpolation(
    start: int, stop: int, scale: float, origin: float, extent: float, count: int
) -> NDArray[np.float32]:
    """Weights of a linear interpolation, at output pixels `start`..`stop`, of `count` values that are a regular grid
    over `extent` image pixels from `origin`.

    Returns
    -------
    float32 (stop - start, count); rows sum to 1
    """
    centres = (np.arange(start, stop) + 0.5) / scale
    positions = np.clip((centres - origin) / extent * count - 0.5, 0, count - 1)
    first = np.minimum(positions.astype(np.int64), max(count - 2, 0))
    weights = np.zeros((stop - start, count), np.float32)
    rows = np.arange(stop - start)
    fraction = (positions - first).astype(np.float32)
    weights[rows, first] = 1 - fraction
    weights[rows, np.minimum(first + 1, count - 1)] += fraction
    return weights


def _paint_objects(result: HeatMap, objects: Detections, canvas: NDArray[np.uint8], view: View, look: Look) -> None:
    """The box that is explained with its label, the others as thin lines; no masks, which would hide the map."""
    is_chosen = objects.ids == result.chosen
    look = dataclasses.replace(look, show_masks=False)
    thin = dataclasses.replace(look, show_labels=False, show_scores=False, line_width=look.px(1))
    draw(objects.take(~is_chosen), canvas, view, thin, Emphasis())
    draw(objects.take(is_chosen), canvas, view, look, Emphasis(selected=frozenset(objects.ids[is_chosen].tolist())))


def _paint_place(
    place: tuple[float, float], canvas: NDArray[np.uint8], origin: tuple[int, int], view: View, look: Look
) -> None:
    """A ring around the position that is explained."""
    import cv2

    centre = grid(place[0], view.scale) - origin[0], grid(place[1], view.scale) - origin[1]
    for colour, width in ((INK, look.line_width + look.px(2)), (PAPER, look.line_width)):
        cv2.circle(canvas, centre, 4 * look.line_width, colour, width, cv2.LINE_AA)


def _paint_label(result: HeatMap, canvas: NDArray[np.uint8], origin: tuple[int, int], view: View, look: Look) -> None:
    """Class and probability in the corner of the part that the network received."""
    has_score = look.show_scores and not np.isnan(result.probability)
    text = f"{result.label} {result.probability:.2f}" if has_score else result.label
    pixels = chip(text, look.font_size, PAPER, INK)
    left = grid(result.rect.x, view.scale) + look.px(MARGIN) - origin[0]
    top = grid(result.rect.y, view.scale) + look.px(MARGIN) - origin[1]
    right, bottom = min(left + pixels.shape[1], canvas.shape[1]), min(top + pixels.shape[0], canvas.shape[0])
    if left < right and top < bottom and right > 0 and bottom > 0:
        canvas[max(top, 0) : bottom, max(left, 0) : right] = pixels[
            max(-top, 0) : bottom - top, max(-left, 0) : right - left
        ]
