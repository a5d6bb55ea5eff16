"""YOLOX: a CSPDarknet trunk, a path aggregation pyramid and a decoupled, anchor-free head.

Written from Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430; Wang et al., "CSPNet", CVPR
Workshops 2020 (cross-stage partial blocks); Liu et al., "Path Aggregation Network", CVPR 2018; He et al., "Spatial
Pyramid Pooling", ECCV 2014. Modules have the names of the published checkpoints, so that these load without renaming.
Imported only where torch is in use.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES = (8, 16, 32)
WIDTHS = (256, 512, 1024)
"""Channels of the trunk's last three stages at width 1."""

EPS = 1e-3
"""Epsilon of batch normalisation with which the checkpoints were trained."""


class Scale(NamedTuple):
    """Size of a model: factors of depth and width, and whether convolutions are depthwise separable."""

    depth: float
    width: float
    depthwise: bool = False

    def blocks(self, count: int) -> int:
        return max(round(count * self.depth), 1)

    def channels(self, count: int) -> int:
        return int(count * self.width)


class ConvUnit(nn.Module):
    """Convolution, normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, (size - 1) // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=EPS, momentum=0.03)
        self.act = nn.SiLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.act(self.bn(self.conv(x))))


class SeparableUnit(nn.Module):
    """Depthwise separable convolution: one per channel, then 1 x 1 across channels."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.dconv = ConvUnit(inputs, inputs, size, stride, groups=inputs)
        self.pconv = ConvUnit(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.pconv(self.dconv(x)))


def spatial(scale: Scale, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Module:
    """A spatial convolution, depthwise separable in the sizes that use it."""
    return (SeparableUnit if scale.depthwise else ConvUnit)(inputs, outputs, size, stride)


class Bottleneck(nn.Module):
    """1 x 1, then 3 x 3 convolution, with the input added where `shortcut`."""

    def __init__(self, scale: Scale, channels: int, *, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels, 1)
        self.conv2 = spatial(scale, channels, channels)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        residual = self.conv2(self.conv1(x))
        return cast(Tensor, x + residual if self.shortcut else residual)


class PartialBlock(nn.Module):
    """Cross-stage partial block: half of the channels pass `count` bottlenecks, half bypass them."""

    def __init__(self, scale: Scale, inputs: int, outputs: int, count: int, *, shortcut: bool) -> None:
        super().__init__()
        hidden = outputs // 2
        self.conv1 = ConvUnit(inputs, hidden, 1)
        self.conv2 = ConvUnit(inputs, hidden, 1)
        self.conv3 = ConvUnit(2 * hidden, outputs, 1)
        self.m = nn.Sequential(*(Bottleneck(scale, hidden, shortcut=shortcut) for _ in range(count)))

    def forward(self, x: Tensor) -> Tensor:
        main, bypass = self.conv1(x), self.conv2(x)
        return cast(Tensor, self.conv3(torch.cat([self.m(main), bypass], dim=1)))


class PyramidPooling(nn.Module):
    """Spatial pyramid pooling: maxima over windows of 5, 9 and 13 around each cell."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvUnit(channels, channels // 2, 1)
        self.m = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (5, 9, 13))
        self.conv2 = ConvUnit(channels * 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        return cast(Tensor, self.conv2(torch.cat([x, *(pool(x) for pool in self.m)], dim=1)))


class Focus(nn.Module):
    """Space to depth: each 2 x 2 pixels become one cell with four times the channels; then a convolution."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv = ConvUnit(12, outputs, 3)

    def forward(self, x: Tensor) -> Tensor:
        # Column by column, as the checkpoints were trained: top left, bottom left, top right, bottom right.
        parts = [x[..., row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return cast(Tensor, self.conv(torch.cat(parts, dim=1)))


class Darknet(nn.Module):
    """The trunk: maps with strides 8, 16 and 32."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        base = scale.channels(64)
        deep = scale.blocks(3)
        self.stem = Focus(base)
        self.dark2 = self._stage(scale, base, deep)
        self.dark3 = self._stage(scale, base * 2, deep * 3)
        self.dark4 = self._stage(scale, base * 4, deep * 3)
        self.dark5 = nn.Sequential(
            spatial(scale, base * 8, base * 16, 3, 2),
            PyramidPooling(base * 16),
            PartialBlock(scale, base * 16, base * 16, deep, shortcut=False),
        )

    @staticmethod
    def _stage(scale: Scale, inputs: int, count: int) -> nn.Sequential:
        outputs = inputs * 2
        return nn.Sequential(
            spatial(scale, inputs, outputs, 3, 2), PartialBlock(scale, outputs, outputs, count, shortcut=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        third = self.dark3(self.dark2(self.stem(x)))
        fourth = self.dark4(third)
        return [third, fourth, self.dark5(fourth)]


class Fusion(nn.Module):
    """Path aggregation network: top-down, then bottom-up fusion of three maps, which keep their channels."""

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        third, fourth, fifth = (scale.channels(width) for width in WIDTHS)
        count = max(round(3 * scale.depth), 1)

        def block(inputs: int, outputs: int) -> PartialBlock:
            return PartialBlock(scale, inputs, outputs, count, shortcut=False)

        self.lateral_conv0 = ConvUnit(fifth, fourth, 1)
        self.C3_p4 = block(2 * fourth, fourth)
        self.reduce_conv1 = ConvUnit(fourth, third, 1)
        self.C3_p3 = block(2 * third, third)
        self.bu_conv2 = spatial(scale, third, third, 3, 2)
        self.C3_n3 = block(2 * third, fourth)
        self.bu_conv1 = spatial(scale, fourth, fourth, 3, 2)
        self.C3_n4 = block(2 * fourth, fifth)

    def fuse(self, maps: list[Tensor]) -> list[Tensor]:
        """Fused maps, the finest first, of maps with strides 8, 16 and 32."""
        third, fourth, fifth = maps
        coarse = self.lateral_conv0(fifth)
        middle = self.reduce_conv1(self.C3_p4(torch.cat([_double(coarse), fourth], dim=1)))
        fine = self.C3_p3(torch.cat([_double(middle), third], dim=1))
        up = self.C3_n3(torch.cat([self.bu_conv2(fine), middle], dim=1))
        top = self.C3_n4(torch.cat([self.bu_conv1(up), coarse], dim=1))
        return [fine, up, top]

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        return self.fuse(maps)


class Aggregation(Fusion):
    """The trunk with a path aggregation network behind it."""

    def __init__(self, scale: Scale) -> None:
        super().__init__(scale)
        self.backbone = Darknet(scale)

    def forward(self, x: Tensor) -> list[Tensor]:  # type: ignore[override]
        return self.fuse(self.backbone(x))


def _double(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """Decoupled head: separate branches for boxes and classes at each level (section 2.1)."""

    def __init__(self, scale: Scale, n_classes: int) -> None:
        super().__init__()
        hidden = scale.channels(256)

        def branch() -> nn.Sequential:
            return nn.Sequential(spatial(scale, hidden, hidden), spatial(scale, hidden, hidden))

        self.stems = nn.ModuleList(ConvUnit(scale.channels(width), hidden, 1) for width in WIDTHS)
        self.cls_convs = nn.ModuleList(branch() for _ in WIDTHS)
        self.reg_convs = nn.ModuleList(branch() for _ in WIDTHS)
        self.cls_preds = nn.ModuleList(nn.Conv2d(hidden, n_classes, 1) for _ in WIDTHS)
        self.reg_preds = nn.ModuleList(nn.Conv2d(hidden, 4, 1) for _ in WIDTHS)
        self.obj_preds = nn.ModuleList(nn.Conv2d(hidden, 1, 1) for _ in WIDTHS)

    def branches(self, index: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Outputs of one level, maps (n, channels, h, w): class logits, boxes, objectness logits, and the features of
        boxes and objectness."""
        x = self.stems[index](x)
        classes = self.cls_preds[index](self.cls_convs[index](x))
        box_features = self.reg_convs[index](x)
        return classes, self.reg_preds[index](box_features), self.obj_preds[index](box_features), box_features

    def level(self, index: int, x: Tensor) -> Tensor:
        """Outputs of one level, (n, cells, 5 + classes)."""
        classes, boxes, objectness, _ = self.branches(index, x)
        return torch.cat([boxes, objectness.sigmoid(), classes.sigmoid()], dim=1).flatten(2).transpose(1, 2)


class YoloxNet(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), BGR 0..255, h and w multiples of 32, and returns float (n, cells,
    5 + classes) of all levels, the finest first: offset x and y of the centre from the cell and logarithms of width and
    height, in strides; objectness 0..1; conditional class probabilities."""

    def __init__(self, scale: Scale, n_classes: int) -> None:
        super().__init__()
        self.backbone = Aggregation(scale)
        self.head = Head(scale, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        levels = self.backbone(x)
        return torch.cat([self.head.level(index, level) for index, level in enumerate(levels)], dim=1)
