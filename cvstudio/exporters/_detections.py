"""Detections for exchange formats: boxes clipped to the picture, masks as polygons."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.outlines import Polygon, outlines
from cvstudio.foundation.params import Doc, Range
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

Tolerance = Annotated[
    float,
    Range(0, 10, step=0.5, unit="px"),
    Doc(
        "Tolerance",
        "How far a polygon may deviate from the mask's edge, so that it needs fewer corners.",
        "0 follows every pixel.",
        more=True,
    ),
]


def within(detections: Detections) -> Detections:
    """`detections` with boxes clipped to the picture, without those that are outside of it or not finite.

    Tools that train on a file reject boxes without area.
    """
    size = np.array([*detections.size, *detections.size], np.float32)
    boxes = np.clip(detections.boxes, 0, size)
    valid = np.isfinite(detections.boxes).all(1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    return dataclasses.replace(detections, boxes=boxes).take(np.flatnonzero(valid))


def corner_and_extent(box: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """x, y, width and height of a box, as the shortest decimals whose sums are exactly the corners of the box."""
    x1, y1, x2, y2 = (Decimal(str(value)) for value in box)
    return float(x1), float(y1), float(x2 - x1), float(y2 - y1)


def polygons_of(detections: Detections, row: int, tolerance: float) -> list[Polygon]:
    """Outlines of the mask of `row` as polygons; empty without a mask or where it is empty."""
    if detections.masks is None:
        return []
    x1, y1, x2, y2 = edges(detections.boxes[row], 1.0)
    left, top = max(x1, 0), max(y1, 0)
    right, bottom = min(x2, detections.size.width), min(y2, detections.size.height)
    if left >= right or top >= bottom:
        return []
    window = detections.masks.window(row, detections.boxes[row], 1.0, left, top, right, bottom)
    return outlines(window, left, top, tolerance=tolerance) if window.any() else []
