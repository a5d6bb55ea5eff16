"""Guided filter: depth that follows the edges of its picture.

He, Sun, Tang, "Guided Image Filtering", PAMI 2013, with a weight for each pixel, so that depths that were not measured
are filled from measured ones of the same surface and have no part in their means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_NO_WEIGHT = 1e-6


def guided_filter(
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    radius: int,
    smoothness: float,
) -> NDArray[np.float32]:
    """Smooth `values` where `guide` is smooth, and keep their edges where it has some.

    Parameters
    ----------
    guide : float32 (H, W), 0..1
    values, weight : float32 (H, W); where the weight is 0 a value has no part
    radius : of the square window in pixels
    smoothness : variance of the guide below which it counts as smooth (epsilon of the paper)

    Returns
    -------
    float32 (H, W); far from any weight, the value itself
    """
    import cv2

    side = (2 * radius + 1, 2 * radius + 1)

    def mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.boxFilter(plane, -1, side, borderType=cv2.BORDER_REFLECT), np.float64)

    # In doubles: variances are small differences of large sums.
    light, depth, share = (plane.astype(np.float64) for plane in (guide, values, weight))
    total = mean(share)
    known = total > _NO_WEIGHT
    total = np.where(known, total, 1)
    mean_light, mean_depth = mean(share * light) / total, mean(share * depth) / total
    covariance = mean(share * light * depth) / total - mean_light * mean_depth
    variance = np.maximum(mean(share * light * light) / total - mean_light**2, 0)
    slope = covariance / (variance + smoothness)
    offset = mean_depth - slope * mean_light
    # Windows with more measured depths know more.
    counted = np.maximum(mean(np.where(known, total, 0)), _NO_WEIGHT)
    slope = mean(np.where(known, slope * total, 0)) / counted
    offset = mean(np.where(known, offset * total, 0)) / counted
    return np.where(known, slope * light + offset, depth).astype(np.float32)


def edge_aligned(
    guide: NDArray[np.float32], values: NDArray[np.float32], radius: int, *, smoothness: float = 1e-4
) -> NDArray[np.float32]:
    """Depth whose steps lie on the edges of the picture.

    A guided filter finds which side each pixel near a step belongs to; the pixel is then given a depth of that side, as
    one between both would be that of nothing.

    Parameters
    ----------
    guide : float32 (H, W), the picture's brightness, 0..1
    values : float32 (H, W), without holes
    radius : by how many pixels a step may be off

    Returns
    -------
    float32 (H, W); away from steps `values`
    """
    import cv2

    kernel = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    low, high = np.asarray(cv2.erode(values, kernel)), np.asarray(cv2.dilate(values, kernel))
    span = float(np.ptp(values))
    # Only windows with a step: a slope has its depths already.
    step = cv2.dilate(values, np.ones((3, 3), np.uint8)) - cv2.erode(values, np.ones((3, 3), np.uint8)) > 0.02 * span
    near_step = cv2.dilate(step.astype(np.uint8), kernel) > 0
    if not near_step.any():
        return values
    smooth = guided_filter(guide, values, np.ones_like(values), 2 * radius, smoothness)
    sided = np.where(smooth - low < high - smooth, low, high)
    return np.where(near_step & (high - low > 0.02 * span), sided, values).astype(np.float32)


def brightness(rgb8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness of a picture as a guide, float32 (H, W), 0..1."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb8, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
