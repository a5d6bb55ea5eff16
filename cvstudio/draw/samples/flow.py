"""Colour-coded picture of optical flow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SLOWEST = 0.1
"""Least displacement in full colour, in pixels: rounding does not look like motion."""


def flow_picture(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Direction as hue and length as saturation, uint8 RGB (H, W, 3).

    White stands still, red goes right, and black is not known; what is as fast as the fastest hundredth is in full
    colour. Baker et al., "A Database and Evaluation Methodology for Optical Flow", IJCV 92(1), 2011 (figure 7), with
    the evenly spaced hues of HSV in place of its wheel.

    Parameters
    ----------
    vectors : (H, W, 2), displacement to the right and down in pixels; NaN where it is not known
    """
    import cv2

    known = np.isfinite(vectors[..., 0]) & np.isfinite(vectors[..., 1])
    x, y = (np.where(known, vectors[..., axis], np.float32(0)).astype(np.float32) for axis in (0, 1))
    length, degrees = cv2.cartToPolar(x, y, angleInDegrees=True)
    full = max(SLOWEST, float(np.quantile(length[known], 0.99))) if known.any() else SLOWEST
    # OpenCV's hue of floats goes to 360, its saturation and value to 1.
    hsv = np.stack([degrees % 360, np.minimum(length / np.float32(full), 1), np.ones_like(length)], -1)
    colours = cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2RGB)
    return np.where(known[..., None], np.rint(colours * 255), 0).astype(np.uint8)
