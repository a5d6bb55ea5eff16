"""A picture at any scale: a window of the grid that the whole picture has at that scale."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size

PIXELATED_FROM = 2.0
"""From this scale on, pixels are shown as squares."""
SMOOTHED_BELOW = 0.72
"""Shrinking a level to less than this, linear interpolation would skip pixels: they are averaged a little before."""
MARGIN = 2
"""Pixels around a window that smoothing and interpolation may ask for."""


class ImagePyramid:
    """A picture and its halves, each made when first needed.

    Averaging areas anew for every view is slow (tests/benchmarks/bench_draw.py compares). Halves are exact averages
    and cheap, and what remains, a factor between a half and one, is interpolated.

    Parameters
    ----------
    pixels : uint8 or float32 (H, W, 3), or (H, W, 4) with an opacity by which the colours are multiplied; not changed
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
        scale : output pixels for each pixel; at 1 the pixels themselves are given
        left, top, right, bottom : edges on the grid, within the whole picture
        pixelated : whether an enlarged pixel is a square instead of interpolated

        Returns
        -------
        (bottom - top, right - left, channels) of the same type, a new array
        """
        if scale == 1:
            return self._levels[0][top:bottom, left:right].copy()
        source, rest = self._level(scale)
        height, width = source.shape[:2]
        if (left, top, right, bottom) == (0, 0, round(width * rest), round(height * rest)) and rest < 1:
            return _shrunk(source, rest)
        across, start_x = _part(left, right, rest, source.shape[1])
        down, start_y = _part(top, bottom, rest, source.shape[0])
        return _warp(source[down, across], rest, start_x, start_y, (right - left, bottom - top), pixelated)

    def _level(self, scale: float) -> tuple[NDArray[Any], float]:
        """The smallest level that is not smaller than the picture at `scale`, and what remains to be scaled."""
        import cv2

        number = 0
        while scale * 2 ** (number + 1) <= 1 and min(self._levels[number].shape[:2]) > 1:
            number += 1
            if number == len(self._levels):
                above = self._levels[-1]
                height, width = above.shape[0] // 2, above.shape[1] // 2
                # An odd last row or column is left out: halves must lie on whole pixels.
                even = above[: 2 * height, : 2 * width]
                half = cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA)
                self._levels.append(half.astype(above.dtype, copy=False))
        return self._levels[number], scale * 2**number


def _part(start: int, stop: int, scale: float, length: int) -> tuple[slice, float]:
    """The source pixels that output pixels `start`..`stop` need, and where in them output pixel `start` has its centre.

    Only a part is handed to OpenCV, which takes no more than 32767 pixels a side.
    """
    first = min(max(math.floor(start / scale) - MARGIN, 0), length - 1)
    last = max(min(math.ceil(stop / scale) + MARGIN, length), first + 1)
    return slice(first, last), (start + 0.5) / scale - 0.5 - first


def _shrunk(source: NDArray[Any], scale: float) -> NDArray[Any]:
    """All of `source`, as `_warp` makes a part of it, in less time: this is what a video that plays shows."""
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
    way = cv2.INTER_NEAREST if pixelated else cv2.INTER_LINEAR
    flags = way | cv2.WARP_INVERSE_MAP
    found = cv2.warpAffine(part, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return found.astype(part.dtype, copy=False)
