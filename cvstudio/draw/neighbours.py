"""The nearest pictures as a strip along the lower edge of the picture, and their vote as a card in its corner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.draw._labels import text_size
from cvstudio.draw.base import Emphasis, Look, draw, grid_origin, grid_size, paints, visible_part
from cvstudio.draw.palette import INK, PAPER, class_colour
from cvstudio.draw.text import text_mask
from cvstudio.results.neighbours import Neighbours

SHARE = 0.22
"""Of the picture's height, that a thumbnail takes at most; within `SMALLEST` and `LARGEST` pixels."""

SMALLEST, LARGEST = 36, 112
ROOM_FOR = 6
"""So many neighbours, where there are, are to have room beside each other."""

MARGIN, GAP, PADDING = 8, 6, 6
EDGE = 3
"""Line in the colour of the class under a thumbnail."""

COVER = 0.78
EMPTY = (52, 57, 66)


@paints(Neighbours)
def paint_neighbours(result: Neighbours, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    if look.opacity <= 0 or right <= left or bottom <= top:
        return
    whole = grid_size(result.size, view.scale)
    strip = strip_of(result, whole, look)
    if strip is not None:
        pixels, cover = strip
        x, y = grid_origin(view)
        # The strip is fixed to the picture: the screen shows a crop of what a file holds.
        from_left, from_top = (whole.width - pixels.shape[1]) // 2, whole.height - pixels.shape[0]
        x1, y1 = max(from_left, left), max(from_top, top)
        x2, y2 = min(from_left + pixels.shape[1], right), min(whole.height, bottom)
        if x1 < x2 and y1 < y2:
            place = canvas[y1 - y : y2 - y, x1 - x : x2 - x]
            part = (slice(y1 - from_top, y2 - from_top), slice(x1 - from_left, x2 - from_left))
            weight = cover[part][..., None] * np.float32(look.opacity)
            place[:] = cv2.convertScaleAbs(place * (1 - weight) + pixels[part] * weight)
    if result.votes is not None:
        draw(result.votes, canvas, view, look, emphasis)


def strip_of(result: Neighbours, whole: Size, look: Look) -> tuple[NDArray[np.uint8], NDArray[np.float32]] | None:
    """RGB pixels (h, w, 3) and coverage 0..1 (h, w) of as many neighbours as fit on a picture of `whole`; None where
    not even one does."""
    import cv2

    room = whole.width - 2 * (MARGIN + PADDING) + GAP
    height = min(whole.height * SHARE, LARGEST, (room / min(len(result), ROOM_FOR) - GAP) * 3 / 4)
    height = int(max(height, SMALLEST))
    width = height * 4 // 3
    count = min(len(result), room // (width + GAP))
    text = text_size(look)
    line = text_mask("0", text).shape[0] if look.show_scores else 0
    tall = height + EDGE + line + 2 * PADDING
    if count < 1 or tall > whole.height:
        return None
    wide = count * (width + GAP) - GAP + 2 * PADDING
    pixels = np.empty((tall, wide, 3), np.uint8)
    pixels[:] = INK
    cover = np.full((tall, wide), COVER, np.float32)
    for row in range(count):
        x = PADDING + row * (width + GAP)
        spot = (slice(PADDING, PADDING + height), slice(x, x + width))
        pixels[spot], cover[spot] = EMPTY, 1
        picture = result.thumbnails[row]
        if picture is not None:
            shown = filling(picture, width, height)
            pixels[spot] = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
        name = result.label(row)
        if name and look.show_labels:
            edge = (slice(PADDING + height, PADDING + height + EDGE), slice(x, x + width))
            pixels[edge], cover[edge] = class_colour(name), 1
        if line:
            mask = text_mask(distance_text(float(result.distances[row])), text)[:, :width]
            y, at = PADDING + height + EDGE, x + (width - mask.shape[1]) // 2
            spot = (slice(y, y + mask.shape[0]), slice(at, at + mask.shape[1]))
            ink = mask[..., None].astype(np.float32) / 255
            pixels[spot] = (pixels[spot] * (1 - ink) + np.array(PAPER, np.float32) * ink).astype(np.uint8)
            cover[spot] = np.maximum(cover[spot], ink[..., 0])
    return pixels, cover


def filling(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The middle of `picture` in the shape of `width` x `height`."""
    high, wide = picture.shape[:2]
    part_wide, part_high = min(wide, round(high * width / height)), min(high, round(wide * height / width))
    left, top = (wide - max(part_wide, 1)) // 2, (high - max(part_high, 1)) // 2
    return picture[top : top + max(part_high, 1), left : left + max(part_wide, 1)]


def distance_text(distance: float) -> str:
    """Three figures, whatever the metric."""
    return f"{distance:.3f}" if distance < 10 else f"{distance:.4g}"
