"""A picture with depth seen from a little aside: near things move more than far ones (2.5D, the Ken Burns effect in
space).

Depths are projected forward, the nearest first, and colours are fetched backward, as in Morvan and others' depth image
based rendering (Fehn, "Depth-Image-Based Rendering", SPIE 2004); what comes into view behind an edge is the background
continued under what is in front of it (`hidden.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.depth.hidden import hidden_background

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEPS, _APART = 20.0, 1.0
"""Steps of nearness from far to near, and by how many neighbours on two surfaces differ."""


@dataclass(frozen=True, eq=False)
class ParallaxScene:
    """A picture taken apart for views from aside.

    Parameters
    ----------
    pixels, below : uint8 RGB (H, W, 3), what is seen, and the same with the background under what is in front
    nearness : float32 (H, W), 0 for the farthest to 1 for the nearest
    order : int64 (H * W,), pixels from the farthest to the nearest
    """

    pixels: NDArray[np.uint8]
    below: NDArray[np.uint8]
    nearness: NDArray[np.float32]
    order: NDArray[np.int64]


def parallax_scene(pixels: NDArray[np.uint8], nearness: NDArray[np.float32], reach_px: float) -> ParallaxScene:
    """Take a picture apart for moves of up to `reach_px` pixels between the nearest and the farthest."""
    near = np.clip(nearness, 0, 1).astype(np.float32)
    radius = np.full(near.shape, np.float32(math.ceil(reach_px)))
    hidden = hidden_background(pixels.astype(np.float32), radius, (1 - near) * np.float32(_STEPS), _APART)
    below = np.where(hidden.present[..., None], hidden.light, pixels).astype(np.uint8)
    return ParallaxScene(pixels, below, near, np.argsort(near, axis=None, kind="stable"))


def parallax_view(scene: ParallaxScene, shift: tuple[float, float], pivot: float) -> NDArray[np.uint8]:
    """The picture seen from aside.

    Parameters
    ----------
    shift : by how many pixels, to the right and down, the nearest moves against the farthest
    pivot : nearness of what stays where it is, 0..1

    Returns
    -------
    uint8 RGB (H, W, 3); beyond the edges the picture is mirrored
    """
    import cv2

    height, width = scene.nearness.shape
    # In the order of nearness, so that what is nearer stays.
    nearness = scene.nearness.ravel()[scene.order]
    rows, columns = np.divmod(scene.order, width)
    rows = np.rint(rows + shift[1] * (nearness - pivot)).astype(np.int64)
    columns = np.rint(columns + shift[0] * (nearness - pivot)).astype(np.int64)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    seen = np.full((height, width), -1, np.float32)
    seen[rows[inside], columns[inside]] = nearness[inside]
    # Of the cracks between pixels that were drawn apart, none is wider than one.
    seen = np.where(seen < 0, cv2.dilate(seen, np.ones((3, 3), np.uint8)), seen)
    uncovered = seen < 0
    if uncovered.any():
        side = 2 * math.ceil(math.hypot(*shift)) + 3
        far = cv2.erode(np.where(uncovered, np.float32(2), seen), np.ones((side, side), np.uint8))
        seen = np.where(uncovered, np.where(far > 1, np.float32(pivot), far), seen).astype(np.float32)
    grid_y, grid_x = np.mgrid[0:height, 0:width].astype(np.float32)
    from_x = grid_x - np.float32(shift[0]) * (seen - np.float32(pivot))
    from_y = grid_y - np.float32(shift[1]) * (seen - np.float32(pivot))
    view, below = (
        np.asarray(cv2.remap(layer, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT), np.uint8)
        for layer in (scene.pixels, scene.below)
    )
    return np.where(uncovered[..., None], below, view)
