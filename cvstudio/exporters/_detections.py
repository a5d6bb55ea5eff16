"""What exchange formats can hold of detections: boxes within the picture, masks as run lengths or outlines."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters._polygons import Polygon, outlines
from cvstudio.foundation.params import Doc, Range
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

Tolerance = Annotated[
    float,
    Range(0, 10, step=0.5, unit="px"),
    Doc(
        "Tolerance",
        "How far a polygon may be off the mask's edge, so that it needs fewer corners.",
        "0 follows every pixel.",
        more=True,
    ),
]


def within(found: Detections) -> Detections:
    """`found` with its boxes clipped to the picture; without those of which nothing lies in it or that are no numbers.

    Tools that train on a file stop at a box without area.
    """
    size = np.array([*found.size, *found.size], np.float32)
    boxes = np.clip(found.boxes, 0, size)
    good = np.isfinite(found.boxes).all(1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(found, boxes=boxes).take(np.flatnonzero(good))


def corner_and_extent(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """x, y, width and height of a box, in the fewest decimals from which corner and extent add up to the same box."""
    x1, y1, x2, y2 = (Decimal(str(value)) for value in box)
    return float(x1), float(y1), float(x2 - x1), float(y2 - y1)


def polygons_of(found: Detections, row: int, tolerance: float) -> list[Polygon]:
    """The outlines of one mask; none where there is no mask, or nothing in it."""
    if found.masks is None:
        return []
    x1, y1, x2, y2 = edges(found.boxes[row], 1.0)
    left, top = max(x1, 0), max(y1, 0)
    right, bottom = min(x2, found.size.width), min(y2, found.size.height)
    if left >= right or top >= bottom:
        return []
    window = found.masks.window(row, found.boxes[row], 1.0, left, top, right, bottom)
    return outlines(window, left, top, tolerance=tolerance) if window.any() else []
