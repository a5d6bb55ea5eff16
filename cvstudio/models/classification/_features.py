"""Features of a classifier: the inputs of its last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvstudio.models.runtime.torch_network import in_this_thread

if TYPE_CHECKING:
    from torch import Tensor, nn


def last_layer(model: nn.Module) -> nn.Module:
    """The classification layer: the last linear layer or convolution, in the order of declaration.

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
    """Inputs of `layer` (by default the last one) for `pixels`: float (n, d).

    Maps (n, d, h, w), as before a last convolution, are averaged over positions, and tokens (n, t, d) over tokens.
    """
    inputs_of_layer: list[Tensor] = []
    record = in_this_thread(lambda part, inputs: inputs_of_layer.append(inputs[0]))
    hook = (layer or last_layer(model)).register_forward_pre_hook(record)
    try:
        model(pixels)
    finally:
        hook.remove()
    features = inputs_of_layer[-1]
    if features.ndim == 4:
        return features.mean(dim=(2, 3))
    return features.mean(dim=1) if features.ndim == 3 else features.flatten(1)
