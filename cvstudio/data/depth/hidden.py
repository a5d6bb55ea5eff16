"""What lies behind the edges in depth: the background, continued under what is in front of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Hidden:
    """A second layer under the picture.

    Parameters
    ----------
    present : bool (H, W), where there is one
    light : float32 (H, W, 3), its linear light
    steps : float32 (H, W), its place in the order of layers
    """

    present: NDArray[np.bool_]
    light: NDArray[np.float32]
    steps: NDArray[np.float32]


def hidden_background(
    light: NDArray[np.float32], radius: NDArray[np.float32], steps: NDArray[np.float32], apart: float
) -> Hidden:
    """Continue the background behind edges in depth, as far as the blur of either side makes it visible.

    Each pixel in front takes the place that mirrors it at the nearest pixel behind the edge, so that textures go on.

    Parameters
    ----------
    light : float32 (H, W, 3)
    radius : float32 (H, W), signed radius of the circle of confusion in pixels
    steps : float32 (H, W), place of each pixel in the order of layers, larger is farther
    apart : neighbours that are more steps apart lie on two surfaces
    """
    import cv2

    height, width = radius.shape
    behind = steps - cv2.erode(steps, np.ones((3, 3), np.uint8)) > apart
    if not behind.any():
        return Hidden(np.zeros(radius.shape, bool), light, steps)
    distance, labels = cv2.distanceTransformWithLabels(
        (~behind).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    places = np.flatnonzero(behind)
    table = np.zeros(int(labels.max()) + 1, np.int64)
    table[labels.ravel()[places]] = places
    reach = np.abs(radius)
    near = np.flatnonzero((distance > 0) & (distance <= reach + float(reach.max()) + 2))
    seeds = table[labels.ravel()[near]]
    circle, order = radius.ravel(), steps.ravel()
    in_front = order[near] < order[seeds] - apart
    in_front &= distance.ravel()[near] <= np.abs(circle[near]) + np.abs(circle[seeds]) + 2
    near, seeds = near[in_front], seeds[in_front]
    row, column = np.divmod(near, width)
    seed_row, seed_column = np.divmod(seeds, width)
    away = np.maximum(np.hypot(seed_row - row, seed_column - column), 1)
    source = seeds.copy()
    for factor in (1 / away, np.ones_like(away)):
        # First one pixel behind the edge, whose own pixel holds some of the foreground; then the mirrored one.
        other_row = np.rint(seed_row + (seed_row - row) * factor).astype(np.int64)
        other_column = np.rint(seed_column + (seed_column - column) * factor).astype(np.int64)
        inside = (other_row >= 0) & (other_row < height) & (other_column >= 0) & (other_column < width)
        other = np.where(inside, other_row * width + other_column, seeds)
        fits = np.abs(order[other] - order[seeds]) <= apart
        source = np.where(fits & inside, other, source)
    present = np.zeros(radius.shape, bool)
    present.ravel()[near] = True
    below, place = np.zeros_like(light), np.zeros_like(steps)
    below.reshape(-1, 3)[near] = light.reshape(-1, 3)[source]
    place.ravel()[near] = order[source]
    return Hidden(present, below, place)
