"""Pixels of labels: polygons filled, brush strokes, and masks cut to their bounding box."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.labels import LabelledMask
from cvstudio.foundation.shapes import Box, Point, Polygon

if TYPE_CHECKING:
    from numpy.typing import NDArray

Window = tuple[int, int, int, int]
"""Left, top, right and bottom in whole pixels of the picture."""


def filled(polygon: Polygon, window: Window) -> NDArray[np.bool_]:
    """Pixels of `window` whose centres lie inside of a polygon by the even-odd rule, bool (bottom - top, right - left).

    A centre that lies on an edge belongs to the polygon on its right, so that polygons that share an edge share no
    pixel.
    """
    left, top, right, bottom = window
    height, width = max(0, bottom - top), max(0, right - left)
    # Each edge flips all pixels to its right; the flips are gathered at the first of them.
    corners = np.asarray(polygon, np.float64)
    (x1, y1), (x2, y2) = corners.T, np.roll(corners, -1, axis=0).T
    # Rows whose centre line is in [low, high); none for a horizontal edge.
    first = np.clip(np.ceil(np.minimum(y1, y2) - 0.5), top, bottom).astype(np.int64)
    counts = np.clip(np.ceil(np.maximum(y1, y2) - 0.5), top, bottom).astype(np.int64) - first
    edge = np.repeat(np.arange(len(corners)), counts)
    rows = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    crossings = x1[edge] + (rows + 0.5 - y1[edge]) * (x2 - x1)[edge] / (y2 - y1)[edge]
    columns = np.clip(np.ceil(crossings - 0.5), left, right).astype(np.int64) - left
    flips = np.bincount((rows - top) * (width + 1) + columns, minlength=height * (width + 1))
    odd = np.cumsum(flips.reshape(height, width + 1)[:, :width], axis=1) & 1
    inside: NDArray[np.bool_] = odd.astype(bool)
    return inside


def stroked(points: Sequence[Point], width: float, window: Window) -> NDArray[np.bool_]:
    """Pixels of `window` whose centres are at most `width` / 2 from the line through `points`, bool (h, w).

    A single point gives a disc.
    """
    left, top, right, bottom = window
    covered = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
    radius = width / 2
    for start, end in zip(points, points[1:] or points, strict=False):
        x1, y1, x2, y2 = _clipped((*bounds_of((start, end), radius),), window)
        if x1 >= x2 or y1 >= y2:
            continue
        columns, rows = np.arange(x1, x2) + 0.5 - start[0], np.arange(y1, y2)[:, None] + 0.5 - start[1]
        dx, dy = end[0] - start[0], end[1] - start[1]
        length = dx * dx + dy * dy
        along = np.clip((columns * dx + rows * dy) / length, 0, 1) if length else 0.0
        near = (columns - along * dx) ** 2 + (rows - along * dy) ** 2 <= radius * radius
        covered[y1 - top : y2 - top, x1 - left : x2 - left] |= near
    return covered


def bounds_of(points: Iterable[Point], margin: float = 0.0) -> Window:
    """The window of whole pixels around `points` and `margin`."""
    columns, rows = zip(*points, strict=True)
    return (
        *(math.floor(min(columns) - margin), math.floor(min(rows) - margin)),
        *(math.ceil(max(columns) + margin), math.ceil(max(rows) + margin)),
    )


def _clipped(window: Window, frame: Window) -> Window:
    return (
        *(max(window[0], frame[0]), max(window[1], frame[1])),
        *(min(window[2], frame[2]), min(window[3], frame[3])),
    )


def joined(windows: Iterable[Window], size: Size) -> Window:
    """The smallest window around all of `windows`, clipped to a picture of `size`."""
    lefts, tops, rights, bottoms = zip(*windows, strict=True)
    return _clipped((min(lefts), min(tops), max(rights), max(bottoms)), (0, 0, size.width, size.height))


def window_of(mask: LabelledMask) -> Window:
    """The place of a mask in its picture."""
    height, width = mask.pixels.shape
    return mask.left, mask.top, mask.left + width, mask.top + height


def pixels_in(mask: LabelledMask, window: Window) -> NDArray[np.bool_]:
    """The pixels of a mask in `window`, bool (bottom - top, right - left); False where it has none."""
    left, top, right, bottom = window
    pixels = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
    x1, y1, x2, y2 = _clipped(window_of(mask), window)
    if x1 < x2 and y1 < y2:
        source = mask.pixels[y1 - mask.top : y2 - mask.top, x1 - mask.left : x2 - mask.left]
        pixels[y1 - top : y2 - top, x1 - left : x2 - left] = source
    return pixels


def cut(pixels: NDArray[np.bool_], left: int, top: int) -> LabelledMask | None:
    """The mask of `pixels`, bool (h, w), at `left`, `top`, cut to its bounding box; None for an empty one."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if not rows.size:
        return None
    y1, y2, x1, x2 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return LabelledMask(pixels[y1:y2, x1:x2].copy(), left + x1, top + y1)


def polygons_mask(polygons: Sequence[Polygon], size: Size) -> LabelledMask | None:
    """The union of filled polygons on a picture of `size`; None where no pixel is covered."""
    if not polygons:
        return None
    window = joined([bounds_of(polygon) for polygon in polygons], size)
    pixels = np.zeros((max(0, window[3] - window[1]), max(0, window[2] - window[0])), bool)
    for polygon in polygons:
        x1, y1, x2, y2 = _clipped(bounds_of(polygon), window)
        if x1 < x2 and y1 < y2:
            part = pixels[y1 - window[1] : y2 - window[1], x1 - window[0] : x2 - window[0]]
            part |= filled(polygon, (x1, y1, x2, y2))
    return cut(pixels, window[0], window[1])


def box_of(mask: LabelledMask) -> Box:
    """The bounding box of a mask that is cut to it."""
    left, top, right, bottom = window_of(mask)
    return float(left), float(top), float(right), float(bottom)
