"""EfficientNet-Lite0: the trunk that the default classifier and the default detector share.

Source: Tan and Le, "EfficientNet", ICML 2019, arXiv 1905.11946 (table 1), in the variant without squeeze and excitation
and with ReLU6 that TensorFlow published as "EfficientNet-Lite"; its inverted bottlenecks are of Sandler et al.,
"MobileNetV2", CVPR 2018 (figure 3). Convolutions pad as TensorFlow's SAME does: at stride 2 one row and column more at
the bottom and right. Sides of the input are multiples of 32. Modules have timm's names, so that published weights load
without renaming. Imported only where torch is in use.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional

EPS = 1e-3
"""Epsilon of batch normalisation with which the weights were trained."""

MEAN, STD = 127.0, 128.0
"""Of the input, for all channels: (x - `MEAN`) / `STD` of RGB values of 0 to 255."""

STEM_WIDTH = 32
HEAD_WIDTH = 1280


class BlockStage(NamedTuple):
    """Expansion of the 1 x 1 convolutions, kernel size, stride of the first block, width, and number of blocks."""

    expansion: int
    kernel: int
    stride: int
    width: int
    blocks: int


STAGES = (
    BlockStage(1, 3, 1, 16, 1),
    BlockStage(6, 3, 2, 24, 2),
    BlockStage(6, 5, 2, 40, 2),
    BlockStage(6, 3, 2, 80, 3),
    BlockStage(6, 5, 1, 112, 3),
    BlockStage(6, 5, 2, 192, 4),
    BlockStage(6, 3, 1, 320, 1),
)

MAP_STAGES = (2, 4, 6)
"""Stages whose outputs are feature maps of strides 8, 16 and 32."""

MAP_WIDTHS = tuple(STAGES[index].width for index in MAP_STAGES)


class SameConv(nn.Conv2d):
    """A convolution without a bias, padded as TensorFlow's SAME pads sides that are multiples of the stride.

    The padding does not depend on the size, so that a graph with free sizes stays simple.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(
            inputs, outputs, kernel, stride, padding=kernel // 2 if stride == 1 else 0, groups=groups, bias=False
        )

    def forward(self, x: Tensor) -> Tensor:
        missing = self.kernel_size[0] - self.stride[0]
        if self.stride[0] > 1:
            before, after = missing // 2, missing - missing // 2
            x = functional.pad(x, (before, after, before, after))
        return super().forward(x)


def batch_norm(width: int) -> nn.BatchNorm2d:
    """Batch normalisation as the weights were trained with."""
    return nn.BatchNorm2d(width, eps=EPS)


class SeparableBlock(nn.Module):
    """The first block: a convolution per channel, then 1 x 1 across channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = SameConv(inputs, inputs, kernel, groups=inputs), batch_norm(inputs)
        self.conv_pw, self.bn2 = SameConv(inputs, outputs, 1), batch_norm(outputs)
        self.act = nn.ReLU6(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.bn2(self.conv_pw(self.act(self.bn1(self.conv_dw(x))))))


class InvertedBlock(nn.Module):
    """1 x 1 to more channels, a convolution per channel, 1 x 1 back; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.conv_pw, self.bn1 = SameConv(inputs, hidden, 1), batch_norm(hidden)
        self.conv_dw, self.bn2 = SameConv(hidden, hidden, kernel, stride, groups=hidden), batch_norm(hidden)
        self.conv_pwl, self.bn3 = SameConv(hidden, outputs, 1), batch_norm(outputs)
        self.act = nn.ReLU6(inplace=True)
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.act(self.bn1(self.conv_pw(x)))
        y = self.bn3(self.conv_pwl(self.act(self.bn2(self.conv_dw(y)))))
        return cast(Tensor, x + y if self.has_shortcut else y)


class LiteTrunk(nn.Module):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB, and returns the maps of `MAP_STAGES`, of `MAP_WIDTHS`
    channels at strides 8, 16 and 32."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = SameConv(3, STEM_WIDTH, 3, 2), batch_norm(STEM_WIDTH)
        self.act = nn.ReLU6(inplace=True)
        inputs = STEM_WIDTH
        stages = []
        for index, stage in enumerate(STAGES):
            blocks: list[nn.Module] = []
            for number in range(stage.blocks):
                stride = stage.stride if number == 0 else 1
                blocks.append(
                    SeparableBlock(inputs, stage.width, stage.kernel)
                    if index == 0
                    else InvertedBlock(inputs, stage.width, stage.kernel, stride, stage.expansion)
                )
                inputs = stage.width
            stages.append(nn.Sequential(*blocks))
        self.blocks = nn.Sequential(*stages)

    def first(self, x: Tensor) -> Tensor:
        """The map of stride 8, the first of `forward`."""
        x = self.act(self.bn1(self.conv_stem(x)))
        for stage in self.blocks[: MAP_STAGES[0] + 1]:
            x = stage(x)
        return x

    def rest(self, x: Tensor) -> list[Tensor]:
        """All maps of `forward` from the first of them."""
        maps = [x]
        for index in range(MAP_STAGES[0] + 1, len(self.blocks)):
            x = self.blocks[index](x)
            if index in MAP_STAGES:
                maps.append(x)
        return maps

    def forward(self, x: Tensor) -> list[Tensor]:
        return self.rest(self.first(x))


class LiteClassifier(LiteTrunk):
    """``forward(x)`` takes float (n, 3, h, w), normalised RGB, and returns logits (n, classes)."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.conv_head, self.bn2 = SameConv(STAGES[-1].width, HEAD_WIDTH, 1), batch_norm(HEAD_WIDTH)
        self.classifier = nn.Linear(HEAD_WIDTH, n_classes)

    def maps(self, x: Tensor) -> Tensor:
        """The last feature maps (n, `HEAD_WIDTH`, h / 32, w / 32), whose means are the features."""
        return cast(Tensor, self.act(self.bn2(self.conv_head(super().forward(x)[-1]))))

    def features(self, x: Tensor) -> Tensor:
        """Pooled features (n, `HEAD_WIDTH`)."""
        return self.maps(x).mean(dim=(2, 3))

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return cast(Tensor, self.classifier(self.features(x)))


def normalise(pixels: Tensor) -> Tensor:
    """Network input float (n, 3, h, w) from uint8 RGB (n, h, w, 3)."""
    # The memory layout stays NHWC (channels_last), in which convolutions on a CPU are fastest.
    return ((pixels.float() - MEAN) / STD).permute(0, 3, 1, 2)
