"""The features of a classifier: what its last layer is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvstudio.models.runtime.torch_network import in_this_thread

if TYPE_CHECKING:
    from torch import Tensor, nn


def last_layer(model: nn.Module) -> nn.Module:
    """The layer that says the classes: the last linear layer or convolution, in the order of their declaration.

    Raises
    ------
    ValueError
        There is none.
    """
    from torch import nn

    layers = [part for part in model.modules() if isinstance(part, nn.Linear | nn.Conv2d)]
    if not layers:
        raise ValueError(f"expected a network with a linear layer or a convolution, found {type(model).__name__}")
    return layers[-1]


def pooled(model: nn.Module, pixels: Tensor, layer: nn.Module | None = None) -> Tensor:
    """What `layer` (by default the last one) is given when `model` sees `pixels`: float (n, d).

    Maps (n, d, h, w), as before a last convolution, are averaged over their places, and tokens (n, t, d) over
    themselves.
    """
    given: list[Tensor] = []
    keep = in_this_thread(lambda part, inputs: given.append(inputs[0]))
    hook = (layer or last_layer(model)).register_forward_pre_hook(keep)
    try:
        model(pixels)
    finally:
        hook.remove()
    found = given[-1]
    if found.ndim == 4:
        return found.mean(dim=(2, 3))
    return found.mean(dim=1) if found.ndim == 3 else found.flatten(1)
