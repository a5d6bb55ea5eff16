"""Checkpoints that the user has chosen for models: each stays with its model until it is removed.

The list is in the user's data folder, so that window, command line and scripts share it. An instance of an analysis
names its checkpoint itself; the list only says with which one a new instance begins.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.paths import user_data_dir

log = logging.getLogger(__name__)

FORMAT = "cvstudio-checkpoints"
VERSION = 1
LIST = "checkpoints.json"


def list_path() -> Path:
    """Path of the list."""
    return user_data_dir() / LIST


def chosen_checkpoints() -> Mapping[str, Path]:
    """Path of the chosen file or folder by the key of its model; it need not exist any more.

    A list that cannot be read counts as empty, and the log says so: no analysis waits for it.
    """
    path = list_path()
    try:
        status = path.stat()
    except OSError:
        return MappingProxyType({})
    return _read(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(path: Path, size: int, mtime_ns: int) -> Mapping[str, Path]:
    """Content of the list; `size` and `mtime_ns` make a changed file a new cache key."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["version"] > VERSION:
            raise ValueError("another format")
        return MappingProxyType({str(model): Path(file) for model, file in content["checkpoints"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the list of chosen checkpoints in %s cannot be read: %s", path, error)
        return MappingProxyType({})


def chosen_checkpoint(model: str) -> Path | None:
    """The checkpoint that the user has chosen for the model with key `model`; None for its published weights."""
    return chosen_checkpoints().get(model)


def choose_checkpoint(model: str, path: Path | None) -> None:
    """Let the model with key `model` begin with the checkpoint at `path`; None goes back to the published weights.

    Raises
    ------
    WeightsError
        The list cannot be saved.
    """
    kept = {key: str(file) for key, file in chosen_checkpoints().items() if key != model}
    if path is not None:
        kept[model] = os.path.abspath(path)
    content = {"format": FORMAT, "version": VERSION, "checkpoints": kept}
    target = list_path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target) as temporary:
            temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise WeightsError(
            f"The choice of a checkpoint cannot be saved in {target} ({error.strerror}); check the permissions and "
            f"the free space of that folder."
        ) from None
    _read.cache_clear()
