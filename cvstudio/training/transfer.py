"""Transfer learning: training of a new head only, or of the whole network with two learning rates.

Source: Yosinski et al., "How transferable are features in deep neural networks?", NeurIPS 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MethodType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


def load_trunk(trunk: nn.Module, state_dict: Mapping[str, Tensor], *, prefix: str) -> None:
    """Load into `trunk` the tensors of another network under the name `prefix`; others are ignored.

    It is for the training lab, where a user's network starts from a trunk of this program; no recipe needs it yet.

    Parameters
    ----------
    trunk : the module that both networks share
    state_dict : tensors of the other network by name, ``<prefix>.<name in the trunk>``
    prefix : without the dot; "" where `state_dict` is of the trunk alone

    Raises
    ------
    WeightsError
        No tensor has that prefix, or names or shapes differ. `trunk` is unchanged.
    """
    from cvstudio.foundation.errors import WeightsError
    from cvstudio.weights.checks import load_into

    start = f"{prefix}." if prefix else ""
    trunk_tensors = {name.removeprefix(start): tensor for name, tensor in state_dict.items() if name.startswith(start)}
    if not trunk_tensors:
        first = next(iter(state_dict), "no tensor at all")
        raise WeightsError(
            f"Expected tensors whose names begin with '{start}', but the checkpoint's {len(state_dict)} have none "
            f"(the first is {first}); choose a checkpoint of a network with the same trunk."
        )
    load_into(trunk, trunk_tensors, f"the trunk under '{prefix}'")


def freeze(network: nn.Module, *, except_: Sequence[str]) -> None:
    """Freeze all parameters except those under the names `except_`.

    Parameters
    ----------
    network : changed in place
    except_ : names of modules or parameters as ``named_parameters`` gives them: "head" means head, head.weight and
        head.0.weight, not header.weight

    Raises
    ------
    ValueError
        The network has nothing of one of the names.

    Notes
    -----
    Normalisation layers of the frozen part use and keep their running statistics, also after ``train()`` of the whole
    network, as the frozen filters were learnt with them.
    """
    from torch.nn.modules.batchnorm import _NormBase

    _require(network, except_)
    for name, parameter in network.named_parameters():
        learns = _is_under(name, except_)
        parameter.requires_grad_(learns)
        if not learns:
            # An optimiser with momentum would still apply the last gradient.
            parameter.grad = None
    for name, module in network.named_modules():
        if isinstance(module, _NormBase) and not _is_under(name, except_):
            module.eval()
            # `train()` of the whole network calls this one; a method, so that a copy of the module has its own.
            module.train = MethodType(_stay, module)  # type: ignore[method-assign]


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:
    return module


def unfreeze(network: nn.Module) -> None:
    """Undo `freeze`: all parameters are trainable, and normalisation layers have the mode of the network."""
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    for module in network.modules():
        module.__dict__.pop("train", None)
    network.train(network.training)


def parameter_groups(
    network: nn.Module, head: Sequence[str], *, rate: float, trunk_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimiser: the head at learning rate `rate`, the rest at `trunk_rate`.

    Biases and parameters of normalisation layers (those with one axis) have no weight decay; frozen parameters are
    left out.

    Parameters
    ----------
    network : nn.Module
    head : names as in `freeze`; ("",) is the whole network
    rate, trunk_rate : learning rates
    weight_decay : of parameters with more than one axis

    Returns
    -------
    list of dict with "params", "lr" and "weight_decay", in the order of the network's parameters

    Raises
    ------
    ValueError
        The network has nothing of one of the names.
    """
    _require(network, head)
    groups: dict[tuple[bool, bool], list[Any]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((_is_under(name, head), parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": rate if of_head else trunk_rate,
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (of_head, decays), parameters in groups.items()
    ]


def _is_under(name: str, prefixes: Sequence[str]) -> bool:
    return any(not prefix or name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _require(network: nn.Module, prefixes: Sequence[str]) -> None:
    names = [name for name, _ in network.named_parameters()]
    for prefix in prefixes:
        if not any(_is_under(name, (prefix,)) for name in names):
            known = ", ".join(name for name, _ in network.named_children())
            raise ValueError(f"Expected parameters under '{prefix}', but the network has {known}.")
