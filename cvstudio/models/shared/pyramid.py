"""The embedded detector's network: the shared trunk, a feature pyramid, and one head for boxes, classes and masks.

Anchor-free: every cell of every level predicts the distances to the four sides of a box, class logits, and the
coefficients that combine the picture's mask prototypes to the mask of that box. Sources: Lin et al., "Feature Pyramid
Networks", CVPR 2017; Tian et al., "FCOS", ICCV 2019 (distances, section 3.1); Bolya et al., "YOLACT", ICCV 2019
(prototypes and coefficients, section 3). Imported only where torch is in use.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.residual import STRIDES, WIDTHS, Trunk, conv

LEVELS = STRIDES[1:]
"""Strides of the levels in input pixels."""

N_PROTOTYPES = 24
PROTOTYPE_STRIDE = 4
CHANNELS = 64


class Raw(NamedTuple):
    """Raw outputs for a batch, the cells of all levels concatenated (finest level first).

    logits float32 (n, cells, classes); distances (n, cells, 4): left, top, right, bottom in strides of the cell,
    positive; coefficients (n, cells, `N_PROTOTYPES`); prototypes (n, `N_PROTOTYPES`, h / 4, w / 4).
    """

    logits: Tensor
    distances: Tensor
    coefficients: Tensor
    prototypes: Tensor


def _unit(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(conv(inputs, outputs, size, stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class Pyramid(nn.Module):
    """Top-down then bottom-up fusion of the trunk's last three stages to `CHANNELS` channels each."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(_unit(width, CHANNELS, 1) for width in WIDTHS[1:])
        self.smooth = nn.ModuleList(_unit(CHANNELS, CHANNELS) for _ in LEVELS)
        self.down = nn.ModuleList(_unit(CHANNELS, CHANNELS, 3, 2) for _ in LEVELS[1:])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        p3, p4, p5 = (layer(x) for layer, x in zip(self.lateral, maps, strict=True))
        p4 = p4 + functional.interpolate(p5, size=p4.shape[-2:])
        p3 = self.smooth[0](p3 + functional.interpolate(p4, size=p3.shape[-2:]))
        p4 = self.smooth[1](p4 + self.down[0](p3))
        p5 = self.smooth[2](p5 + self.down[1](p4))
        return [p3, p4, p5]


class DetectorNet(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB with h and w multiples of 32, and returns `Raw`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.pyramid = Pyramid()
        # One head is shared by all levels, which differ by a learnt factor only: a bus is a bus at any size.
        self.class_branch = _unit(CHANNELS, CHANNELS)
        self.box_branch = _unit(CHANNELS, CHANNELS)
        self.classes = nn.Conv2d(CHANNELS, n_classes, 3, padding=1)
        self.distances = nn.Conv2d(CHANNELS, 4, 3, padding=1)
        self.coefficients = nn.Conv2d(CHANNELS, N_PROTOTYPES, 3, padding=1)
        self.scales = nn.Parameter(torch.ones(len(LEVELS)))
        self.prototype_in = nn.Sequential(_unit(CHANNELS, CHANNELS), _unit(CHANNELS, CHANNELS))
        self.prototype_out = nn.Sequential(_unit(CHANNELS, 32), nn.Conv2d(32, N_PROTOTYPES, 1))
        for layer in (self.classes, self.distances, self.coefficients):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        # Every cell begins with a foreground probability of 1 % (Lin et al., "Focal Loss", ICCV 2017, section 3.3).
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, -math.log(99))

    def forward(self, x: Tensor) -> Raw:
        levels = self.pyramid(self.trunk(x)[1:])
        logits, distances, coefficients = [], [], []
        for index, level in enumerate(levels):
            class_features, box_features = self.class_branch(level), self.box_branch(level)
            logits.append(self.classes(class_features).flatten(2).transpose(1, 2))
            scaled_distances = functional.softplus(self.distances(box_features).float() * self.scales[index] + 1.5)
            distances.append(scaled_distances.flatten(2).transpose(1, 2))
            coefficients.append(self.coefficients(box_features).flatten(2).transpose(1, 2))
        prototype_features = functional.interpolate(
            self.prototype_in(levels[0]), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        return Raw(
            torch.cat(logits, 1).float(),
            torch.cat(distances, 1),
            torch.cat(coefficients, 1).float(),
            self.prototype_out(prototype_features).float(),
        )


def places(height: int, width: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
    """Centres float (cells, 2) as x, y in input pixels, and strides (cells,), in the order of `Raw`."""
    centres, strides = [], []
    for stride in LEVELS:
        y = (torch.arange(math.ceil(height / stride), device=device) + 0.5) * stride
        x = (torch.arange(math.ceil(width / stride), device=device) + 0.5) * stride
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1).reshape(-1, 2)
        centres.append(grid)
        strides.append(torch.full((len(grid),), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)


def decode(distances: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Decode distances (…, cells, 4) to boxes (…, cells, 4) as x1, y1, x2, y2 in input pixels."""
    pixels = distances * strides[:, None]
    return torch.cat([centres - pixels[..., :2], centres + pixels[..., 2:]], dim=-1)
