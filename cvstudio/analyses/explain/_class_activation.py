"""Class activation maps (Selvaraju et al. 2017, Grad-CAM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import Explainable


@dataclass(frozen=True, eq=False)
class Activations:
    """Activations of the layers on a picture.

    Parameters
    ----------
    maps : float32 (k, h, w) by name of the layer, in their order; each covers `rect` evenly
    logits : float32 (classes,)
    rect : the part of the picture that the network was given, in image pixels
    """

    maps: Mapping[str, NDArray[np.float32]]
    logits: NDArray[np.float32]
    rect: Rect


def activations(network: Explainable, image: Image, progress: Progress) -> Activations:
    """Run `network` once, in float32, and store the output of each of its steps."""
    import torch

    x, rect = network.preprocess(image)
    maps = {}
    # Not in inference mode: gradients are computed through the outputs later.
    with torch.no_grad():
        for step in network.steps():
            progress.check()
            x = step.run(x)
            maps[step.name] = x
    *layers, (_, logits) = maps.items()
    arrays = {name: readonly(value[0].float().cpu().numpy()) for name, value in layers}
    return Activations(arrays, readonly(logits[0].float().cpu().numpy()), rect)


def gradient(
    network: Explainable, layer: str, activation: NDArray[np.float32], target: int, progress: Progress
) -> NDArray[np.float32]:
    """Gradient of the logit of class `target` with respect to the `activation` of a layer, float32 (k, h, w).

    Only the layers after it run, forward and backward, not the trunk before it, which is most of the network.
    """
    import torch

    names = [step.name for step in network.steps()]
    later_steps = network.steps()[names.index(layer) + 1 :]
    with torch.enable_grad():
        leaf = torch.from_numpy(activation.copy())[None].to(network.device).requires_grad_()
        # A layer may work in place, which is not allowed on a leaf.
        x = leaf.clone()
        for step in later_steps:
            progress.check()
            x = step.run(x)
        (leaf_gradient,) = torch.autograd.grad(x[0, target], leaf)
    return readonly(leaf_gradient[0].float().cpu().numpy())


def grad_cam(activation: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grad-CAM: sum of feature maps (k, h, w), weighted by the mean gradient of the logit over each: float32 (h, w).

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2, before the ReLU.
    """
    return weighted(activation, gradients.mean(axis=(1, 2)))


def weighted(activation: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of feature maps (k, h, w) weighted by `weights` (k,): float32 (h, w)."""
    heat: NDArray[np.float32] = np.tensordot(weights, activation, axes=1).astype(np.float32)
    return heat
