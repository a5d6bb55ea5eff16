"""A classification as a small card in the corner of the picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, grid_origin, grid_size, paints, visible_part
from cvstudio.draw.palette import INK, PAPER, RGB, class_colour
from cvstudio.draw.text import text_mask
from cvstudio.results.classification import NO_CLASS_YET, Classification

MARGIN = 12
PADDING = 8
GAP = 8
BAR = 3
"""In pixels: margin around the card, padding inside it, gap between name and number, height of the bar of a row."""

SHARE = 0.5
"""Largest size of the card, as a fraction of the picture's width and height."""

COVER = 0.78
QUIET: RGB = (154, 161, 171)
UNKNOWN = "unknown"
SMALLEST_TEXT = 9


@paints(Classification)
def paint_classification(
    result: Classification, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    if look.opacity <= 0 or right <= left or bottom <= top or not (look.show_labels or look.show_scores):
        return
    whole = grid_size(result.size, view.scale)
    card = _card(result, look, round(whole.width * SHARE), round(whole.height * SHARE))
    if card is None:
        return
    pixels, cover = card
    x, y = grid_origin(view)
    margin = min(look.px(MARGIN), whole.width // 16, whole.height // 16)
    # The card is fixed to the picture, as boxes are, so that the screen shows a crop of the exported file.
    x1, y1 = max(margin, left), max(margin, top)
    x2, y2 = min(margin + pixels.shape[1], right), min(margin + pixels.shape[0], bottom)
    if x1 >= x2 or y1 >= y2:
        return
    place = canvas[y1 - y : y2 - y, x1 - x : x2 - x]
    part = (slice(y1 - margin, y2 - margin), slice(x1 - margin, x2 - margin))
    weight = cover[part][..., None] * np.float32(look.opacity)
    blended = place * (1 - weight) + pixels[part] * weight
    place[:] = cv2.convertScaleAbs(blended)


def rows_of(result: Classification) -> list[tuple[str, float, bool]]:
    """Rows of the card: name, probability 0..1, whether it is emphasised; "unknown" comes first where it applies, and
    the one row of a picture without a label says so. Neither has a probability: it is NaN."""
    if not len(result):
        return [(NO_CLASS_YET, float("nan"), False)]
    rows = [(result.label(row), float(result.probabilities[row]), not result.unknown) for row in range(len(result))]
    return [(UNKNOWN, float("nan"), True), *rows] if result.unknown else rows


def _card(
    result: Classification, look: Look, width_limit: int, height_limit: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
    """RGB pixels (h, w, 3) and coverage 0..1 (h, w), with smaller text and fewer rows on a small picture; None where
    not even one row fits."""
    rows = rows_of(result)
    gap, padding, bar = (look.px(size) for size in (GAP, PADDING, BAR))
    for size in range(look.font_size, SMALLEST_TEXT - 1, -1):
        names = [text_mask(name, size) if look.show_labels else np.zeros((1, 1), np.uint8) for name, _, _ in rows]
        numbers = [
            np.zeros((1, 1), np.uint8)
            if np.isnan(probability) or not look.show_scores
            else text_mask(f"{probability:.0%}", size)
            for _, probability, _ in rows
        ]
        other_width = gap + max(n.shape[1] for n in numbers) + 2 * padding
        if size == SMALLEST_TEXT and look.show_labels:
            room = width_limit - other_width
            names = [
                n if n.shape[1] <= room else _shortened(row[0], size, room) for n, row in zip(names, rows, strict=True)
            ]
        width = max(n.shape[1] for n in names) + other_width
        height = max(max(n.shape[0] for n in names), max(n.shape[0] for n in numbers)) + bar + look.px(4)
        count = min(len(rows), (height_limit - 2 * padding) // height)
        if width <= width_limit and count >= 1:
            return _paint(result, rows[:count], names, numbers, width, height, look)
    return None


def _shortened(name: str, size: int, room: int) -> NDArray[np.uint8]:
    """Mask of `name` shortened to `room` pixels, with an ellipsis; at least one letter."""
    masks = (text_mask(f"{name[:count].rstrip()}…", size) for count in range(len(name) - 1, 0, -1))
    last = text_mask("…", size)
    for last in masks:
        if last.shape[1] <= room:
            break
    return last


def _paint(
    result: Classification,
    rows: list[tuple[str, float, bool]],
    names: list[NDArray[np.uint8]],
    numbers: list[NDArray[np.uint8]],
    width: int,
    height: int,
    look: Look,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    padding, bar_height, below = look.px(PADDING), look.px(BAR), look.px(2)
    pixels = np.empty((2 * padding + len(rows) * height, width, 3), np.float32)
    pixels[:] = INK
    cover = np.full(pixels.shape[:2], COVER, np.float32)
    for number, (name, probability, emphasised) in enumerate(rows):
        top = padding + number * height
        ink = PAPER if emphasised and (number == 0 or not result.unknown) else QUIET
        for mask, left in ((names[number], padding), (numbers[number], width - padding - numbers[number].shape[1])):
            area = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
            coverage = mask[..., None].astype(np.float32) / 255
            pixels[area] = pixels[area] * (1 - coverage) + np.array(ink, np.float32) * coverage
            cover[area] = np.maximum(cover[area], coverage[..., 0])
        if not np.isnan(probability):
            bar = (slice(top + height - bar_height - below, top + height - below), slice(padding, width - padding))
            filled = round((width - 2 * padding) * probability)
            pixels[bar] = (52, 57, 66)
            pixels[bar][:, :filled] = class_colour(name, result.class_names) if emphasised else QUIET
            cover[bar] = 1
    return pixels.astype(np.uint8), cover
