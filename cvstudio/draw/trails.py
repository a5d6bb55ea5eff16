"""Where identities came from: a line for each, thinner the older it is, under the boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Look
from cvstudio.draw.colours import row_colour
from cvstudio.draw.palette import INK
from cvstudio.results import Detections

SHIFT = 4
"""Places are drawn to 1/16 of a pixel."""
OLD_SHARE = 0.5
"""From this share of the age of the oldest point on a trail is thinner."""
FARTHEST = 1 << 14
"""OpenCV counts in 32 bits, of which `SHIFT` are fractions."""


def paint_trails(
    result: Detections, canvas: NDArray[np.uint8], scale: float, look: Look, origin: tuple[int, int]
) -> None:
    """Draw the trails of the identities in `result` on `canvas`, whose corner is at `origin` of the whole picture."""
    import cv2

    trails = result.trails
    if trails is None or result.track_ids is None or not len(trails.points):
        return
    rows = {int(number): row for row, number in enumerate(result.track_ids.tolist()) if number >= 0}
    starts = np.flatnonzero(np.diff(trails.track_ids, prepend=-1))
    places = (trails.points.astype(np.float64) * scale - np.array(origin)).clip(-FARTHEST, FARTHEST)
    fixed = np.rint(places * (1 << SHIFT)).astype(np.int32)
    young = trails.ages <= OLD_SHARE * max(float(trails.ages.max()), 1e-6)
    for start, stop in zip(starts, [*starts[1:], len(fixed)], strict=True):
        row = rows.get(int(trails.track_ids[start]))
        if row is None or stop - start < 2:
            continue
        colour = row_colour(result, row, look)
        line, newer = fixed[start:stop], int(np.argmax(young[start:stop]))
        # Both parts share a point, so that there is no gap between them.
        parts = ((line[: newer + 1], max(1, look.line_width - 1)), (line[newer:], look.line_width))
        for ink, more in ((INK, 2), (colour, 0)):
            for part, width in parts:
                if len(part) > 1:
                    cv2.polylines(canvas, [part], False, ink, width + more, cv2.LINE_AA, SHIFT)
