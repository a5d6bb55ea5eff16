"""Resampling of pictures: a window of the whole picture at any scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size

PIXELATED_FROM = 2.0
"""Scale from which pixels are shown as squares."""
SMOOTHED_BELOW = 0.72
"""Scale below which a level is smoothed first, as linear interpolation would skip pixels (aliasing)."""
MARGIN = 2
"""Pixels around a window that smoothing and interpolation may read."""


class ImagePyramid:
    """An image pyramid whose levels are computed at their first use.

    Area averaging for every view is slow (tests/benchmarks/bench_draw.py compares). Levels are exact averages of two by
    two pixels and cheap; the remaining factor, between a half and one, is interpolated.

    Parameters
    ----------
    pixels : uint8 or float32 (H, W, 3), or (H, W, 4) with premultiplied alpha; not changed
    """

    def __init__(self, pixels: NDArray[Any]) -> None:
        self._levels = [pixels]

    @property
    def size(self) -> Size:
        return Size(self._levels[0].shape[1], self._levels[0].shape[0])

    def window(
        self, scale: float, left: int, top: int, right: int, bottom: int, *, pixelated: bool = False
    ) -> NDArray[Any]:
        """Columns `left`..`right` and rows `top`..`bottom` (exclusive) of the whole picture at `scale`.

        Parameters
        ----------
        scale : output pixels per pixel; at 1 pixels are copied unchanged
        left, top, right, bottom : edges on the grid, within the whole picture
        pixelated : nearest-neighbour instead of linear interpolation

        Returns
        -------
        (bottom - top, right - left, channels) of the same dtype, a new array
        """
        if scale == 1:
            return self._levels[0][top:bottom, left:right].copy()
        source, remaining = self._level(scale)
        height, width = source.shape[:2]
        if (left, top, right, bottom) == (0, 0, round(width * remaining), round(height * remaining)) and remaining < 1:
            return _shrunk(source, remaining)
        across, start_x = _part(left, right, remaining, source.shape[1])
        down, start_y = _part(top, bottom, remaining, source.shape[0])
        return _warp(source[down, across], remaining, start_x, start_y, (right - left, bottom - top), pixelated)

    def _level(self, scale: float) -> tuple[NDArray[Any], float]:
        """The smallest level that is not smaller than the picture at `scale`, and the remaining scale."""
        import cv2

        number = 0
        while scale * 2 ** (number + 1) <= 1 and min(self._levels[number].shape[:2]) > 1:
            number += 1
            if number == len(self._levels):
                above = self._levels[-1]
                height, width = above.shape[0] // 2, above.shape[1] // 2
                # An odd last row or column is omitted, so that pixels are averaged two by two.
                even = above[: 2 * height, : 2 * width]
                half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
                self._levels.append(half.astype(above.dtype, copy=False))
        return self._levels[number], scale * 2**number


def _part(start: int, stop: int, scale: float, length: int) -> tuple[slice, float]:
    """The source pixels that output pixels `start`..`stop` need, and the position in them of the centre of `start`.

    OpenCV accepts at most 32767 pixels a side, so only this part is passed.
    """
    first = min(max(math.floor(start / scale) - MARGIN, 0), length - 1)
    last = max(min(math.ceil(stop / scale) + MARGIN, length), first + 1)
    return slice(first, last), (start + 0.5) / scale - 0.5 - first


def _shrunk(source: NDArray[Any], scale: float) -> NDArray[Any]:
    """All of `source` at `scale`: the same as `_warp`, but faster, for video playback."""
    import cv2

    shrunk = cv2.resize(_smoothed(source, scale), None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    return shrunk.astype(source.dtype, copy=False)


def _smoothed(part: NDArray[Any], scale: float) -> NDArray[Any]:
    import cv2

    if scale >= SMOOTHED_BELOW:
        return part
    return cv2.GaussianBlur(part, (3, 3), 0.5).astype(part.dtype, copy=False)


def _warp(
    part: NDArray[Any], scale: float, start_x: float, start_y: float, size: tuple[int, int], pixelated: bool
) -> NDArray[Any]:
    import cv2

    part = _smoothed(part, scale)
    matrix = np.array([[1 / scale, 0, start_x], [0, 1 / scale, start_y]])
    interpolation = cv2.INTER_NEAREST if pixelated else cv2.INTER_LINEAR
    flags = interpolation | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(part, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return warped.astype(part.dtype, copy=False)
