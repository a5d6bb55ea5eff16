"""Colour-coded picture of a depth map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap


def depth_picture(depth: DepthMap) -> NDArray[np.uint8]:
    """The depth map in colours (viridis), near bright, invalid pixels black: uint8 RGB (H, W, 3)."""
    import cv2

    low, high = depth.extent
    brightness = np.clip((depth.values - low) / max(high - low, 1e-12), 0, 1)
    if not depth.near_is_large:
        brightness = 1 - brightness
    coloured = cv2.applyColorMap((brightness * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    return np.where(depth.invalid[:, :, None], np.uint8(0), coloured).astype(np.uint8)
