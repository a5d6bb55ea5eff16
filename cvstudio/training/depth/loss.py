"""Losses of depth up to a factor for each picture.

Eigen, Puhrsch and Fergus, "Depth Map Prediction from a Single Image using a Multi-Scale Deep Network", NeurIPS 2014
(the scale-invariant error in logarithms); Ranftl et al., "Towards Robust Monocular Depth Estimation", PAMI 2022 (the
gradients of the error at several scales); Chen et al., "Single-Image Depth Perception in the Wild", NeurIPS 2016 (pairs
of which it is known only which is nearer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SCALES = 4
"""At which gradients are compared: each has half of the resolution of the one before."""

STEEPNESS = 4.0
"""Of the loss of a pair: at a ratio of depths of e to the power of 1 / `STEEPNESS` the other way it grows linearly."""

_EPS = 1e-4


def scale_invariant(log_depth: Tensor, depth: Tensor) -> Tensor:
    """Standard deviation of the error in logarithms, mean over the pictures that have a depth.

    Parameters
    ----------
    log_depth : float (n, h, w)
    depth : float (n, h, w), 0 where it is not known
    """
    known = depth > 0
    counts = known.sum((1, 2)).clamp(min=1)
    error = _error(log_depth, depth, known)
    mean = error.sum((1, 2)) / counts
    variance = (error.square().sum((1, 2)) / counts - mean.square()).clamp(min=0)
    has_depth = known.flatten(1).any(1)
    return _mean_where((variance + _EPS).sqrt(), has_depth)


def gradient_error(log_depth: Tensor, depth: Tensor) -> Tensor:
    """Absolute differences of the error in logarithms between neighbours, mean over `SCALES` and the pictures."""
    known = depth > 0
    error = _error(log_depth, depth, known)
    total = error.new_zeros(())
    for scale in range(SCALES):
        step = 2**scale
        values, valid = error[:, ::step, ::step], known[:, ::step, ::step]
        down = (values[:, 1:] - values[:, :-1]).abs()
        across = (values[:, :, 1:] - values[:, :, :-1]).abs()
        total = total + _mean_where(down, valid[:, 1:] & valid[:, :-1])
        total = total + _mean_where(across, valid[:, :, 1:] & valid[:, :, :-1])
    return total / SCALES


def ordinal(log_depth: Tensor, pairs: Tensor) -> Tensor:
    """Loss of pairs of cells, the nearer one first.

    Parameters
    ----------
    log_depth : float (n, h, w)
    pairs : int64 (n, p, 4), rows and columns of the nearer and the farther cell; -1 where there is no pair
    """
    from torch.nn import functional

    width = log_depth.shape[2]
    flat = log_depth.flatten(1)
    present = pairs[..., 0] >= 0
    safe = pairs.clamp(min=0)
    near = flat.gather(1, safe[..., 0] * width + safe[..., 1])
    far = flat.gather(1, safe[..., 2] * width + safe[..., 3])
    return _mean_where(functional.softplus(STEEPNESS * (near - far)) / STEEPNESS, present)


def _error(log_depth: Tensor, depth: Tensor, known: Tensor) -> Tensor:
    return (log_depth - depth.clamp(min=1e-6).log()) * known


def _mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)
