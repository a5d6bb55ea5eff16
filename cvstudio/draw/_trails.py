"""Trails of tracked objects under the boxes: a line for each track, thinner where it is older."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Look
from cvstudio.draw.palette import INK, RGB, row_colour
from cvstudio.results.detections import Detections

SHIFT = 4
"""Fractional bits of drawn coordinates: 1/16 of a pixel."""
OLD_SHARE = 0.5
"""Age, as a fraction of the age of the oldest point, from which a trail is thinner."""
LARGEST = 4_000_000
"""Largest area in pixels of a trail that is drawn as a whole. OpenCV clips lines before antialiasing, so a visible part
of a larger trail, at high zoom, differs slightly from the same part of the whole."""
FARTHEST = 1 << 26
"""Coordinates are clipped to this: OpenCV's have 32 bits, of which `SHIFT` are fractional."""

Points = NDArray[np.float64]
Part = tuple[Points, int]


def paint_trails(
    result: Detections, canvas: NDArray[np.uint8], scale: float, look: Look, origin: tuple[int, int]
) -> None:
    """Draw the trails of the tracks in `result` on `canvas`, whose top left corner is `origin` of the whole picture."""
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
        # The parts share a point, so that there is no gap between them.
        parts = [
            (part, width)
            for part, width in (
                (line[: newer + 1], max(1, look.line_width - look.px(1))),
                (line[newer:], look.line_width),
            )
            if len(part) > 1
        ]
        _paint(canvas, line, parts, row_colour(result, row, look), look.px(1))


def _paint(canvas: NDArray[np.uint8], line: Points, parts: list[Part], colour: RGB, hair: int) -> None:
    """Paint the parts of a line, with a dark edge of `hair` px around it."""
    reach = max(width for _, width in parts) + 4 * hair
    height, width = canvas.shape[:2]
    low = np.floor(line.min(axis=0)).astype(int) - reach
    high = np.ceil(line.max(axis=0)).astype(int) + reach
    if np.prod(high - low) > LARGEST:
        low, high = np.array((0, 0)), np.array((width, height))
    left, top = np.maximum(low, 0)
    right, bottom = np.minimum(high, (width, height))
    if left >= right or top >= bottom:
        return
    visible = np.s_[top - low[1] : bottom - low[1], left - low[0] : right - low[0]]
    place = canvas[top:bottom, left:right]
    for ink, extra_width in ((INK, 2 * hair), (colour, 0)):
        cover = _cover(parts, low, high - low, extra_width)[visible]
        rows, columns = np.nonzero(cover)
        coverage = cover[rows, columns].astype(np.uint16)[:, None]
        below = place[rows, columns]
        place[rows, columns] = (below * (255 - coverage) + np.array(ink, np.uint16) * coverage + 127) // 255


def _cover(parts: list[Part], corner: NDArray[Any], size: NDArray[Any], extra_width: int) -> NDArray[np.uint8]:
    """Coverage of pixels by the lines, uint8 0..255 of `size` (width, height) with the top left pixel at `corner`."""
    import cv2

    coverage = np.zeros((size[1], size[0]), np.uint8)
    for part, width in parts:
        fixed = np.rint((part - corner).clip(-FARTHEST, FARTHEST) * (1 << SHIFT)).astype(np.int32)
        cv2.polylines(coverage, [fixed], False, 255, width + extra_width, cv2.LINE_AA, SHIFT)
    return coverage
