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
_FITTED_SIDE = 640
"""Longer side, in pixels, of the copy on which the upsampling fits its model."""
_FITTED_RADIUS = 2


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
    slope, offset, known = _linear_model(guide, values, weight, radius, smoothness)
    light, depth = guide.astype(np.float64), values.astype(np.float64)
    return np.where(known, slope * light + offset, depth).astype(np.float32)


def _linear_model(
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    weight: NDArray[np.float32],
    radius: int,
    smoothness: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Slope and offset, float64 (H, W), by which the guided filter makes values from the guide, and where there are
    some; see `guided_filter`."""
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
    return slope, offset, known


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


def guided_upsampling(
    guide: NDArray[np.float32],
    values: NDArray[np.float32],
    weight: NDArray[np.float32] | None = None,
    *,
    smoothness: float = 1e-3,
) -> NDArray[np.float32]:
    """Enlarge a small map so that its edges follow those of the picture.

    On a small copy of the picture its steps are brought onto the edges (`edge_aligned`); there the linear model of the
    guided filter is fitted, which is then applied to the whole picture: He and Sun, "Fast Guided Filter", arXiv
    1505.00996. Memory and time at full size are those of three planes.

    Parameters
    ----------
    guide : float32 (H, W), the picture's brightness, 0..1
    values : float32 (h, w), not larger than the picture
    weight : float32 (h, w); where it is 0 a value has no part; None is 1 everywhere
    smoothness : variance of the guide below which it counts as smooth

    Returns
    -------
    float32 (H, W), within the range of the values that have a part
    """
    import cv2

    height, width = guide.shape
    cell = max(width / values.shape[1], height / values.shape[0], 1.0)
    scale = min(1.0, _FITTED_SIDE / max(height, width))
    small = (max(round(width * scale), values.shape[1]), max(round(height * scale), values.shape[0]))
    light = np.asarray(cv2.resize(guide, small, interpolation=cv2.INTER_AREA), np.float32)
    share = np.ones_like(values) if weight is None else weight
    known = share > 0
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    # Weighted before it is enlarged, so that what has no part does not run into its neighbours.
    enlarged_share = np.asarray(cv2.resize(share, small, interpolation=cv2.INTER_LINEAR), np.float32)
    weighted = np.asarray(cv2.resize(np.where(known, values, 0) * share, small, interpolation=cv2.INTER_LINEAR))
    enlarged = np.where(enlarged_share > _NO_WEIGHT, weighted / np.maximum(enlarged_share, _NO_WEIGHT), 0)
    # As far as an edge of a coarse map may be off.
    aligned = edge_aligned(light, enlarged.astype(np.float32), max(1, round(cell * small[0] / width)))
    slope, offset, _ = _linear_model(light, aligned, enlarged_share, _FITTED_RADIUS, smoothness)
    size = (width, height)
    result = np.asarray(cv2.resize(slope.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)
    result *= guide
    result += np.asarray(cv2.resize(offset.astype(np.float32), size, interpolation=cv2.INTER_LINEAR), np.float32)
    return np.clip(result, np.float32(low), np.float32(high), out=result)


def brightness(rgb8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Brightness of a picture as a guide, float32 (H, W), 0..1."""
    import cv2

    return np.asarray(cv2.cvtColor(rgb8, cv2.COLOR_RGB2GRAY), np.float32) / np.float32(255)
