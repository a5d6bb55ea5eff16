"""Nearest neighbours as a strip of thumbnails along the lower edge of the picture, and their vote as a card."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.draw.base import Emphasis, Look, draw, grid_origin, grid_size, paints, visible_part
from cvstudio.draw.palette import INK, PAPER, class_colour
from cvstudio.draw.text import text_mask
from cvstudio.results.neighbours import Neighbours

SHARE = 0.22
"""Height of a thumbnail as a fraction of the picture's, clipped to `SMALLEST`..`LARGEST` pixels."""

SMALLEST, LARGEST = 36, 112
ROOM_FOR = 6
"""Number of neighbours that should fit beside each other."""

MARGIN, GAP, PADDING = 8, 6, 6
EDGE = 3
"""Height in pixels of the line in the colour of the class, under a thumbnail."""

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
        # The strip is fixed to the picture, so that the screen shows a crop of the exported file.
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
    """RGB pixels (h, w, 3) and coverage 0..1 (h, w) of the strip, with as many neighbours as fit on a picture of size
    `whole`; None where none fits."""
    import cv2

    margin, gap, padding, edge_height = (look.px(size) for size in (MARGIN, GAP, PADDING, EDGE))
    room = whole.width - 2 * (margin + padding) + gap
    height = int(min(whole.height * SHARE, look.px(LARGEST), (room / min(len(result), ROOM_FOR) - gap) * 3 / 4))
    height = max(height, SMALLEST)
    width = height * 4 // 3
    count = min(len(result), room // (width + gap))
    font_size = look.font_size
    text_height = text_mask("0", font_size).shape[0] if look.show_scores else 0
    strip_height = height + edge_height + text_height + 2 * padding
    if count < 1 or strip_height > whole.height:
        return None
    strip_width = count * (width + gap) - gap + 2 * padding
    pixels = np.empty((strip_height, strip_width, 3), np.uint8)
    pixels[:] = INK
    cover = np.full((strip_height, strip_width), COVER, np.float32)
    for row in range(count):
        x = padding + row * (width + gap)
        area = (slice(padding, padding + height), slice(x, x + width))
        pixels[area], cover[area] = EMPTY, 1
        picture = result.thumbnails[row]
        if picture is not None:
            crop = filling(picture, width, height)
            pixels[area] = cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA)
        name = result.label(row)
        if name and look.show_labels:
            edge = (slice(padding + height, padding + height + edge_height), slice(x, x + width))
            pixels[edge], cover[edge] = class_colour(name, result.labels), 1
        if text_height:
            mask = text_mask(distance_text(float(result.distances[row])), font_size)[:, :width]
            y, text_x = padding + height + edge_height, x + (width - mask.shape[1]) // 2
            area = (slice(y, y + mask.shape[0]), slice(text_x, text_x + mask.shape[1]))
            coverage = mask[..., None].astype(np.float32) / 255
            pixels[area] = (pixels[area] * (1 - coverage) + np.array(PAPER, np.float32) * coverage).astype(np.uint8)
            cover[area] = np.maximum(cover[area], coverage[..., 0])
    return pixels, cover


def filling(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """The central crop of `picture` with the aspect ratio of `width` x `height`."""
    picture_height, picture_width = picture.shape[:2]
    crop_width, crop_height = (
        min(picture_width, round(picture_height * width / height)),
        min(picture_height, round(picture_width * height / width)),
    )
    left, top = (picture_width - max(crop_width, 1)) // 2, (picture_height - max(crop_height, 1)) // 2
    return picture[top : top + max(crop_height, 1), left : left + max(crop_width, 1)]


def distance_text(distance: float) -> str:
    """The distance in about three significant figures."""
    return f"{distance:.3f}" if distance < 10 else f"{distance:.4g}"
