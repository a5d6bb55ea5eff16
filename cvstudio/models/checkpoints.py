"""Checkpoints that the user has chosen for models: each stays with its model until it is removed.

An instance of an analysis names its checkpoint itself; the table only says with which one a new instance begins.
"""

from __future__ import annotations

import os
from pathlib import Path

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.user_table import UserTable

CHECKPOINTS = UserTable("checkpoints")
"""Path of the chosen file or folder by the key of its model; it need not exist any more."""


def chosen_checkpoint(model: str) -> Path | None:
    """The checkpoint that the user has chosen for the model with key `model`; None for its published weights."""
    path = CHECKPOINTS.read().get(model)
    return None if path is None else Path(path)


def choose_checkpoint(model: str, path: Path | None) -> None:
    """Let the model with key `model` begin with the checkpoint at `path`; None goes back to the published weights.

    Raises
    ------
    WeightsError
        The choice cannot be saved.
    """
    try:
        CHECKPOINTS.put(model, None if path is None else os.path.abspath(path))
    except OSError as error:
        raise WeightsError(
            f"The choice of a checkpoint cannot be saved in {CHECKPOINTS.path} ({error.strerror}); check the "
            f"permissions and the free space of that folder."
        ) from None
