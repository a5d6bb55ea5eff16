"""List of registered custom models in the user's data folder: the paths of their YAML files, which stay in place."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import xxhash

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import CustomModelError
from cvstudio.foundation.params import Range
from cvstudio.foundation.paths import user_data_dir
from cvstudio.models.custom.declaration import read_declaration, slug, write_declaration
from cvstudio.models.custom.model import CustomModel
from cvstudio.models.spec import ModelSpec
from cvstudio.models.terms import UNSTATED
from cvstudio.weights.declaration import Weights

FORMAT = "cvstudio-own-models"
VERSION = 1
LIST = "own-models.json"
FOLDER = "own-models"
"""Folder beside the list, for declarations of files whose own folder is not writable."""

PREFIX = "own-"
"""Prefix of custom models' keys, so that no other model, now or later, has the same key."""

FAMILY = "Your own models"


def list_path() -> Path:
    """Path of the list."""
    return user_data_dir() / LIST


def registered() -> tuple[Path, ...]:
    """YAML files of the list, in the order in which they were added.

    Raises
    ------
    CustomModelError
        The list exists, but cannot be read.
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
        raise CustomModelError(
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
        raise CustomModelError(
            f"The list of own models cannot be saved to {path} ({error.strerror}); free that folder."
        ) from None


def _revision_text(model: CustomModel) -> str:
    """Text whose hash is the revision; revisions in batches on disk are from when the class was called OwnModel."""
    return repr(model).replace("CustomModel(", "OwnModel(", 1)


def spec_of(model: CustomModel) -> ModelSpec:
    """The `ModelSpec` of a custom model; its file need not exist."""

    def load(device: str, checkpoint: Path | None) -> Any:
        """Open the network, or `checkpoint` in place of its file. Raises CustomModelError."""
        from cvstudio.models.custom.networks import load as open_network

        opened = model if checkpoint is None else dataclasses.replace(model, file=checkpoint)
        return open_network(opened, device)

    try:
        size_bytes = model.file.stat().st_size
    except OSError:
        size_bytes = 0
    is_detector = model.task == "detect"
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
        ranges={"score": Range(0.01, 1, step=0.01)} if is_detector else {},
        defaults={"score": model.score, "iou": model.iou} if is_detector else {},
        labels=model.labels,
        capabilities=frozenset({"logits"}),
        keywords=("own model", model.file.suffix.lstrip(".").upper(), model.decoder),
        summary=model.summary or f"Your network {model.file.name}, read as {model.decoder}.",
        # Another declaration of the same file gives other results, so cached ones are out of date.
        revision=f"@{xxhash.xxh32_hexdigest(_revision_text(model).encode())}",
    )


def add(declaration: Path) -> ModelSpec:
    """Register the custom model of a YAML file and return its spec; a registered one is read again.

    Raises
    ------
    CustomModelError
        The declaration is wrong, its key is taken, or the list cannot be saved.
    """
    from cvstudio.models import MODELS

    declaration = declaration.resolve()
    model = read_declaration(declaration)
    declarations = registered()
    other_keys = {_key_of(path) for path in declarations if path != declaration}
    if model.key in other_keys:
        raise CustomModelError(
            f"Expected a key of its own for {model.title}, but '{model.key}' is taken; write another 'key' into "
            f"{declaration.name}."
        )
    if declaration not in declarations:
        _write((*declarations, declaration))
    spec = spec_of(model)
    MODELS.replace(spec)
    return spec


def save(model: CustomModel) -> Path:
    """Write the declaration of `model` beside its file, or, where that folder is not writable, into the user's data
    folder, and return its path. Raises CustomModelError."""
    beside = model.file.with_suffix(".yaml")
    try:
        write_declaration(beside, model)
        return beside
    except OSError:
        pass
    fallback = user_data_dir() / FOLDER / f"{slug(model.key)}.yaml"
    try:
        fallback.parent.mkdir(parents=True, exist_ok=True)
        write_declaration(fallback, model)
    except OSError as error:
        raise CustomModelError(
            f"The declaration cannot be saved to {fallback} ({error.strerror}); free that folder."
        ) from None
    return fallback


def remove(key: str, *, in_use: bool = False) -> None:
    """Remove a custom model from the list; its files stay.

    With `in_use` its title stays registered until the program ends, so that its results can still be labelled and
    undone, but it cannot be run. Raises CustomModelError.
    """
    from cvstudio.models import MODELS

    declarations = registered()
    removed = [path for path in declarations if PREFIX + _key_of(path) == key]
    if not removed:
        raise CustomModelError(f"There is no own model '{key}'; “cvstudio list” shows those that there are.")
    _write(tuple(path for path in declarations if path not in removed))
    if key in MODELS and in_use:
        spec = MODELS[key]
        # Without a task it is offered nowhere.
        MODELS.replace(dataclasses.replace(spec, task="", load=_removed, revision="@removed"))
    elif key in MODELS:
        MODELS.remove(key)


def _removed(device: str, checkpoint: Path | None) -> Any:
    raise CustomModelError("This model was removed; choose another one, or add its file again.")


def declaration_of(key: str) -> Path | None:
    """YAML file of the custom model `key`; None for another key. Raises CustomModelError."""
    return next((path for path in registered() if PREFIX + _key_of(path) == key), None)


def _key_of(declaration: Path) -> str:
    """Key that a file declares, or one made from its name where it cannot be read."""
    try:
        return read_declaration(declaration).key
    except CustomModelError:
        return slug(declaration.stem)
