"""Class activation maps from the activations of a layer and the gradient of a score with respect to them.

Sources: Selvaraju et al., "Grad-CAM", ICCV 2017; Chattopadhay et al., "Grad-CAM++", WACV 2018; Jiang et al.,
"LayerCAM", IEEE Transactions on Image Processing 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.explain._explained_class import ExplainedClass
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
    network: Explainable, layer: str, activation: NDArray[np.float32], explained: ExplainedClass, progress: Progress
) -> NDArray[np.float32]:
    """Gradient of the score of a class with respect to the `activation` of a layer, float32 (k, h, w).

    Only the layers after it run, forward and backward, not the trunk before it, which is most of the network. Behind
    the last maps of a network that ends in a global average and one linear layer nothing runs: there the gradient is
    the weight of the class over the number of places, at each of them (Grad-CAM, section 3.1).
    """
    import torch

    names = [step.name for step in network.steps()]
    position = names.index(layer)
    weights = network.class_weights() if position == len(names) - 2 else None
    if weights is not None:
        _, height, width = activation.shape
        return np.broadcast_to((explained.weights(weights) / (height * width))[:, None, None], activation.shape)
    with torch.enable_grad():
        leaf = torch.from_numpy(activation.copy())[None].to(network.device).requires_grad_()
        # A layer may work in place, which is not allowed on a leaf.
        x = leaf.clone()
        for step in network.steps()[position + 1 :]:
            progress.check()
            x = step.run(x)
        (leaf_gradient,) = torch.autograd.grad(explained.score(x[0]), leaf)
    return readonly(leaf_gradient[0].float().cpu().numpy())


def grad_cam(activation: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grad-CAM: sum of feature maps (k, h, w), weighted by the mean gradient of the logit over each: float32 (h, w).

    Selvaraju et al., "Grad-CAM", ICCV 2017, equations 1 and 2, before the ReLU.
    """
    return weighted(activation, gradients.mean(axis=(1, 2)))


def grad_cam_plus_plus(activation: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grad-CAM++: as `grad_cam`, but each place has a share in the weight of its map that follows from the second and
    third derivative: float32 (h, w).

    Chattopadhay et al. 2018, equations 5 and 19, of the exponential of the score. Its value is a factor of all weights
    that is left out, as it may be too large for a float and changes no shape.
    """
    squares = gradients.astype(np.float64) ** 2
    cubes = squares * gradients
    denominators = 2 * squares + activation.sum(axis=(1, 2), dtype=np.float64)[:, None, None] * cubes
    shares = np.divide(squares, denominators, out=np.zeros_like(squares), where=denominators != 0)
    return weighted(activation, (shares * np.maximum(gradients, 0)).sum(axis=(1, 2)).astype(np.float32))


def layer_cam(activation: NDArray[np.float32], gradients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Layer-CAM: sum of feature maps (k, h, w), each place weighted by its own gradient where that is positive: float32
    (h, w).

    Jiang et al. 2021, equations 5 and 6, before the ReLU. It stays sharp at early layers.
    """
    heat: NDArray[np.float32] = np.einsum("khw,khw->hw", np.maximum(gradients, 0), activation, dtype=np.float32)
    return heat


def weighted(activation: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum of feature maps (k, h, w) weighted by `weights` (k,): float32 (h, w)."""
    heat: NDArray[np.float32] = np.tensordot(weights, activation, axes=1).astype(np.float32)
    return heat
