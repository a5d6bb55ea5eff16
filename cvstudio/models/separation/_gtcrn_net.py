"""GTCRN: enhancement of speech by a complex mask from grouped temporal convolutions and recurrent networks.

Written from Rong, Sun, Zhang, Hu, Zhu and Lu, "GTCRN: A Speech Enhancement Model Requiring Ultralow Computational
Resources", ICASSP 2024. Modules have the names of the published checkpoints, so that these load without renaming.
Imported only where torch is in use.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

RATE_HZ = 16_000
WINDOW, HOP = 512, 256
BINS = WINDOW // 2 + 1
LOW, BANDS = 65, 64
"""Bins that are kept as they are, and bands of the bins above."""
CHANNELS = 16
WIDTH = 33
"""Bands after the encoder's two strides."""
DILATIONS = (1, 2, 5)


def band_filters() -> NDArray[np.float32]:
    """Triangular bands on the scale of equivalent rectangular bandwidths, float32 (`BANDS`, `BINS` - `LOW`)."""

    def erb(hertz: float) -> float:
        return float(21.4 * np.log10(0.00437 * hertz + 1))

    points = np.linspace(erb(LOW / WINDOW * RATE_HZ), erb(RATE_HZ / 2), BANDS)
    bins = np.round((10 ** (points / 21.4) - 1) / 0.00437 / RATE_HZ * WINDOW).astype(int)
    filters = np.zeros((BANDS, BINS), np.float32)
    filters[0, bins[0] : bins[1]] = (bins[1] - np.arange(bins[0], bins[1])) / (bins[1] - bins[0])
    for band in range(1, BANDS - 1):
        low, middle, high = bins[band - 1 : band + 2]
        filters[band, low:middle] = (np.arange(low, middle) - low) / (middle - low)
        filters[band, middle:high] = (high - np.arange(middle, high)) / (high - middle)
    filters[-1, bins[-2] : bins[-1] + 1] = 1 - filters[-2, bins[-2] : bins[-1] + 1]
    return np.abs(filters[:, LOW:])


class Bands(nn.Module):
    """High bins joined to bands (`bm`), and back (`bs`): (batch, channels, frames, bins)."""

    def __init__(self) -> None:
        super().__init__()
        self.erb_fc = nn.Linear(BINS - LOW, BANDS, bias=False)
        self.ierb_fc = nn.Linear(BANDS, BINS - LOW, bias=False)
        filters = torch.tensor(band_filters())
        self.erb_fc.weight = nn.Parameter(filters, requires_grad=False)
        self.ierb_fc.weight = nn.Parameter(filters.T.clone(), requires_grad=False)

    def bm(self, x: Tensor) -> Tensor:
        return torch.cat([x[..., :LOW], self.erb_fc(x[..., LOW:])], -1)

    def bs(self, x: Tensor) -> Tensor:
        return torch.cat([x[..., :LOW], self.ierb_fc(x[..., LOW:])], -1)


def neighbours(x: Tensor) -> Tensor:
    """Each band with those beside it as further channels: (batch, 3 channels, frames, bands)."""
    padded = functional.pad(x, (1, 1))
    width = x.shape[-1]
    return torch.stack([padded[..., place : place + width] for place in range(3)], 2).flatten(1, 2)


class TemporalAttention(nn.Module):
    """Weights (0..1) of channels over time, from their energy, by a recurrent network."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.att_gru = nn.GRU(channels, channels * 2, batch_first=True)
        self.att_fc = nn.Linear(channels * 2, channels)

    def forward(self, x: Tensor) -> Tensor:
        energy = x.square().mean(-1).transpose(1, 2)
        weights: Tensor = self.att_fc(self.att_gru(energy)[0]).sigmoid()
        return x * weights.transpose(1, 2)[..., None]


class BandConv(nn.Module):
    """(Transposed) convolution along the bands, normalisation, activation."""

    def __init__(self, inputs: int, outputs: int, *, groups: int = 1, up: bool = False, last: bool = False) -> None:
        super().__init__()
        conv = nn.ConvTranspose2d if up else nn.Conv2d
        self.conv = conv(inputs, outputs, (1, 5), (1, 2), (0, 2), groups=groups)
        self.bn = nn.BatchNorm2d(outputs)
        self.act = nn.Tanh() if last else nn.PReLU()

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.act(self.bn(self.conv(x))))


class GroupedTemporalConv(nn.Module):
    """Half of the channels through convolutions over past frames, then shuffled with the other half."""

    def __init__(self, dilation: int, *, up: bool) -> None:
        super().__init__()
        half = CHANNELS // 2
        conv = nn.ConvTranspose2d if up else nn.Conv2d
        self.past = 2 * dilation
        # A transposed convolution cuts off what it is padded with.
        padding = (2 * dilation, 1) if up else (0, 1)
        self.point_conv1 = conv(half * 3, CHANNELS, 1)
        self.point_bn1 = nn.BatchNorm2d(CHANNELS)
        self.point_act = nn.PReLU()
        self.depth_conv = conv(CHANNELS, CHANNELS, (3, 3), padding=padding, dilation=(dilation, 1), groups=CHANNELS)
        self.depth_bn = nn.BatchNorm2d(CHANNELS)
        self.depth_act = nn.PReLU()
        self.point_conv2 = conv(CHANNELS, half, 1)
        self.point_bn2 = nn.BatchNorm2d(half)
        self.tra = TemporalAttention(half)

    def forward(self, x: Tensor) -> Tensor:
        changed, kept = x.chunk(2, 1)
        h = self.point_act(self.point_bn1(self.point_conv1(neighbours(changed))))
        h = functional.pad(h, (0, 0, self.past, 0))
        h = self.depth_act(self.depth_bn(self.depth_conv(h)))
        h = self.tra(self.point_bn2(self.point_conv2(h)))
        return torch.stack([h, kept], 2).flatten(1, 2)


class GroupedGru(nn.Module):
    """Two recurrent networks, each on half of the channels: (batch, steps, channels)."""

    def __init__(self, channels: int, hidden: int, *, bidirectional: bool) -> None:
        super().__init__()
        self.rnn1 = nn.GRU(channels // 2, hidden // 2, batch_first=True, bidirectional=bidirectional)
        self.rnn2 = nn.GRU(channels // 2, hidden // 2, batch_first=True, bidirectional=bidirectional)

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, -1)
        return torch.cat([self.rnn1(first)[0], self.rnn2(second)[0]], -1)


class DualPathGru(nn.Module):
    """Recurrent networks along the bands, then along time, each with a residual: (batch, channels, frames, bands)."""

    def __init__(self) -> None:
        super().__init__()
        self.intra_rnn = GroupedGru(CHANNELS, CHANNELS // 2, bidirectional=True)
        self.intra_fc = nn.Linear(CHANNELS, CHANNELS)
        self.intra_ln = nn.LayerNorm((WIDTH, CHANNELS), eps=1e-8)
        self.inter_rnn = GroupedGru(CHANNELS, CHANNELS, bidirectional=False)
        self.inter_fc = nn.Linear(CHANNELS, CHANNELS)
        self.inter_ln = nn.LayerNorm((WIDTH, CHANNELS), eps=1e-8)

    def forward(self, x: Tensor) -> Tensor:
        batch = len(x)
        x = x.permute(0, 2, 3, 1)
        bands = self.intra_fc(self.intra_rnn(x.flatten(0, 1))).unflatten(0, (batch, -1))
        x = x + self.intra_ln(bands)
        frames = self.inter_fc(self.inter_rnn(x.transpose(1, 2).flatten(0, 1))).unflatten(0, (batch, WIDTH))
        x = x + self.inter_ln(frames.transpose(1, 2))
        return x.permute(0, 3, 1, 2)


class BandEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.en_convs = nn.ModuleList(
            [
                BandConv(9, CHANNELS),
                BandConv(CHANNELS, CHANNELS, groups=2),
                *(GroupedTemporalConv(dilation, up=False) for dilation in DILATIONS),
            ]
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """Output of each layer."""
        outputs = []
        for layer in self.en_convs:
            x = layer(x)
            outputs.append(x)
        return outputs


class BandDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.de_convs = nn.ModuleList(
            [
                *(GroupedTemporalConv(dilation, up=True) for dilation in reversed(DILATIONS)),
                BandConv(CHANNELS, CHANNELS, groups=2, up=True),
                BandConv(CHANNELS, 2, up=True, last=True),
            ]
        )

    def forward(self, x: Tensor, encoded: list[Tensor]) -> Tensor:
        for layer, skipped in zip(self.de_convs, reversed(encoded), strict=True):
            x = layer(x + skipped)
        return x


class Gtcrn(nn.Module):
    """Enhanced spectrum of a spectrum, both float32 (batch, `BINS`, frames, 2): real and imaginary parts."""

    def __init__(self) -> None:
        super().__init__()
        self.erb = Bands()
        self.encoder = BandEncoder()
        self.dpgrnn1 = DualPathGru()
        self.dpgrnn2 = DualPathGru()
        self.decoder = BandDecoder()

    def forward(self, spectrum: Tensor) -> Tensor:
        real, imaginary = spectrum.permute(3, 0, 2, 1)
        magnitude = (real.square() + imaginary.square() + 1e-12).sqrt()
        bands = self.erb.bm(torch.stack([magnitude, real, imaginary], 1))
        encoded = self.encoder(neighbours(bands))
        x = self.dpgrnn2(self.dpgrnn1(encoded[-1]))
        mask = self.erb.bs(self.decoder(x, encoded))
        parts = (real * mask[:, 0] - imaginary * mask[:, 1], imaginary * mask[:, 0] + real * mask[:, 1])
        return torch.stack(parts, -1).transpose(1, 2)
