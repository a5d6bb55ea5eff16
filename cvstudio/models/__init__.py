"""Registry of the networks and classical models: one file for each family, which registers its declaration."""

from __future__ import annotations

from cvstudio.foundation.registry import Registry
from cvstudio.models.spec import Architecture, ModelSpec


def _folders() -> list[str]:
    from cvstudio.models.tasks import TASKS

    return [*(task.folder for task in TASKS.values()), "custom"]


MODELS: Registry[ModelSpec] = Registry("model", __name__, folders=_folders)
"""All models, filled by the modules in the folders of the tasks and in `custom`."""


def models_for(task: str) -> list[ModelSpec]:
    """The models of a task, in the order of their registration."""
    return [model for model in MODELS if model.task == task]


__all__ = ["MODELS", "Architecture", "ModelSpec", "models_for"]
