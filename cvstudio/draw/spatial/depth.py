"""Depth in colours in place of the picture: near is bright, what is not known is black."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, grid_origin, paints, visible_part
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.results.spatial.depth import Depth


@paints(Depth)
def paint_depth(result: Depth, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    import cv2

    left, top, right, bottom = visible_part(result.size, view)
    if right <= left or bottom <= top or look.opacity <= 0:
        return
    # Not interpolated: between two depths there is none.
    rows = np.minimum((np.arange(top, bottom) + 0.5) / view.scale, result.size.height - 1).astype(np.int64)
    columns = np.minimum((np.arange(left, right) + 0.5) / view.scale, result.size.width - 1).astype(np.int64)
    lut = colour_lut(look.colour_map).copy()
    lut[0] = 0
    part = lut[result.levels[rows][:, columns]]
    x, y = grid_origin(view)
    place = canvas[top - y : bottom - y, left - x : right - x]
    place[:] = part if look.opacity >= 1 else cv2.addWeighted(part, look.opacity, place, 1 - look.opacity, 0)
