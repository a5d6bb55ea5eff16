"""Maps of a network at another resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size

LONGEST_SIDE = 1600
"""Maximum side of the class map in pixels: a finer map would slow the slider down, and no network resolves it."""


def resampled(
    values: NDArray[np.float32], window: tuple[float, float, float, float], size: Size, *, smooth: bool
) -> NDArray[np.float32]:
    """Resample the `window` (left, top, right, bottom in cells) of a map (h, w) to `size`, between cell centres."""
    import cv2

    left, top, right, bottom = window
    scale_x, scale_y = (right - left) / size.width, (bottom - top) / size.height
    # Maps the centre of an output pixel to coordinates of cell centres.
    matrix = np.array([[scale_x, 0, left + scale_x / 2 - 0.5], [0, scale_y, top + scale_y / 2 - 0.5]], np.float64)
    interpolation = (cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST) | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        values, matrix, (size.width, size.height), flags=interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)
