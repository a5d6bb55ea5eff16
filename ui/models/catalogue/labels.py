"""Label placement: names beside bubbles that cover neither each other nor another bubble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

GAP = 4.0
"""Distance in pixels between a bubble and its name."""

# Directions from a bubble to its name, the preferred first: right, left, above, below, and the corners.
SIDES = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))


def place_labels(
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    sizes: NDArray[np.float64],
    bounds: tuple[float, float, float, float],
    first: Sequence[int] = (),
) -> NDArray[np.float64]:
    """Place the names of bubbles greedily, each at the first of eight positions that is free.

    Parameters
    ----------
    centres : float64 (n, 2), x and y of each bubble in pixels, y down
    radii : float64 (n,), pixels
    sizes : float64 (n, 2), width and height of each name in pixels
    bounds : (left, top, right, bottom) in pixels, which no name leaves
    first : rows that are placed before all others; the others follow by radius, the largest first

    Returns
    -------
    float64 (n, 2), the top left corner of each name in pixels; NaN where no position is free
    """
    count = len(centres)
    corners = np.full((count, 2), np.nan)
    low, high = centres - radii[:, None], centres + radii[:, None]
    taken_low, taken_high = np.zeros((0, 2)), np.zeros((0, 2))
    rest = [int(row) for row in np.argsort(-radii, kind="stable") if row not in first]
    limits = np.array(bounds[:2]), np.array(bounds[2:])
    for row in (*first, *rest):
        others = np.arange(count) != row
        for corner in _candidates(centres[row], radii[row], sizes[row]):
            end = corner + sizes[row]
            if (corner < limits[0]).any() or (end > limits[1]).any():
                continue
            if _overlaps(corner, end, taken_low, taken_high) or _overlaps(corner, end, low[others], high[others]):
                continue
            corners[row] = corner
            taken_low = np.vstack([taken_low, corner])
            taken_high = np.vstack([taken_high, end])
            break
    return corners


def _candidates(centre: NDArray[np.float64], radius: float, size: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    corners = []
    for across, down in SIDES:
        # At a corner the name touches the circle, not the square around it.
        reach = (radius + GAP) * (0.75 if across and down else 1.0)
        middle = centre + np.array([across, down]) * (reach + size / 2)
        corners.append(middle - size / 2)
    return corners


def _overlaps(
    low: NDArray[np.float64], high: NDArray[np.float64], lows: NDArray[np.float64], highs: NDArray[np.float64]
) -> bool:
    return bool(((low < highs) & (lows < high)).all(axis=1).any())
