"""The default detector's network: EfficientNet-Lite0, a feature pyramid of separable convolutions, and one head.

Anchor-free, as `cvstudio.models.shared.pyramid`, whose `Raw` outputs it has; here everything behind the trunk is
depthwise separable, so that 80 classes cost no more than five did. Sources: Lin et al., "Feature Pyramid Networks",
CVPR 2017; Liu et al., "Path Aggregation Network", CVPR 2018 (bottom-up path); Tian et al., "FCOS", ICCV 2019
(distances); Bolya et al., "YOLACT", ICCV 2019 (mask prototypes and coefficients). Imported only where torch is in use.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.efficientnet_lite import MAP_WIDTHS, LiteTrunk
from cvstudio.models.shared.pyramid import LEVELS, N_PROTOTYPES, Raw

CHANNELS = 96
PROTOTYPE_CHANNELS = 48


def _unit(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _separable(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, stride, kernel // 2, groups=inputs, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        *_unit(inputs, outputs),
    )


class LitePyramid(nn.Module):
    """Top-down then bottom-up fusion of the trunk's three maps to `CHANNELS` channels each."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(_unit(width, CHANNELS) for width in MAP_WIDTHS)
        # The coarsest map is small: wide kernels let its cells see the whole picture for little.
        self.context = nn.Sequential(_separable(CHANNELS, CHANNELS, 5), _separable(CHANNELS, CHANNELS, 5))
        self.top_down = nn.ModuleList(_separable(CHANNELS, CHANNELS) for _ in LEVELS[1:])
        self.down = nn.ModuleList(_separable(CHANNELS, CHANNELS, 5, 2) for _ in LEVELS[1:])
        self.bottom_up = nn.ModuleList(_separable(CHANNELS, CHANNELS) for _ in LEVELS[1:])

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        p3, p4, p5 = (layer(x) for layer, x in zip(self.lateral, maps, strict=True))
        p5 = p5 + self.context(p5)
        p4 = self.top_down[1](p4 + functional.interpolate(p5, size=p4.shape[-2:]))
        p3 = self.top_down[0](p3 + functional.interpolate(p4, size=p3.shape[-2:]))
        p4 = self.bottom_up[0](p4 + self.down[0](p3))
        p5 = self.bottom_up[1](p5 + self.down[1](p4))
        return [p3, p4, p5]


class LiteDetector(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB with h and w multiples of 32, and returns `Raw`."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.trunk = LiteTrunk()
        self.pyramid = LitePyramid()
        # One head is shared by all levels, which differ by a learnt factor only: a bus is a bus at any size.
        self.class_branch = _separable(CHANNELS, CHANNELS)
        self.box_branch = _separable(CHANNELS, CHANNELS)
        self.classes = nn.Conv2d(CHANNELS, n_classes, 1)
        self.distances = nn.Conv2d(CHANNELS, 4, 1)
        self.scales = nn.Parameter(torch.ones(len(LEVELS)))
        self.coefficients = nn.Conv2d(CHANNELS, N_PROTOTYPES, 1)
        self.prototype_in = _separable(CHANNELS, PROTOTYPE_CHANNELS)
        self.prototype_out = nn.Sequential(
            _separable(PROTOTYPE_CHANNELS, PROTOTYPE_CHANNELS), nn.Conv2d(PROTOTYPE_CHANNELS, N_PROTOTYPES, 1)
        )
        for layer in (self.classes, self.distances, self.coefficients):
            nn.init.normal_(layer.weight, std=0.01)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        # Every cell begins with a foreground probability of 1 % (Lin et al., "Focal Loss", ICCV 2017, section 3.3).
        assert self.classes.bias is not None
        nn.init.constant_(self.classes.bias, -math.log(99))

    def heads(self, levels: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits, distances and coefficients, as in `Raw`, of the fused maps."""
        logits, distances, coefficients = [], [], []
        for index, level in enumerate(levels):
            box_features = self.box_branch(level)
            logits.append(self.classes(self.class_branch(level)).flatten(2).transpose(1, 2))
            scaled = functional.softplus(self.distances(box_features).float() * self.scales[index] + 1.5)
            distances.append(scaled.flatten(2).transpose(1, 2))
            coefficients.append(self.coefficients(box_features).flatten(2).transpose(1, 2))
        return torch.cat(logits, 1).float(), torch.cat(distances, 1), torch.cat(coefficients, 1).float()

    def prototypes(self, finest: Tensor) -> Tensor:
        """Mask prototypes from the finest fused map, at twice its resolution."""
        features = functional.interpolate(
            self.prototype_in(finest), scale_factor=2.0, mode="bilinear", align_corners=False
        )
        prototypes: Tensor = self.prototype_out(features)
        return prototypes.float()

    def forward(self, x: Tensor) -> Raw:
        return self.from_maps(self.trunk(x))

    def from_maps(self, maps: list[Tensor]) -> Raw:
        """As `forward`, from the maps of the trunk."""
        levels = self.pyramid(maps)
        return Raw(*self.heads(levels), self.prototypes(levels[0]))


class WithMaps(nn.Module):
    """A detector whose ``forward(x)`` returns the maps of its trunk beside `Raw`, in one pass."""

    def __init__(self, detector: LiteDetector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, x: Tensor) -> tuple[list[Tensor], Raw]:
        maps = self.detector.trunk(x)
        return maps, self.detector.from_maps(maps)
