"""Masks of instances on the canvas, under their boxes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Emphasis, Look
from cvstudio.draw.palette import class_colour
from cvstudio.results import Detections
from cvstudio.types import View

MAX_MASKS = 100
"""The best so many are drawn; more would hide the picture and cost a slider's tick."""

EMPHASISED = 0.2
"""How much more strongly what is chosen or hovered is covered."""


def paint_masks(
    result: Detections,
    canvas: NDArray[np.uint8],
    view: View,
    look: Look,
    emphasis: Emphasis,
    part: tuple[int, int, int, int],
) -> None:
    """Tint the pixels of each thing with the colour of its class, and line its edge.

    `canvas` shows `part` (left, top, right, bottom) of the whole picture at the view's scale.
    """
    import cv2

    masks = result.masks
    if masks is None or not look.show_masks or look.mask_opacity <= 0:
        return
    left, top, right, bottom = part
    edges = np.rint(result.boxes.astype(np.float64) * view.scale).astype(np.int64)
    low = np.maximum(edges[:, :2], (left, top))
    high = np.minimum(edges[:, 2:], (right, bottom))
    rows = np.flatnonzero((low < high).all(axis=1))[:MAX_MASKS]
    # The best is drawn last, on top.
    for row in rows[::-1].tolist():
        (x1, y1), (x2, y2) = low[row].tolist(), high[row].tolist()
        mask = masks.window(row, result.boxes[row], view.scale, x1, y1, x2, y2)
        place = canvas[y1 - top : y2 - top, x1 - left : x2 - left]
        number = int(result.ids[row])
        chosen = number in emphasis.selected or number == emphasis.hovered
        cover = min(1.0, look.mask_opacity + EMPHASISED * chosen)
        colour = np.array(class_colour(result.label(row)), np.uint8)
        tinted = cv2.addWeighted(np.broadcast_to(colour, place.shape).copy(), cover, place, 1 - cover, 0)
        cv2.copyTo(tinted, mask, place)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        line = np.ascontiguousarray(place)
        cv2.drawContours(line, outlines, -1, colour.tolist(), 1)
        place[:] = line
