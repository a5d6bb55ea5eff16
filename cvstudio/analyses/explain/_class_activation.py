"""Class activation maps (Selvaraju et al. 2017, Grad-CAM)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import Explainable

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, eq=False)
class Activations:
    """What the layers say of a picture.

    Parameters
    ----------
    maps : float32 (k, h, w) by the names of the steps, in their order; they lie evenly over `rect`
    logits : float32 (classes,)
    rect : the part of the picture that the network saw, in image pixels
    """

    maps: Mapping[str, NDArray[np.float32]]
    logits: NDArray[np.float32]
    rect: Rect


def activations(network: Explainable, image: Image, progress: Progress) -> Activations:
    """Run `network` once, in float32, and keep what each of its steps gives."""
    import torch

    x, rect = network.preprocess(image)
    maps = {}
    # Not in inference mode: what is kept is differentiated through later.
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
    """How the logit of class `target` changes with each value of a layer's `activation`, float32 (k, h, w).

    Only what follows the layer is run, forward and back: the trunk before it, most of the network, is not.
    """
    import torch

    names = [step.name for step in network.steps()]
    rest = network.steps()[names.index(layer) + 1 :]
    with torch.enable_grad():
        leaf = torch.from_numpy(activation.copy())[None].to(network.device).requires_grad_()
        # A layer may work in place, which a leaf does not allow.
        x = leaf.clone()
        for step in rest:
            progress.check()
            x = step.run(x)
        (found,) = torch.autograd.grad(x[0, target], leaf)
    return readonly(found[0].float().cpu().numpy())


def grad_cam(activation: NDArray[np.float32], slope: NDArray[np.float32]) -> NDArray[np.float32]:
    """Feature maps (k, h, w), each weighted by the mean of the logit's gradient over it: float32 (h, w).

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2, before the ReLU.
    """
    return weighted(activation, slope.mean(axis=(1, 2)))


def weighted(activation: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of feature maps (k, h, w), each times its weight (k,): float32 (h, w)."""
    found: NDArray[np.float32] = np.tensordot(weights, activation, axes=1).astype(np.float32)
    return found
