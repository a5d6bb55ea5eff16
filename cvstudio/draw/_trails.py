"""Where identities came from: a line for each, thinner the older it is, under the boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Look
from cvstudio.draw.palette import INK, RGB, row_colour
from cvstudio.results.detections import Detections

SHIFT = 4
"""Places are drawn to 1/16 of a pixel."""
OLD_SHARE = 0.5
"""From this share of the age of the oldest point on a trail is thinner."""
LARGEST = 4_000_000
"""Pixels around a trail up to which it is drawn as a whole. OpenCV clips a line before it smoothes it, so that a part
of a larger one, far zoomed in, differs a little from the same part of the whole."""
FARTHEST = 1 << 14
"""OpenCV counts in 32 bits, of which `SHIFT` are fractions."""

Points = NDArray[np.float64]
Part = tuple[Points, int]


def paint_trails(
    result: Detections, canvas: NDArray[np.uint8], scale: float, look: Look, origin: tuple[int, int]
) -> None:
    """Draw the trails of the identities in `result` on `canvas`, whose corner is at `origin` of the whole picture."""
    trails = result.trails
    if trails is None or result.track_ids is None or not len(trails.points):
        return
    rows = {int(number): row for row, number in enumerate(result.track_ids.tolist()) if number >= 0}
    starts = np.flatnonzero(np.diff(trails.track_ids, prepend=-1)).tolist()
    places = trails.points.astype(np.float64) * scale - np.array(origin)
    young = trails.ages <= OLD_SHARE * max(float(trails.ages.max()), 1e-6)
    for start, stop in zip(starts, [*starts[1:], len(places)], strict=True):
        row = rows.get(int(trails.track_ids[start]))
        if row is None or stop - start < 2:
            continue
        line, newer = places[start:stop], int(np.argmax(young[start:stop]))
        # Both parts share a point, so that there is no gap between them.
        parts = [
            (part, width)
            for part, width in ((line[: newer + 1], max(1, look.line_width - 1)), (line[newer:], look.line_width))
            if len(part) > 1
        ]
        _paint(canvas, line, parts, row_colour(result, row, look))


def _paint(canvas: NDArray[np.uint8], line: Points, parts: list[Part], colour: RGB) -> None:
    """Both parts of a line with a dark edge around it."""
    reach = max(width for _, width in parts) + 4
    height, width = canvas.shape[:2]
    low = np.floor(line.min(axis=0)).astype(int) - reach
    high = np.ceil(line.max(axis=0)).astype(int) + reach
    if np.prod(high - low) > LARGEST:
        low, high = np.array((0, 0)), np.array((width, height))
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (width, height))
    if left >= right or top >= bottom:
        return
    here = np.s_[top - low[1] : bottom - low[1], left - low[0] : right - low[0]]
    place = canvas[top:bottom, left:right]
    for ink, more in ((INK, 2), (colour, 0)):
        cover = _cover(parts, low, high - low, more)[here]
        rows, columns = np.nonzero(cover)
        share = cover[rows, columns].astype(np.uint16)[:, None]
        under = place[rows, columns]
        place[rows, columns] = (under * (255 - share) + np.array(ink, np.uint16) * share + 127) // 255


def _cover(parts: list[Part], corner: NDArray[Any], size: NDArray[Any], more: int) -> NDArray[np.uint8]:
    """How much of each pixel of a picture of `size` at `corner` the lines cover, 0..255."""
    import cv2

    made = np.zeros((size[1], size[0]), np.uint8)
    for part, width in parts:
        fixed = np.rint((part - corner).clip(-FARTHEST, FARTHEST) * (1 << SHIFT)).astype(np.int32)
        cv2.polylines(made, [fixed], False, 255, width + more, cv2.LINE_AA, SHIFT)
    return made
