"""Inputs of a classifier that are no photograph: plain colours, and what gradient ascent starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cvstudio.data.samples import Image

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.analyses.explain._ascent import Levels

PROBE = 32
"""Side in pixels of a plain picture; preprocessing enlarges it."""

NOISE, GREY, PICTURE = "noise", "grey", "picture"
STARTS = (NOISE, GREY, PICTURE)


def levels_of(network: Any) -> Levels:
    """What the preprocessing of a classifier makes of black and white."""
    from cvstudio.analyses.explain._ascent import Levels

    black, white = (
        network.preprocess(Image(np.full((PROBE, PROBE, 3), level, np.uint8)))[0][:, :, :1, :1] for level in (0, 255)
    )
    return Levels(black, white)


def start_picture(network: Any, levels: Levels, kind: str, image: Image | None, seed: int) -> Tensor:
    """The picture (1, 3, h, w), 0..1, of the size of the network's input, that gradient ascent starts from.

    `image` is what "picture" starts from: the part of it that the network sees.
    """
    import torch

    plain = Image(np.full((PROBE, PROBE, 3), 128, np.uint8))
    pixels, _ = network.preprocess(image if kind == PICTURE and image is not None else plain)
    picture: Tensor = levels.to_picture(pixels).clamp(0, 1)
    if kind == NOISE:
        noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(seed))
        picture = (0.5 + 0.1 * noise.to(picture.device)).clamp(0, 1)
    return picture
