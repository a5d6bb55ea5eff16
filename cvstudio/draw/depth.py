"""A depth map as a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap


def depth_picture(depth: DepthMap) -> NDArray[np.uint8]:
    """`depth` as colours, near bright (viridis), invalid black; uint8 (H, W, 3) RGB."""
    import cv2

    low, high = depth.extent
    unit = np.clip((depth.values - low) / max(high - low, 1e-12), 0, 1)
    if not depth.near_is_large:
        unit = 1 - unit
    coloured = cv2.applyColorMap((unit * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    return np.where(depth.invalid[:, :, None], np.uint8(0), coloured).astype(np.uint8)
