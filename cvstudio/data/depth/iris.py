"""The iris of a lens: the shape that a point of light out of focus becomes."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

_FINER = 8
"""Samples along a pixel's side, from which its coverage is counted."""


@dataclass(frozen=True)
class Iris:
    """Shape of an aperture.

    Parameters
    ----------
    blades : straight edges; fewer than 3 make a circular disc
    rotation_deg : clockwise turn of the blades, as seen in the picture behind the focal plane
    softness : how far from its edge inwards the iris fades, 0 (sharp edge) to 1 (up to its middle)
    """

    blades: int = 0
    rotation_deg: float = 0.0
    softness: float = 0.0

    @property
    def corner(self) -> float:
        """Distance of its corners from its middle, by the radius of the disc of the same area; 1 for the disc."""
        return math.sqrt(2 * math.pi / (self.blades * math.sin(2 * math.pi / self.blades))) if self.blades >= 3 else 1.0


@functools.lru_cache(256)
def iris_kernel(iris: Iris, radius: float) -> NDArray[np.float32]:
    """Point spread function of a circle of confusion.

    Parameters
    ----------
    iris : a polygon has the area of the disc of that radius, so that the blur is equally strong
    radius : in pixels; before the focal plane it is negative, and the shape stands on its head

    Returns
    -------
    float32 (n, n), n odd; not negative, sums to 1, read-only
    """
    size = abs(radius)
    circumradius = size * iris.corner
    half = max(int(np.ceil(circumradius - 0.5)), 0)
    ticks = (np.arange((2 * half + 1) * _FINER) + 0.5) / _FINER - half - 0.5
    x, y = np.meshgrid(ticks, ticks)
    if iris.blades >= 3:
        sector = 2 * np.pi / iris.blades
        turned = np.arctan2(y, x) - np.radians(iris.rotation_deg) + (np.pi if radius < 0 else 0)
        # Distance from the middle as a part of that of the edge in the same direction.
        edge = circumradius * np.cos(sector / 2) / np.cos(np.mod(turned, sector) - sector / 2)
    else:
        edge = np.full_like(x, size)
    part = np.hypot(x, y) / np.maximum(edge, 1e-6)
    weight = np.clip((1 - part) / iris.softness, 0, 1) if iris.softness > 0 else (part <= 1).astype(np.float64)
    if not weight.any():
        weight[weight.shape[0] // 2, weight.shape[1] // 2] = 1
    side = 2 * half + 1
    kernel = weight.reshape(side, _FINER, side, _FINER).sum((1, 3))
    return readonly(np.asarray(kernel / kernel.sum(), np.float32))
