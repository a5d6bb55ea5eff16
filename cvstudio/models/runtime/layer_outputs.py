"""Outputs of any module of a torch network, read or cut out of it by hooks that are removed again.

A hook is called in the thread that set it only, as the same network may run in others for other pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.errors import ParamsError
from cvstudio.models.runtime.torch_network import in_this_thread

if TYPE_CHECKING:
    from torch import Tensor, nn

PREFIX_TOKENS = 5
"""Most tokens before those of the places: a class token, a distillation token, and four registers."""


@contextmanager
def cut_outputs(model: nn.Module, name: str) -> Iterator[list[Tensor]]:
    """Context in which the maps that the module `name` answers are leaves of autograd.

    What runs before the module has no gradients and costs none; what runs after it has. Where several maps are
    answered, such as those of a trunk for a pyramid, each is a leaf of its own: the products of each with its gradient
    then add up to one first-order change of the score.

    Yields the list of leaves, filled when the network runs: floats of three or four axes, batch first.
    """
    import torch
    from torch.utils._pytree import tree_map

    leaves: list[Tensor] = []

    def cut(value: Any) -> Any:
        if not _is_map(value):
            return value
        leaf = value.detach().clone().requires_grad_()
        leaves.append(leaf)
        # A layer may work in place, which is not allowed on a leaf.
        return leaf.clone()

    def hook(module: nn.Module, inputs: Any, output: Any) -> Any:
        # The mode of this thread; the context below sets it back.
        torch.set_grad_enabled(True)
        return tree_map(cut, output)

    handle = _module(model, name).register_forward_hook(in_this_thread(hook))
    try:
        with torch.no_grad():
            yield leaves
    finally:
        handle.remove()


@contextmanager
def read_outputs(model: nn.Module, name: str, *, detach: bool = True) -> Iterator[list[Tensor]]:
    """Context in which the maps that the module `name` answers are collected in the list that it yields.

    detach : whether they are parted from the graph of autograd
    """
    from torch.utils._pytree import tree_leaves

    maps: list[Tensor] = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        # A copy, as a layer behind may work in place.
        maps.extend(
            value.detach().clone() if detach else value.clone() for value in tree_leaves(output) if _is_map(value)
        )

    handle = _module(model, name).register_forward_hook(in_this_thread(hook))
    try:
        yield maps
    finally:
        handle.remove()


def _module(model: nn.Module, name: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        raise ParamsError(f"This network has no layer '{name}'; choose one of its list.") from None


def _is_map(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.is_floating_point() and value.ndim in (3, 4)


def as_maps(size: tuple[int, int]) -> Callable[[Tensor], Tensor | None]:
    """How to lay out outputs (n, …) of layers as feature maps (n, k, h, w), for inputs of `size` (height, width).

    The callable takes maps with channels first, or last as in Swin, and tokens in row-major order, with a class token
    and the like before them or without, as in ViT. It returns a view, or None for what has no places.
    """

    def layout(output: Tensor) -> Tensor | None:
        if output.ndim == 4:
            _, a, b, c = output.shape
            first, last = _uneven(size, (b, c)), _uneven(size, (a, b))
            if min(first, last) > math.log(1.5):
                return None
            return output if first <= last else output.permute(0, 3, 1, 2)
        if output.ndim != 3:
            return None
        n, count, channels = output.shape
        for before in range(PREFIX_TOKENS + 1):
            grid = _grid(size, count - before)
            if grid is not None:
                return output[:, before:].transpose(1, 2).reshape(n, channels, *grid)
        return None

    return layout


def _uneven(size: tuple[int, int], grid: tuple[int, int]) -> float:
    """How much the strides of `grid` in y and x differ for an input of `size`: logarithm of their ratio."""
    if min(grid) < 2:
        return math.inf
    return abs(math.log(size[0] / grid[0]) - math.log(size[1] / grid[1]))


def _grid(size: tuple[int, int], count: int) -> tuple[int, int] | None:
    """Rows and columns of `count` square places in an input of `size`; None where there is no such grid."""
    if count < 4:
        return None
    rows = round(math.sqrt(count * size[0] / size[1]))
    if rows < 1 or count % rows:
        return None
    grid = rows, count // rows
    return grid if _uneven(size, grid) < math.log(1.3) else None


def layer_names(model: nn.Module) -> tuple[str, ...]:
    """Dotted names of the modules of a network that are called, in their order, without lists and dropout."""
    import torch.nn

    passive = (torch.nn.ModuleList, torch.nn.ModuleDict, torch.nn.ParameterList, torch.nn.Dropout, torch.nn.Identity)
    return tuple(name for name, module in model.named_modules() if name and not isinstance(module, passive))
