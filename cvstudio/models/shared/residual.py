"""A small residual network of basic blocks: the trunk that the embedded classifier and detector share.

Sources: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016 (figure 5 left, basic block); He et al.,
"Bag of Tricks for Image Classification", CVPR 2019 (figure 2, ResNet-D: pooled shortcut). Imported only where torch
is in use.
"""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from cvstudio.models.shared.imagenet import MEAN, STD

WIDTHS = (32, 64, 128, 320)
BLOCKS = (1, 2, 3, 2)
STRIDES = (4, 8, 16, 32)
"""Strides of the four stages in input pixels."""


def conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution with same padding, and without a bias, which the normalisation behind it has."""
    return nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = conv(inputs, outputs, 3, stride), nn.BatchNorm2d(outputs)
        self.conv2, self.norm2 = conv(outputs, outputs, 3), nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            pool: nn.Module = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, conv(inputs, outputs, 1), nn.BatchNorm2d(outputs))
        self.relu = nn.ReLU(inplace=True)
        # The block begins as its shortcut ("Bag of Tricks", section 3.1: zero gamma).
        nn.init.zeros_(self.norm2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.norm1(self.conv1(x)))
        return cast(Tensor, self.relu(self.norm2(self.conv2(y)) + self.shortcut(x)))


class Trunk(nn.Module):
    """Feature maps of the four stages.

    ``forward(x)`` takes float (n, 3, h, w), normalised RGB, and returns four maps of `WIDTHS` channels at `STRIDES`.
    """

    def __init__(self) -> None:
        super().__init__()
        # One large stride to a quarter of the size: maps at half of it would cost a third of the whole time.
        self.stem = nn.Sequential(conv(3, WIDTHS[0], 7, 4), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True))
        inputs = WIDTHS[0]
        stages = []
        for index, (width, count) in enumerate(zip(WIDTHS, BLOCKS, strict=True)):
            blocks = []
            for number in range(count):
                blocks.append(BasicBlock(inputs, width, 2 if number == 0 and index > 0 else 1))
                inputs = width
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class Classifier(nn.Module):
    """The trunk, global average pooling and one linear layer, so that class activation maps are exact.

    ``forward(x)`` takes float (n, 3, h, w), normalised RGB, and returns logits (n, classes).
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.head = nn.Linear(WIDTHS[-1], n_classes)

    def features(self, x: Tensor) -> Tensor:
        """Pooled features (n, `WIDTHS[-1]`)."""
        return cast(Tensor, self.trunk(x)[-1].mean(dim=(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.head(self.features(x)))


def normalise(pixels: Tensor) -> Tensor:
    """Network input float (n, 3, h, w) from uint8 RGB (n, h, w, 3)."""
    mean = torch.tensor(MEAN, device=pixels.device) * 255
    std = torch.tensor(STD, device=pixels.device) * 255
    # The memory layout stays NHWC (channels_last), in which convolutions on a CPU are fastest.
    return ((pixels.float() - mean) / std).permute(0, 3, 1, 2)


def fuse(network: nn.Module) -> nn.Module:
    """`network` in evaluation mode, each normalisation folded into the convolution before it, which halves its time."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    network.eval()
    for module in network.modules():
        names = [name for name, _ in module.named_children()]
        for name, following in itertools.pairwise(names):
            first, second = getattr(module, name), getattr(module, following)
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                setattr(module, name, fuse_conv_bn_eval(first, second))
                setattr(module, following, nn.Identity())
    return network
