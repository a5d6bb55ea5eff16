"""Triangulated points on their picture, coloured by their reprojection error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, painted_over, paints
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.results.triangulation import Triangulation

_WORST_PX = 2.0
"""Reprojection error that has the brightest colour."""
_CHOSEN = (255, 140, 40)
_RADIUS, _EMPHASISED = 3.0, 6.0
_STRETCH = 10.0
"""By how much the line from a point to its projection is longer than the error."""
_SHIFT = 4


@paints(Triangulation)
def paint_triangulation(
    result: Triangulation, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    """A dot for each point, and a line from it towards its projection, ten times as long as the error."""
    import cv2

    lut = colour_lut(look.colour_map)
    shares = np.clip(result.errors_px / _WORST_PX, 0, 1)
    with painted_over(result.size, canvas, view, look) as area:
        if area is None:
            return
        corner = np.array([area.left, area.top], np.float64)
        places = result.places * view.scale - corner
        ends = (result.places + (result.projected - result.places) * _STRETCH) * view.scale - corner
        height, width = area.pixels.shape[:2]
        for row in np.flatnonzero(((places > -20) & (places < [width + 20, height + 20])).all(axis=1)).tolist():
            marked = row in emphasis.selected or row == emphasis.hovered
            colour = _CHOSEN if result.chosen[row] else tuple(lut[int(80 + 175 * shares[row])].tolist())
            start, end = (tuple(np.rint(at[row] * 2**_SHIFT).astype(int).tolist()) for at in (places, ends))
            radius = look.px(_EMPHASISED if marked or result.chosen[row] else _RADIUS)
            cv2.line(area.pixels, start, end, colour, look.px(1), cv2.LINE_AA, _SHIFT)
            cv2.circle(area.pixels, start, (radius + look.px(1)) << _SHIFT, (20, 20, 20), -1, cv2.LINE_AA, _SHIFT)
            cv2.circle(area.pixels, start, radius << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)
