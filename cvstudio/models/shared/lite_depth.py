"""A decoder of depth on the trunk of EfficientNet-Lite0.

From coarse to fine, as in Lin et al., "Feature Pyramid Networks", CVPR 2017, with depthwise separable convolutions, as
in Wofk et al., "FastDepth", ICRA 2019. Imported only where torch is in use.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.efficientnet_lite import MAP_WIDTHS, LiteTrunk
from cvstudio.models.shared.yolox_net import ConvUnit, SeparableUnit

WIDTHS, FINEST_WIDTH = (64, 96, 96), 24
"""Channels of the maps of strides 8, 16 and 32, and of that of stride 4."""

OUTPUT_STRIDE = 4
"""Pixels of the input per cell of the output."""


class Residual(nn.Module):
    """Two separable convolutions, whose input is added."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.first, self.second = SeparableUnit(width, width, size), SeparableUnit(width, width, size)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, x + self.second(self.first(x)))


class Surroundings(nn.Module):
    """The mean over the whole map, added to each of its cells."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        mean: Tensor = self.project(x.mean(dim=(2, 3)))
        return x + mean[..., None, None]


class DepthDecoder(nn.Module):
    """``forward(maps)`` takes the maps of the trunk, strides 8, 16 and 32, and returns logarithms of depth up to an
    unknown addend for each picture, float (n, 1, h, w) at stride `OUTPUT_STRIDE`."""

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = WIDTHS
        self.laterals = nn.ModuleList(ConvUnit(*widths, 1) for widths in zip(MAP_WIDTHS, WIDTHS, strict=True))
        self.context = nn.Sequential(Residual(coarse, 5), Surroundings(coarse), ConvUnit(coarse, middle, 1))
        self.middle = nn.Sequential(Residual(middle, 5), ConvUnit(middle, fine, 1))
        self.fine = nn.Sequential(Residual(fine, 5), SeparableUnit(fine, FINEST_WIDTH, 3))
        self.last = SeparableUnit(FINEST_WIDTH, FINEST_WIDTH, 3)
        self.out = nn.Conv2d(FINEST_WIDTH, 1, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        fine, middle, coarse = (lateral(x) for lateral, x in zip(self.laterals, maps, strict=True))
        middle = self.middle(middle + enlarged(self.context(coarse)))
        fine = self.fine(fine + enlarged(middle))
        return cast(Tensor, self.out(self.last(enlarged(fine))))


class LiteDepth(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB with h and w multiples of 32, and returns the maps of the
    trunk and the output of `DepthDecoder`."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = LiteTrunk()
        self.decoder = DepthDecoder()

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        maps = self.trunk(x)
        return maps, self.decoder(maps)


def enlarged(x: Tensor) -> Tensor:
    """Maps of twice the resolution."""
    return functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


def relative_nearness(log_depth: Tensor) -> Tensor:
    """Inverse depth, relative to that in the middle of all values of each picture: float of the same shape."""
    middle = log_depth.flatten(1).median(dim=1).values
    return torch.exp(middle[:, None, None, None] - log_depth)
