"""Small pictures of samples for lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.types import DepthMap, Image, PointCloud, Size, TriangleMesh


def thumbnail(sample: Image | DepthMap | TriangleMesh | PointCloud, width: int, height: int) -> NDArray[np.uint8]:
    """`sample` fitted into `width` x `height`, centred on its own edge colour; uint8 (height, width, 3) RGB."""
    import cv2

    if isinstance(sample, TriangleMesh | PointCloud):
        from cvstudio.preview3d import Camera, Preview

        return Preview(sample).render(Camera(), Size(width, height))
    pixels = depth_picture(sample) if isinstance(sample, DepthMap) else sample.rgb8
    scale = min(width / pixels.shape[1], height / pixels.shape[0])
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST)
    result = np.empty((height, width, 3), np.uint8)
    result[:] = (small.reshape(-1, 3).mean(axis=0) * 0.35).astype(np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    result[top : top + size[1], left : left + size[0]] = small
    return result


def depth_picture(depth: DepthMap) -> NDArray[np.uint8]:
    """`depth` as colours, near bright (viridis), invalid black; uint8 (H, W, 3) RGB."""
    import cv2

    low, high = depth.extent
    unit = np.clip((depth.values - low) / max(high - low, 1e-12), 0, 1)
    if not depth.near_is_large:
        unit = 1 - unit
    coloured = cv2.applyColorMap((unit * 255).astype(np.uint8), cv2.COLORMAP_VIRIDIS)[:, :, ::-1]
    return np.where(depth.invalid[:, :, None], np.uint8(0), coloured).astype(np.uint8)
