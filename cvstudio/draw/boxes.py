"""Boxes with labels.

Where a label goes is decided for the whole picture at the scale of the view, never for the visible part, so that
the screen and a file agree whatever is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Emphasis, Look, draw
from cvstudio.draw.palette import RGB, class_colour, text_on
from cvstudio.draw.text import paint_text, text_mask
from cvstudio.results import Detections
from cvstudio.types import View

HAIRLINE: RGB = (16, 18, 22)
TEXT_SIZE = 13
PADDING = 4
MAX_LABELS = 200
"""Past this many boxes labels would only hide the picture."""


@dataclass(frozen=True)
class Chip:
    """A label's place in output pixels of the whole picture."""

    row: int
    text: str
    left: int
    top: int
    width: int
    height: int


def label_text(result: Detections, row: int, look: Look) -> str:
    """What is written beside a box; the score as its kind is usually told."""
    score = float(result.scores[row])
    told = f"{score:.0f}" if result.score_kind == "neighbours" else f"{score:.2f}"
    parts = [result.label(row)] if look.show_labels else []
    return " ".join(parts + ([told] if look.show_scores else []))


def place_chips(result: Detections, corners: NDArray[np.int64], look: Look, whole: tuple[int, int]) -> list[Chip]:
    """Places for the labels: above the box, else inside its top, else below; one that would cover another moves on."""
    taken: list[tuple[int, int, int, int]] = []
    chips = []
    for row in range(min(len(result), MAX_LABELS)):
        text = label_text(result, row, look)
        if not text:
            continue
        mask = text_mask(text, TEXT_SIZE)
        width, height = mask.shape[1] + 2 * PADDING, mask.shape[0]
        left, top, right, bottom = (int(value) for value in corners[row])
        x = max(0, min(left, whole[0] - width))
        spots = [y for y in (top - height, bottom, top, bottom - height) if 0 <= y <= whole[1] - height]
        spots = spots or [max(0, min(top, whole[1] - height))]
        free = (y for y in spots if not _covers(taken, x, y, width, height))
        y = next(free, spots[0])
        taken.append((x, y, x + width, y + height))
        chips.append(Chip(row, text, x, y, width, height))
    return chips


def _covers(taken: list[tuple[int, int, int, int]], x: int, y: int, width: int, height: int) -> bool:
    return any(x < right and left < x + width and y < bottom and top < y + height for left, top, right, bottom in taken)


@draw.register
def _(result: Detections, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    if not len(result):
        return
    corners = np.rint(result.boxes.astype(np.float64) * view.scale).astype(np.int64)
    # The rounding of the view's own corner must not move a box against the picture.
    offset = np.rint(np.array([view.rect.x, view.rect.y]) * view.scale).astype(np.int64)
    target = canvas if look.opacity >= 1 else canvas.copy()
    width = look.line_width
    whole = (round(result.size.width * view.scale), round(result.size.height * view.scale))
    # The best is drawn last, on top.
    for row in range(len(result) - 1, -1, -1):
        number = int(result.ids[row])
        thick = width + 2 if number in emphasis.selected else width + (number == emphasis.hovered)
        left, top, right, bottom = (corners[row] - np.tile(offset, 2)).tolist()
        if right < -8 or bottom < -8 or left > canvas.shape[1] + 8 or top > canvas.shape[0] + 8:
            continue
        colour = class_colour(result.label(row))
        _frame(target, left, top, right, bottom, thick + 2, 1, HAIRLINE)
        _frame(target, left, top, right, bottom, thick, 0, colour)
        if number in emphasis.selected:
            _frame(target, left, top, right, bottom, 1, -thick // 2, (255, 255, 255))
    for chip in reversed(place_chips(result, corners, look, whole)):
        colour = class_colour(result.label(chip.row))
        x, y = chip.left - int(offset[0]), chip.top - int(offset[1])
        if x > canvas.shape[1] or y > canvas.shape[0] or x + chip.width < 0 or y + chip.height < 0:
            continue
        cv2.rectangle(target, (x, y), (x + chip.width - 1, y + chip.height - 1), colour, cv2.FILLED)
        paint_text(target, chip.text, TEXT_SIZE, x + PADDING, y, text_on(colour))
    if target is not canvas:
        cv2.addWeighted(target, look.opacity, canvas, 1 - look.opacity, 0, dst=canvas)


def _frame(
    canvas: NDArray[np.uint8], left: int, top: int, right: int, bottom: int, width: int, grow: int, colour: RGB
) -> None:
    """The outline of a box as four filled bars, `width` px wide and reaching `grow` px outside."""
    height, across = canvas.shape[:2]
    x1, y1, x2, y2 = left - grow, top - grow, right + grow, bottom + grow

    def bar(xa: int, ya: int, xb: int, yb: int) -> None:
        xa, ya, xb, yb = max(xa, 0), max(ya, 0), min(xb, across), min(yb, height)
        if xa < xb and ya < yb:
            canvas[ya:yb, xa:xb] = colour

    bar(x1, y1, x2, y1 + width)
    bar(x1, y2 - width, x2, y2)
    bar(x1, y1, x1 + width, y2)
    bar(x2 - width, y1, x2, y2)
