"""Models that the user prefers for a task: analyses in the window begin with them."""

from __future__ import annotations

from cvstudio.foundation.user_table import UserTable

DEFAULT_MODELS = UserTable("default-models")
"""Key of the preferred model by the key of its task; the model need not be registered any more."""


def preferred_model(task: str) -> str:
    """Key of the model that the user prefers for `task`; empty where the analysis decides."""
    return DEFAULT_MODELS.read().get(task, "") if task else ""
