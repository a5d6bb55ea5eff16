"""Finds the tensors in what people save around them: training states, averaged copies, wrappers' prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "params_ema", "ema")
"""Exponential moving averages of the weights: what is evaluated with, where a training kept both."""

PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "params", "weights")
PREFIXES = ("module.", "_orig_mod.")
"""Of data-parallel, averaging and compiling wrappers; no network names a part of its own so."""

MOST_LEVELS = 3


def unwrap(content: Any) -> tuple[dict[str, Tensor], tuple[str, ...]] | None:
    """Tensors by name and a sentence for each thing that was left out; None where there are no tensors by name."""
    notes: list[str] = []
    for _ in range(MOST_LEVELS):
        found = _tensors(content)
        if found is not None:
            return _without_prefixes(found, notes)
        if not isinstance(content, Mapping):
            return None
        key = next((key for key in (*AVERAGED, *PLAIN) if isinstance(content.get(key), Mapping)), None)
        if key is None:
            return None
        if key in AVERAGED and any(isinstance(content.get(other), Mapping) for other in PLAIN):
            notes.append(f"Of the two sets of weights, the averaged ones ({key}) are taken.")
        content = content[key]
    return None


def _tensors(content: Any) -> dict[str, Tensor] | None:
    import torch

    if not isinstance(content, Mapping) or not content:
        return None
    if not all(isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in content.items()):
        return None
    # A plain dict drops the version notes of old checkpoints, which lack counters that evaluation ignores.
    return dict(content)


def _without_prefixes(found: dict[str, Tensor], notes: list[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    # torch.optim.swa_utils.AveragedModel counts beside the weights.
    counted = {name: tensor for name, tensor in found.items() if name != "n_averaged"}
    for prefix in PREFIXES * MOST_LEVELS:
        if counted and all(name.startswith(prefix) for name in counted):
            counted = {name.removeprefix(prefix): tensor for name, tensor in counted.items()}
            notes.append(f'The prefix "{prefix}" of every name is left out.')
            found = counted
    return found, tuple(notes)
