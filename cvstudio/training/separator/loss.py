"""Loss of separation: the scale-invariant signal-to-distortion ratio of the best assignment."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EPS = 1e-8


def si_sdr(estimates: Tensor, sources: Tensor) -> Tensor:
    """Scale-invariant signal-to-distortion ratio in dB of waveforms (..., samples); the result is (...).

    Le Roux et al., "SDR - Half-Baked or Well Done?", ICASSP 2019, without the mean of either.
    """
    estimates = estimates - estimates.mean(-1, keepdim=True)
    sources = sources - sources.mean(-1, keepdim=True)
    scale = (estimates * sources).sum(-1, keepdim=True) / (sources.square().sum(-1, keepdim=True) + EPS)
    targets = scale * sources
    errors = estimates - targets
    ratio = (targets.square().sum(-1) + EPS) / (errors.square().sum(-1) + EPS)
    return 10 * ratio.log10()


def best_si_sdr(estimates: Tensor, sources: Tensor) -> Tensor:
    """Mean over the sources of `si_sdr` for the best assignment: (batch, sources, samples) to (batch,).

    Permutation invariant training: Kolbæk et al., "Multitalker Speech Separation With Utterance-Level Permutation
    Invariant Training", IEEE/ACM TASLP 2017.
    """
    import torch

    pairs = si_sdr(estimates.unsqueeze(2), sources.unsqueeze(1))
    count = sources.shape[1]
    means = [pairs[:, list(order), list(range(count))].mean(1) for order in permutations(range(count))]
    return torch.stack(means).amax(0)
