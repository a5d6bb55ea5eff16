"""Detections: masks, trails, counting lines and zones, boxes and labels, in this order.

Outlines of ground truth are dashed, so that predictions are told apart from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw._dashes import Dashes, dash_length
from cvstudio.draw._labels import Label, place_labels
from cvstudio.draw._masks import paint_masks
from cvstudio.draw._tallies import paint_tallies
from cvstudio.draw._trails import paint_trails
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.palette import INK, PAPER, RGB, row_colour, text_on
from cvstudio.draw.text import chip
from cvstudio.results.detections import Detections

REACH = 4
"""Largest distance in pixels of a line outside its box."""


@paints(Detections)
def paint_detections(result: Detections, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    if not len(result) and result.tallies is None:
        return
    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        target, left, top, right, bottom = area
        corners = box_corners(result, view.scale)
        paint_masks(result, target, view.scale, look, emphasis, (left, top, right, bottom))
        paint_trails(result, target, view.scale, look, (left, top))
        if result.tallies is not None:
            paint_tallies(result.tallies, target, view.scale, look, (left, top))
        _paint_boxes(result, corners - np.array([left, top, left, top]), target, look, emphasis)
        labels = place_labels(result, corners, view.scale, look)
        paint_chips(labels, target, (left, top), look, lambda row: row_colour(result, row, look))


def box_corners(result: Detections, scale: float) -> NDArray[np.int64]:
    """Left, top, right and bottom of the boxes on the grid of the whole picture at `scale`, int64 (n, 4)."""
    return np.rint(result.boxes.astype(np.float64) * scale).astype(np.int64)


def _paint_boxes(
    result: Detections, edges: NDArray[np.int64], canvas: NDArray[np.uint8], look: Look, emphasis: Emphasis
) -> None:
    height, width = canvas.shape[:2]
    reach = look.px(REACH)
    visible = (edges[:, 2] > -reach) & (edges[:, 3] > -reach) & (edges[:, 0] < width + reach)
    visible &= edges[:, 1] < height + reach
    starts = edges
    # Edges far outside need not be drawn at their position, and OpenCV's coordinates have 32 bits.
    edges = np.clip(edges, -2 * reach - look.line_width, np.array([width, height] * 2) + 2 * reach + look.line_width)
    # The best is drawn last, on top; above it the hovered box, and above that the selected ones.
    rows = np.flatnonzero(visible)[::-1].tolist()
    rows.sort(key=lambda row: _rank(int(result.ids[row]), emphasis))
    hair = look.px(1)
    for row in rows:
        rank = _rank(int(result.ids[row]), emphasis)
        colour = row_colour(result, row, look)
        width = look.line_width + hair * (rank > 0)
        # Dashes begin at the true corner, so that they do not move with the view.
        x, y = starts[row, :2].tolist()
        dashes = Dashes(x, y, dash_length(look)) if result.certain else None
        outline(canvas, edges[row].tolist(), width, colour, chosen=rank >= 2, hair=hair, dashes=dashes)


def _rank(number: int, emphasis: Emphasis) -> int:
    """0 for a box without emphasis, 1 for the hovered one, 2 for a selected one, 3 for both."""
    return 2 * (number in emphasis.selected) + (number == emphasis.hovered)


def outline(
    canvas: NDArray[np.uint8],
    edges: list[int],
    width: int,
    colour: RGB,
    *,
    chosen: bool,
    hair: int = 1,
    dashes: Dashes | None = None,
) -> None:
    """A line of `width` px inside the edges (left, top, right, bottom) of a box and a dark hairline of `hair` px around
    it; where `chosen`, also a white one inside. With `dashes`, all of them are broken."""
    import cv2

    left, top, right, bottom = edges
    lines = [*((-inset, INK) for inset in range(hair, 0, -1)), *((inset, colour) for inset in range(width))]
    if chosen:
        lines += [(width + inset, PAPER) for inset in range(hair)]
    for inset, ink in lines:
        x1, y1, x2, y2 = left + inset, top + inset, right - 1 - inset, bottom - 1 - inset
        if inset <= 0 or (x1 <= x2 and y1 <= y2):
            corner = (max(x1, x2), max(y1, y2))
            if dashes is None:
                cv2.rectangle(canvas, (x1, y1), corner, ink, 1)
            else:
                dashes.paint_rectangle(canvas, (x1, y1), corner, ink)


def paint_chips(
    labels: Sequence[Label],
    canvas: NDArray[np.uint8],
    origin: tuple[int, int],
    look: Look,
    colour_of: Callable[[int], RGB],
) -> None:
    """Paint `labels`, positioned in the whole picture, on the part of it with the top left corner `origin`, each on the
    colour of its row."""
    size = look.font_size
    # The best is drawn last, on top.
    for label in reversed(labels):
        left, top = label.left - origin[0], label.top - origin[1]
        right, bottom = min(left + label.width, canvas.shape[1]), min(top + label.height, canvas.shape[0])
        if left >= canvas.shape[1] or top >= canvas.shape[0] or right <= 0 or bottom <= 0:
            continue
        colour = colour_of(label.row)
        pixels = chip(label.text, size, text_on(colour), colour)
        canvas[max(top, 0) : bottom, max(left, 0) : right] = pixels[
            max(-top, 0) : bottom - top, max(-left, 0) : right - left
        ]
