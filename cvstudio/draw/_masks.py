"""Instance masks on the canvas, under their boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw._dashes import dash_length
from cvstudio.draw.base import Emphasis, Look
from cvstudio.draw.palette import RGB, row_colour
from cvstudio.foundation.cache import Cache
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

MAX_MASKS = 100
"""Largest number of masks that are drawn, the best ones; more would hide the picture and delay a slider's tick."""

BAND = 1 << 15
"""Pixels that are tinted together: the system clears memory for larger arrays each time, which takes longer."""

EMPHASISED = 0.2
"""Additional opacity of selected and hovered masks."""

# A slider's tick selects other rows of the same masks, and computing a mask costs more than painting it.
_shapes = Cache(budget_bytes=64 << 20, max_entries=4 * MAX_MASKS)

Part = tuple[int, int, int, int]


class Shape(NamedTuple):
    """A mask in output pixels: `inside` uint8 (h, w) of 0 and 1, and rows and columns of the pixels of its outline."""

    inside: NDArray[np.uint8]
    line: tuple[NDArray[np.int32], NDArray[np.int32]]


def paint_masks(
    result: Detections, canvas: NDArray[np.uint8], scale: float, look: Look, emphasis: Emphasis, part: Part
) -> None:
    """Tint the mask of each object with its colour, and outline it, dashed where it is certain.

    `canvas` shows `part` (left, top, right, bottom) of the whole picture at `scale`.
    """
    if result.masks is None or not look.show_masks or look.mask_opacity <= 0:
        return
    left, top, right, bottom = part
    visible_rows = []
    for row, box in enumerate(result.boxes):
        x1, y1, x2, y2 = edges(box, scale)
        area = (max(x1, left), max(y1, top), min(x2, right), min(y2, bottom))
        if area[0] < area[2] and area[1] < area[3]:
            visible_rows.append((row, area))
            if len(visible_rows) == MAX_MASKS:
                break
    width = (look.line_width + 1) // 2
    # The best is drawn last, on top.
    for row, (x1, y1, x2, y2) in reversed(visible_rows):
        shape = _shape(result, row, scale, (x1, y1, x2, y2), width)
        number = int(result.ids[row])
        chosen = number in emphasis.selected or number == emphasis.hovered
        cover = min(1.0, look.mask_opacity + EMPHASISED * chosen)
        if result.certain:
            shape = _dashed(shape, (x1, y1), dash_length(look))
        _paint(canvas[y1 - top : y2 - top, x1 - left : x2 - left], shape, row_colour(result, row, look), cover)


def _shape(result: Detections, row: int, scale: float, part: Part, width: int) -> Shape:
    """The `part` (left, top, right, bottom) of a mask, with an outline of `width` px inside its edge."""
    import cv2

    assert result.masks is not None
    key = (result.masks.key(row, int(result.ids[row])), scale, part, width)
    entry = _shapes.get(key)
    if entry is not None:
        shape: Shape = entry.value
        return shape
    x1, y1, x2, y2 = part
    # With a margin, so that no outline is drawn along the edge of the visible part.
    margins = (x1 - width, y1 - width, x2 + width, y2 + width)
    mask = result.masks.window(row, result.boxes[row], scale, *margins).view(np.uint8)
    core = cv2.erode(mask, np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8), iterations=width)
    edge = cv2.bitwise_xor(mask, core, dst=core)
    for margin in (edge[:width], edge[-width:], edge[:, :width], edge[:, -width:]):
        margin[...] = 0
    # Of a few ones among many zeros four times as fast as OpenCV's `findNonZero`.
    rows, columns = np.divmod(np.flatnonzero(edge.view(bool)).astype(np.int32), np.int32(edge.shape[1]))
    inside = mask[width : mask.shape[0] - width, width : mask.shape[1] - width]
    shape = Shape(inside, (rows - width, columns - width))
    _shapes.put(key, shape)
    return shape


def _dashed(shape: Shape, origin: tuple[int, int], length: int) -> Shape:
    """`shape`, whose top left corner is `origin` on the grid, with the pixels of its outline on the dark squares of a
    chessboard of the grid: dashes that do not move with the view."""
    rows, columns = shape.line
    drawn = ((rows + origin[1]) // length + (columns + origin[0]) // length) % 2 == 0
    return shape._replace(line=(rows[drawn], columns[drawn]))


def _paint(place: NDArray[np.uint8], shape: Shape, colour: RGB, cover: float) -> None:
    import cv2

    tint = np.rint(np.array([*colour, 0]) * cover)
    height, width = shape.inside.shape
    n_at_once = max(1, BAND // width)
    for start in range(0, height, n_at_once):
        band = place[start : start + n_at_once]
        tinted = cv2.convertScaleAbs(band, alpha=1 - cover)
        cv2.add(tinted, tint, dst=tinted)
        cv2.copyTo(tinted, shape.inside[start : start + n_at_once], band)
    place[shape.line] = colour
