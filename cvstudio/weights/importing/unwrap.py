"""Extraction of tensors from training states, averaged copies and wrappers' prefixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "params_ema", "ema")
"""Keys of exponential moving averages of the weights, which are for evaluation where a training saved both."""

PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "params", "weights")
PREFIXES = ("module.", "_orig_mod.")
"""Prefixes of data-parallel, averaging and compiling wrappers, which no network uses itself."""

MOST_LEVELS = 3


def unwrap(content: Any) -> tuple[dict[str, Tensor], tuple[str, ...]] | None:
    """Tensors by name, and a note for the user on each omission; None where there are no tensors by name."""
    notes: list[str] = []
    for _ in range(MOST_LEVELS):
        tensors = _tensors(content)
        if tensors is not None:
            return _without_prefixes(tensors, notes)
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
    # A plain dict drops the version metadata of old checkpoints, which lack counters that evaluation ignores.
    return dict(content)


def _without_prefixes(tensors: dict[str, Tensor], notes: list[str]) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    # torch.optim.swa_utils.AveragedModel saves a counter beside the weights.
    weights = {name: tensor for name, tensor in tensors.items() if name != "n_averaged"}
    for prefix in PREFIXES * MOST_LEVELS:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
            notes.append(f'The prefix "{prefix}" of every name is left out.')
            tensors = weights
    return tensors, tuple(notes)
