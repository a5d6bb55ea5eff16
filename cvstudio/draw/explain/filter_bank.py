"""The filters of a convolution as tiles: in colour where they see colours, else in grey, which is 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, grid, painted_over, paints
from cvstudio.draw.palette import RGB
from cvstudio.results.explain.filter_bank import MOST_SHOWN, TILE, FilterBank

GROUND: RGB = (22, 24, 28)
CHOSEN: RGB = (76, 141, 255)


def tile_levels(tiles: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tiles (n, kh, kw[, 3]) as levels 0..255: 0 becomes 128, the largest magnitude of a tile 1 or 255."""
    largest = np.abs(tiles).reshape(len(tiles), -1).max(axis=1)
    scale = np.divide(127.0, largest, out=np.zeros_like(largest), where=largest > 0)
    return np.asarray(128.5 + tiles * scale.reshape(-1, *[1] * (tiles.ndim - 1)), np.float32).astype(np.uint8)


@paints(FilterBank)
def paint_filter_bank(
    result: FilterBank, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    import cv2

    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        area.pixels[:] = GROUND
        levels = tile_levels(result.tiles[:MOST_SHOWN])
        for place, level in enumerate(levels):
            x, y = result.corner(place)
            left, top = grid(x, view.scale) - area.left, grid(y, view.scale) - area.top
            right, bottom = grid(x + TILE, view.scale) - area.left, grid(y + TILE, view.scale) - area.top
            height, width = area.pixels.shape[:2]
            if right <= 0 or bottom <= 0 or left >= width or top >= height or right <= left or bottom <= top:
                continue
            tile = cv2.resize(level, (right - left, bottom - top), interpolation=cv2.INTER_NEAREST)
            colour = tile if tile.ndim == 3 else np.repeat(tile[..., None], 3, axis=2)
            part = area.pixels[max(0, top) : bottom, max(0, left) : right]
            part[:] = colour[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
            if int(result.numbers[place]) in emphasis.selected:
                cv2.rectangle(area.pixels, (left - 2, top - 2), (right + 1, bottom + 1), CHOSEN, look.px(2))
