"""Which networks of the user are registered: a list of YAML files in the user's data folder. Files stay in place."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import xxhash

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import OwnModelError
from cvstudio.foundation.params import Range
from cvstudio.foundation.paths import user_data_dir
from cvstudio.models.custom.declaration import read_declaration, slug, write_declaration
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.spec import ModelSpec
from cvstudio.weights.declaration import Weights

FORMAT = "cvstudio-own-models"
VERSION = 1
LIST = "own-models.json"
FOLDER = "own-models"
"""Beside the list, for declarations of files whose own folder may not be written to."""

PREFIX = "own-"
"""Of the keys, so that no model that comes with the program or a package, now or later, has the same."""

FAMILY = "Own models"
UNSTATED = "licence not stated"


def list_path() -> Path:
    """Where the list is."""
    return user_data_dir() / LIST


def registered() -> tuple[Path, ...]:
    """The YAML files of the list, in the order in which they were added.

    Raises
    ------
    OwnModelError
        The list is there, but cannot be read.
    """
    path = list_path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["version"] > VERSION:
            raise ValueError("another format")
        return tuple(Path(entry) for entry in content["models"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OwnModelError(
            f"The list of own models in {path} cannot be read ({error}); correct it, or delete it and add them again."
        ) from None


def _write(paths: tuple[Path, ...]) -> None:
    content = {"format": FORMAT, "version": VERSION, "models": [str(path) for path in paths]}
    path = list_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise OwnModelError(
            f"The list of own models cannot be saved to {path} ({error.strerror}); free that folder."
        ) from None


def _revision_text(model: CustomModel) -> str:
    """What a revision is the hash of; batches on disk hold revisions from when the class was called OwnModel."""
    return repr(model).replace("CustomModel(", "OwnModel(", 1)


def spec_of(model: CustomModel) -> ModelSpec:
    """The `ModelSpec` of a declared network; its file need not be there."""

    def load(device: str, checkpoint: Path | None) -> Any:
        """The network; a `checkpoint` takes the place of the declared file. Raises OwnModelError."""
        from cvstudio.models.custom.networks import load as open_network

        chosen = model if checkpoint is None else dataclasses.replace(model, file=checkpoint)
        return open_network(chosen, device)

    try:
        size_bytes = model.file.stat().st_size
    except OSError:
        size_bytes = 0
    detects = model.task == "detect"
    return ModelSpec(
        key=PREFIX + model.key,
        title=model.title,
        task=model.task,
        family=FAMILY,
        paper=model.paper,
        year=model.year,
        load=load,
        weights=(
            Weights(
                key="own",
                file_name=model.file.name,
                url="",
                sha256="",
                size_bytes=size_bytes,
                licence=model.licence or UNSTATED,
                trained_on=model.trained_on,
                metrics=model.metrics,
                labels=model.labels,
                path=model.file,
            ),
        ),
        ranges={"score": Range(0.01, 1, step=0.01)} if detects else {},
        defaults={"score": model.score, "iou": model.iou} if detects else {},
        labels=model.labels,
        capabilities=frozenset({"logits"}),
        keywords=("own model", model.file.suffix.lstrip(".").upper(), model.decoder),
        summary=model.summary or f"Your network {model.file.name}, read as {model.decoder}.",
        # The same file declared otherwise answers otherwise, and what was cached of it is out of date.
        revision=f"@{xxhash.xxh32_hexdigest(_revision_text(model).encode())}",
    )


def add(declaration: Path) -> ModelSpec:
    """Register the network of a YAML file and return its spec; one that is registered already is read anew.

    Raises
    ------
    OwnModelError
        The declaration is wrong, its key is taken, or the list cannot be saved.
    """
    from cvstudio.models import MODELS

    declaration = declaration.resolve()
    model = read_declaration(declaration)
    known = registered()
    taken = {_key_of(path) for path in known if path != declaration}
    if model.key in taken:
        raise OwnModelError(
            f"Expected a key of its own for {model.title}, but '{model.key}' is taken; write another 'key' into "
            f"{declaration.name}."
        )
    if declaration not in known:
        _write((*known, declaration))
    spec = spec_of(model)
    MODELS.replace(spec)
    return spec


def save(model: CustomModel) -> Path:
    """Write the declaration of `model` beside its file, or where that may not be written to into the user's data
    folder; the path. Raises OwnModelError."""
    beside = model.file.with_suffix(".yaml")
    try:
        write_declaration(beside, model)
        return beside
    except OSError:
        pass
    aside = user_data_dir() / FOLDER / f"{slug(model.key)}.yaml"
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        write_declaration(aside, model)
    except OSError as error:
        raise OwnModelError(
            f"The declaration cannot be saved to {aside} ({error.strerror}); free that folder."
        ) from None
    return aside


def remove(key: str, *, in_use: bool = False) -> None:
    """Take a network out of the list; its files stay.

    `in_use` keeps its name until the program ends, so that what was done with it can still be told and undone; it can
    no longer be run. Raises OwnModelError.
    """
    from cvstudio.models import MODELS

    known = registered()
    found = [path for path in known if PREFIX + _key_of(path) == key]
    if not found:
        raise OwnModelError(f"There is no own model '{key}'; `cvstudio list` shows those that there are.")
    _write(tuple(path for path in known if path not in found))
    if key in MODELS and in_use:
        gone = MODELS[key]
        # Of no task, so that it is offered nowhere.
        MODELS.replace(dataclasses.replace(gone, task="", load=_removed, revision="@removed"))
    elif key in MODELS:
        MODELS.remove(key)


def _removed(device: str, checkpoint: Path | None) -> Any:
    raise OwnModelError("This model was removed; choose another one, or add its file again.")


def declaration_of(key: str) -> Path | None:
    """The YAML file of the registered network `key`; None where it is none. Raises OwnModelError."""
    return next((path for path in registered() if PREFIX + _key_of(path) == key), None)


def _key_of(declaration: Path) -> str:
    """The key that a file declares; of one that cannot be read the one that its name gives."""
    try:
        return read_declaration(declaration).key
    except OwnModelError:
        return slug(declaration.stem)
