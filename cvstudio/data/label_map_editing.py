"""Corrections of the class of each pixel: strokes, filled areas and polygons. Pure functions from the labels of a
picture to others, which share all tiles of their map that were not touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_maps import class_map
from cvstudio.data.label_masks import Window, bounds_of, filled, joined, stroked
from cvstudio.data.labels import LabelMap, PictureLabels
from cvstudio.foundation.shapes import Point, Polygon


def map_of(labels: PictureLabels, size: Size) -> LabelMap:
    """The map of a picture of `size`; where it has none, that of its objects, which is empty without any."""
    if labels.label_map is not None and labels.label_map.shape == (size.height, size.width):
        return labels.label_map
    return LabelMap(class_map(labels.annotations, size))


def with_stroke(
    labels: PictureLabels, points: Sequence[Point], width: float, category: int, size: Size
) -> PictureLabels:
    """`labels` with a stroke of `width` pixels of a class, or of `NO_CLASS` to erase."""
    window = joined([bounds_of(points, width / 2)], size)
    return _with_part(labels, window, stroked(points, width, window), category, size)


def with_filled_polygon(labels: PictureLabels, polygon: Polygon, category: int, size: Size) -> PictureLabels:
    """`labels` with the inside of a polygon of a class."""
    window = joined([bounds_of(polygon)], size)
    return _with_part(labels, window, filled(polygon, window), category, size)


def with_filled_area(labels: PictureLabels, at: Point, category: int, size: Size) -> PictureLabels:
    """`labels` with the pixels around `at` that have one class, joined by their sides, of another."""
    import cv2

    x, y = int(at[0]), int(at[1])
    if not (0 <= x < size.width and 0 <= y < size.height):
        return labels
    classes = map_of(labels, size).classes
    # Framed, as the function wants it; 1 where it must not go.
    area = np.ones((size.height + 2, size.width + 2), np.uint8)
    area[1:-1, 1:-1] = classes != classes[y, x]
    blank = np.zeros((size.height, size.width), np.uint8)
    flags = 4 | cv2.FLOODFILL_MASK_ONLY | (2 << 8)
    _, _, _, (left, top, width, height) = cv2.floodFill(blank, area, (x, y), 0, flags=flags)
    window = (left, top, left + width, top + height)
    inside = area[1 + top : 1 + top + height, 1 + left : 1 + left + width] == 2
    return _with_part(labels, window, inside, category, size)


def _with_part(
    labels: PictureLabels, window: Window, part: NDArray[np.bool_], category: int, size: Size
) -> PictureLabels:
    """`labels` with `category` where `part` is set; the same object where that changes nothing."""
    left, top, right, bottom = window
    if right <= left or bottom <= top:
        return labels
    before = map_of(labels, size)
    pixels = before.window(window)
    if not (pixels[part] != category).any():
        return labels
    pixels[part] = category
    return replace(labels, label_map=before.with_window(left, top, pixels))
