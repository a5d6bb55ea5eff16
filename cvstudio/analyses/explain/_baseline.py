"""Pictures without evidence: what attributions start from, and what parts of a picture are covered with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.models.runtime.explainable import Explainable

if TYPE_CHECKING:
    from torch import Tensor

MEAN_COLOUR = "mean colour"
BASELINES = (MEAN_COLOUR, "black", "white", "blurred picture")


def baseline(network: Explainable, pixels: Tensor, name: str) -> Tensor:
    """A picture without evidence, as an input of the network of the shape of `pixels`."""
    import torch

    if name == MEAN_COLOUR:
        return torch.zeros_like(pixels)
    if name == "blurred picture":
        return _blurred(pixels)
    height, width = pixels.shape[2:]
    level = 0 if name == "black" else 255
    # What the network makes of black and white follows from its own preprocessing.
    plain, _ = network.preprocess(Image(np.full((height, width, 3), level, np.uint8)))
    return torch.as_tensor(plain)


def _blurred(pixels: Tensor) -> Tensor:
    """`pixels` behind a Gaussian blur with a standard deviation of an eighth of the shorter side."""
    import cv2
    import torch

    planes = pixels[0].cpu().numpy().transpose(1, 2, 0)
    blurred = cv2.GaussianBlur(planes, (0, 0), min(planes.shape[:2]) / 8)
    return torch.from_numpy(np.ascontiguousarray(blurred.transpose(2, 0, 1)))[None].to(pixels.device)
