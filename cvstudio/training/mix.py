"""CutMix augmentation of batches.

Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", ICCV 2019.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor


def cutmix_box(rng: np.random.Generator, width: int, height: int, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """Random box x1, y1, x2, y2 to replace; its fraction of the area is 1 - Beta(alpha, alpha) before clipping.

    It is clipped to the picture, as in the paper (equation 2).
    """
    side = math.sqrt(1 - rng.beta(alpha, alpha))
    w, h = side * width, side * height
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    x1, x2 = (int(np.clip(round(v), 0, width)) for v in (x - w / 2, x + w / 2))
    y1, y2 = (int(np.clip(round(v), 0, height)) for v in (y - h / 2, y + h / 2))
    return x1, y1, x2, y2


def cutmix(
    rng: np.random.Generator, pictures: Tensor, targets: Tensor, alpha: float = 1.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Replace one box of each picture by that of its partner.

    Parameters
    ----------
    pictures : (n, h, w, c)
    targets : float (n, classes), probabilities

    Returns
    -------
    mixed pictures, targets mixed by the pasted fraction of the area, and index of the partners int64 (n,)
    """
    import torch

    order = torch.from_numpy(rng.permutation(len(pictures))).to(pictures.device)
    height, width = pictures.shape[1:3]
    x1, y1, x2, y2 = cutmix_box(rng, width, height, alpha)
    mixed = pictures.clone()
    mixed[:, y1:y2, x1:x2] = pictures[order, y1:y2, x1:x2]
    fraction = (x2 - x1) * (y2 - y1) / (width * height)
    return mixed, targets * (1 - fraction) + targets[order] * fraction, order
