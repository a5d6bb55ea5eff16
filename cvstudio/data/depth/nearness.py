"""Nearness: what the blur of a lens is proportional to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from cvstudio.data.samples import DepthMap

Filling = Literal["nearest", "farthest"]
_OUTLIERS = 0.002
"""Share of the pixels at either end that do not set the scale."""
_LONGEST_REACH = 0.5
"""By how much they may lie beyond it."""


@dataclass(frozen=True, eq=False)
class NearnessScale:
    """Nearness of a depth: 0 for the farthest and 1 for the nearest of a scene, linear in the inverse of metres.

    The diameter of the circle of confusion of a thin lens is proportional to the difference of the inverse distances
    of the focal plane and of what is seen. Disparities are inverse distances already; of relative depths only their
    order is known, and they are taken as they are.

    Parameters
    ----------
    far, near : the values, inverse where `inverse`, of nearness 0 and 1
    inverse : whether depths are distances
    """

    far: float
    near: float
    inverse: bool

    def of(self, depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Nearness of depths; 0 everywhere where all depths of the scene are the same."""
        if self.far == self.near:
            return np.zeros_like(depth)
        with np.errstate(divide="ignore"):
            values = 1 / depth if self.inverse else depth
        nearness = (values - np.float32(self.far)) / np.float32(self.near - self.far)
        return np.asarray(np.clip(nearness, -_LONGEST_REACH, 1 + _LONGEST_REACH), np.float32)


def nearness_scale(depth: DepthMap) -> NearnessScale:
    """The scale of a scene, by all but a few of its valid depths."""
    valid = depth.values[~depth.invalid]
    inverse = depth.unit in ("m", "mm") and not depth.near_is_large
    # A sample is enough for a scale, and sorting 24 million values is not live.
    low, high = np.quantile(valid[:: max(1, valid.size // 200_000)], [_OUTLIERS, 1 - _OUTLIERS]).tolist()
    if not high > low:
        low, high = depth.extent
    if inverse:
        return NearnessScale(1 / high, 1 / low, True)
    return NearnessScale(low, high, False) if depth.near_is_large else NearnessScale(high, low, False)


def filled(depth: DepthMap, filling: Filling = "nearest") -> NDArray[np.float32]:
    """Depths with those that were not measured filled: each by the nearest measured one, or all by the farthest.

    Returns
    -------
    float32 (H, W), read-only
    """
    import cv2

    if not depth.invalid.any():
        return depth.values
    if filling == "farthest":
        low, high = depth.extent
        return readonly(np.where(depth.invalid, np.float32(low if depth.near_is_large else high), depth.values))
    _, labels = cv2.distanceTransformWithLabels(
        depth.invalid.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.flatnonzero(~depth.invalid)
    table = np.zeros(int(labels.max()) + 1, np.float32)
    table[labels.ravel()[places]] = depth.values.ravel()[places]
    return readonly(table[labels])
