"""What the time-domain separators (TasNets) share: a learned filterbank and its inverse around a network of masks.

Written from Luo and Mesgarani, "Conv-TasNet", IEEE/ACM TASLP 2019 (arXiv 1809.07454). Modules have the names of
asteroid's checkpoints, so that these load without renaming. Imported only where torch is in use.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

EPS = 1e-8
"""Epsilon of the normalisations of asteroid's networks."""


class GlobalNorm(nn.Module):
    """Global layer normalisation (gLN) over channels and frames, (batch, channels, frames)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return functional.group_norm(x, 1, self.gamma, self.beta, EPS)


def activated(masks: Tensor, activation: str) -> Tensor:
    """Masks from the output of a network; `activation` is "relu" or "sigmoid"."""
    return masks.relu() if activation == "relu" else masks.sigmoid()


class FreeFilters(nn.Module):
    """Filters (filters, 1, length) that are learned without constraints."""

    def __init__(self, filters: int, length: int) -> None:
        super().__init__()
        self._filters = nn.Parameter(torch.empty(filters, 1, length))
        nn.init.xavier_normal_(self._filters)

    def filters(self) -> Tensor:
        return self._filters


class FilterEncoder(nn.Module):
    """Frames (batch, filters, frames) of waveforms (batch, samples)."""

    def __init__(self, filters: int, length: int, stride: int) -> None:
        super().__init__()
        self.filterbank = FreeFilters(filters, length)
        self.stride = stride

    def forward(self, waves: Tensor) -> Tensor:
        return functional.conv1d(waves.unsqueeze(1), self.filterbank.filters(), stride=self.stride)


class FilterDecoder(nn.Module):
    """Waveforms (batch, sources, samples) of frames (batch, sources, filters, frames), by overlap and add."""

    def __init__(self, filters: int, length: int, stride: int) -> None:
        super().__init__()
        self.filterbank = FreeFilters(filters, length)
        self.stride = stride

    def forward(self, frames: Tensor) -> Tensor:
        waves = functional.conv_transpose1d(frames.flatten(0, 1), self.filterbank.filters(), stride=self.stride)
        return waves.reshape(*frames.shape[:2], -1)


class TasNet(nn.Module):
    """Sources (batch, sources, samples) of mixtures (batch, samples), at least `length` samples long.

    Parameters
    ----------
    filters, length, stride : of the filterbank: their number, their length and the hop in samples
    masker : module (frames (batch, filters, frames)) -> masks (batch, sources, filters, frames)
    """

    def __init__(self, filters: int, length: int, stride: int, masker: nn.Module) -> None:
        super().__init__()
        self.encoder = FilterEncoder(filters, length, stride)
        self.masker = masker
        self.decoder = FilterDecoder(filters, length, stride)

    def masks(self, mixtures: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (batch, filters, frames) and masks (batch, sources, filters, frames) of mixtures (batch, samples)."""
        frames = self.encoder(mixtures)
        return frames, self.masker(frames)

    def forward(self, mixtures: Tensor) -> Tensor:
        frames, masks = self.masks(mixtures)
        waves = cast(Tensor, self.decoder(masks * frames.unsqueeze(1)))
        return functional.pad(waves, (0, mixtures.shape[-1] - waves.shape[-1]))
