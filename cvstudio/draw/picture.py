"""A computed picture, in place of the part of the picture that it shows."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw._resample import PIXELATED_FROM, ImagePyramid
from cvstudio.draw.base import Emphasis, Look, draw, grid, grid_origin, paints
from cvstudio.results.picture import LinearPicture, Picture


@paints(Picture)
def paint_picture(result: Picture, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    x, y = grid_origin(view)
    left, top = grid(result.rect.x, view.scale) - x, grid(result.rect.y, view.scale) - y
    right, bottom = grid(result.rect.right, view.scale) - x, grid(result.rect.bottom, view.scale) - y
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
    if x1 >= x2 or y1 >= y2 or look.opacity <= 0:
        return
    if abs(result.scale - view.scale) < 1e-9:
        part = _cropped(result.pixels, x1 - left, y1 - top, x2 - left, y2 - top)
    else:
        # Computed for another zoom, and shown until the one for this zoom is computed.
        part = ImagePyramid(result.pixels).window(
            view.scale / result.scale,
            x1 - left,
            y1 - top,
            x2 - left,
            y2 - top,
            pixelated=min(view.scale, result.scale) >= PIXELATED_FROM,
        )
    place = canvas[y1:y2, x1:x2]
    place[:] = part if look.opacity >= 1 else cv2.addWeighted(part, look.opacity, place, 1 - look.opacity, 0)


@paints(LinearPicture)
def paint_linear_picture(
    result: LinearPicture, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    draw(result.exposed(look.exposure), canvas, view, dataclasses.replace(look, exposure=0.0), emphasis)


def _cropped(pixels: NDArray[np.uint8], left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    """The pixels in this range; the last row or column is repeated where rounding to the grid needs one more."""
    height, width = pixels.shape[:2]
    if right <= width and bottom <= height:
        return pixels[top:bottom, left:right]
    rows = np.minimum(np.arange(top, bottom), height - 1)
    columns = np.minimum(np.arange(left, right), width - 1)
    return np.asarray(pixels[rows[:, None], columns])
