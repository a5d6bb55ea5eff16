"""Where checkpoints come from and how they are read without running what they hold."""

from __future__ import annotations

from cvstudio.weights.checks import load_into
from cvstudio.weights.store import (
    ChangedError,
    WeightsNeededError,
    cached_path,
    find_weights,
    hub_folder,
    load_state_dict,
    require_weights,
)

__all__ = [
    "ChangedError",
    "WeightsNeededError",
    "cached_path",
    "find_weights",
    "hub_folder",
    "load_into",
    "load_state_dict",
    "require_weights",
]
