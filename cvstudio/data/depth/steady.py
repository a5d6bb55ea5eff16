"""Depth over time: a recursive mean of what stays where it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

COARSE_SIDE = 104
"""Longer side of the grid on which depths are compared."""
_CHANGE = 0.25
"""Change of a logarithm from which on something has moved: there the new depth counts."""
_LEAST = 1e-6
_SAME_SHOT = 0.5
"""Mean change of the logarithms from which on it is another scene."""


def coarse_logarithms(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of nearness on a grid of `COARSE_SIDE` cells, float32 (h, w), read-only."""
    import cv2

    scale = min(1.0, COARSE_SIDE / max(values.shape))
    size = (max(1, round(values.shape[1] * scale)), max(1, round(values.shape[0] * scale)))
    small = np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
    return readonly(np.log(np.maximum(small, _LEAST)))


class SteadyDepth:
    """The mean of past depths; a deep copy is a snapshot.

    A network gives each frame a scale of its own: first the median of the frame is brought to that of the mean, then
    each cell moves towards the new value, the faster the more it differs from it, so that nothing that moves is left
    behind.

    Parameters
    ----------
    secs : time constant of the mean
    """

    def __init__(self, secs: float) -> None:
        self._secs = secs
        self._mean: NDArray[np.float32] | None = None
        self._pts = 0.0

    def step(self, logarithms: NDArray[np.float32], pts: float) -> NDArray[np.float32]:
        """Add a frame; returns what has to be added to its logarithms, float32 (h, w), read-only.

        Parameters
        ----------
        logarithms : float32 (h, w), of nearness
        pts : seconds, later than those of the step before
        """
        mean = self._mean
        if mean is None or mean.shape != logarithms.shape:
            self._mean, self._pts = logarithms, pts
            return readonly(np.zeros_like(logarithms))
        scaled = logarithms + np.float32(np.median(mean - logarithms))
        change = np.abs(scaled - mean)
        share = 1 - math.exp(-max(pts - self._pts, 0.0) / self._secs)
        if float(change.mean()) > _SAME_SHOT:
            share, scaled = 1.0, logarithms
        weight = np.clip(np.maximum(share, change / _CHANGE), 0, 1).astype(np.float32)
        steady = (mean + weight * (scaled - mean)).astype(np.float32)
        self._mean, self._pts = steady, pts
        return readonly(steady - logarithms)
