"""A picture computed from a picture takes the place of what it shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Emphasis, Look, draw
from cvstudio.results import Picture
from cvstudio.types import Rect, View


@draw.register
def _(result: Picture, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    height, width = result.pixels.shape[:2]
    # Where each output pixel's centre lies in the result, whose own scale may be that of an earlier zoom.
    across, down = width / result.rect.width, height / result.rect.height
    left = round((result.rect.x - view.rect.x) * view.scale)
    top = round((result.rect.y - view.rect.y) * view.scale)
    right = round((min(result.rect.right, result.size.width) - view.rect.x) * view.scale)
    bottom = round((min(result.rect.bottom, result.size.height) - view.rect.y) * view.scale)
    x1, y1 = max(left, 0), max(top, 0)
    x2, y2 = min(right, canvas.shape[1]), min(bottom, canvas.shape[0])
    if x1 >= x2 or y1 >= y2:
        return
    if _same_grid(result, view) and right - left == width and bottom - top == height:
        part = result.pixels[y1 - top : y2 - top, x1 - left : x2 - left]
    else:
        a, d = across / view.scale, down / view.scale
        matrix = np.array(
            [
                [a, 0, (view.rect.x - result.rect.x) * across + (x1 + 0.5) * a - 0.5],
                [0, d, (view.rect.y - result.rect.y) * down + (y1 + 0.5) * d - 0.5],
            ]
        )
        flags = (cv2.INTER_NEAREST if view.scale >= 2 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
        part = cv2.warpAffine(
            result.pixels, matrix, (x2 - x1, y2 - y1), flags=flags, borderMode=cv2.BORDER_REPLICATE
        )
    place = canvas[y1:y2, x1:x2]
    if look.opacity >= 1:
        place[:] = part
    else:
        place[:] = cv2.addWeighted(part, look.opacity, place.copy(), 1 - look.opacity, 0)


def _same_grid(result: Picture, view: View) -> bool:
    shown = Rect(*result.rect)
    return abs(result.scale - view.scale) < 1e-9 and all(
        abs(value * view.scale - round(value * view.scale)) < 1e-6
        for value in (shown.x - view.rect.x, shown.y - view.rect.y)
    )
