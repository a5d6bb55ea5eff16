"""Conv-TasNet: masks from a temporal convolutional network between a learned filterbank and its inverse.

Written from Luo and Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech Separation",
IEEE/ACM TASLP 2019 (arXiv 1809.07454). Modules have the names of asteroid's checkpoints, so that these load without
renaming. Imported only where torch is in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from cvstudio.models.shared.tasnet import GlobalNorm, TasNet, activated


@dataclass(frozen=True)
class ConvTasNetSize:
    """Size of a network, with the letters of the paper's table I.

    Parameters
    ----------
    sources : C, waveforms that come out
    filters, length, stride : N and L of the filterbank, and the samples between two frames
    bottleneck, hidden, skip : B, H and Sc, channels; a `skip` of 0 takes the masks from the residual path
    kernel, blocks, repeats : P, X and R of the temporal convolutional network
    mask : "relu" or "sigmoid", which makes masks of the network's output
    """

    sources: int = 2
    filters: int = 512
    length: int = 16
    stride: int = 8
    bottleneck: int = 128
    hidden: int = 512
    skip: int = 128
    kernel: int = 3
    blocks: int = 8
    repeats: int = 3
    mask: str = "relu"


SMALL = ConvTasNetSize(
    filters=256, length=64, stride=32, bottleneck=96, hidden=192, skip=0, kernel=3, blocks=7, repeats=2
)
"""The embedded separator: 250 frames a second at 8 kHz, so that a CPU learns and runs it quickly."""


class DepthwiseConv(nn.Conv1d):
    """Dilated convolution of each channel by itself, (batch, channels, frames)."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        # Its gradient in torch's libraries takes as long as all else together on a CPU; these sums are compiled.
        (dilation,), (padding,) = self.dilation, cast(tuple[int], self.padding)
        padded = functional.pad(x, (padding, padding))
        frames = x.shape[-1]
        taps = self.weight.squeeze(1).unsqueeze(-1).unbind(1)
        shifted = [tap * padded[..., place * dilation :][..., :frames] for place, tap in enumerate(taps)]
        assert self.bias is not None
        return sum(shifted, self.bias.unsqueeze(-1))


class ConvBlock(nn.Module):
    """1x1 convolution, dilated depthwise convolution, and 1x1 convolutions to the residual and the skip path."""

    def __init__(self, size: ConvTasNetSize, dilation: int) -> None:
        super().__init__()
        hidden = size.hidden
        self.shared_block = nn.Sequential(
            nn.Conv1d(size.bottleneck, hidden, 1),
            nn.PReLU(),
            GlobalNorm(hidden),
            DepthwiseConv(
                hidden,
                hidden,
                size.kernel,
                padding=(size.kernel - 1) * dilation // 2,
                dilation=dilation,
                groups=hidden,
            ),
            nn.PReLU(),
            GlobalNorm(hidden),
        )
        self.res_conv = nn.Conv1d(hidden, size.bottleneck, 1)
        if size.skip:
            self.skip_conv = nn.Conv1d(hidden, size.skip, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """What is added to the residual path, and to the skip path where there is one."""
        shared = self.shared_block(x)
        return self.res_conv(shared), self.skip_conv(shared) if hasattr(self, "skip_conv") else None


class MaskNet(nn.Module):
    """Masks (batch, sources, filters, frames) from the filterbank's output (batch, filters, frames)."""

    def __init__(self, size: ConvTasNetSize) -> None:
        super().__init__()
        self.size = size
        self.bottleneck = nn.Sequential(GlobalNorm(size.filters), nn.Conv1d(size.filters, size.bottleneck, 1))
        self.TCN = nn.ModuleList(
            ConvBlock(size, 2**number) for _ in range(size.repeats) for number in range(size.blocks)
        )
        outputs = size.sources * size.filters
        self.mask_net = nn.Sequential(nn.PReLU(), nn.Conv1d(size.skip or size.bottleneck, outputs, 1))

    def forward(self, frames: Tensor) -> Tensor:
        residual = self.bottleneck(frames)
        skipped: Tensor | None = None
        for block in self.TCN:
            added, skip = block(residual)
            residual = residual + added
            if skip is not None:
                skipped = skip if skipped is None else skipped + skip
        masks = self.mask_net(residual if skipped is None else skipped)
        masks = masks.reshape(len(frames), self.size.sources, self.size.filters, -1)
        return activated(masks, self.size.mask)


class ConvTasNet(TasNet):
    """Sources (batch, sources, samples) of mixtures (batch, samples)."""

    def __init__(self, size: ConvTasNetSize) -> None:
        super().__init__(size.filters, size.length, size.stride, MaskNet(size))
