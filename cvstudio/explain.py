"""Looking inside a classifier: what its layers say, and how an answer depends on them.

A network that can be looked into tells its steps from picture to answer; what is computed from them (class activation
maps here; guided gradients or occlusion need no more) does not know which network it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.errors import ParamsError
from cvstudio.progress import Progress
from cvstudio.types import Image, Rect, readonly

if TYPE_CHECKING:
    from torch import Tensor


class Step(NamedTuple):
    """A part of a network. `run` takes what the step before gives, for a batch of one."""

    name: str
    run: Callable[[Tensor], Tensor]


class Explainable(Protocol):
    """A classifier that can be looked into.

    Its steps, one after the other, lead from a picture to logits (1, classes); all but the last give feature maps
    (1, k, h, w).
    """

    device: str
    temperature: float
    """Divides the logits before they become probabilities."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def steps(self) -> tuple[Step, ...]: ...

    def seen(self, image: Image) -> tuple[Tensor, Rect]:
        """What the first step takes, float32 (1, 3, h, w), and which part of `image` it shows."""
        ...

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights (classes, k) of the linear layer behind a global average; None where the last step is another."""
        ...


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
    """Run `network` once, in float32, and keep what each of its steps gives.

    Raises
    ------
    ParamsError
        It cannot be looked into, as it has no feature maps.
    """
    import torch

    steps = network.steps() if hasattr(network, "steps") else ()
    if not steps:
        raise ParamsError(
            "Expected a network with feature maps, but this one cannot be looked into or works on something else; "
            "choose another model."
        )
    x, rect = network.seen(image)
    maps = {}
    # Not in inference mode: what is kept is differentiated through later.
    with torch.no_grad():
        for step in steps:
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
