"""The weights that come with the program, and the card of each: what it is, how good, and under which licence."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.paths import resource
from cvstudio.weights.declaration import Weights

FOLDER = "models"
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class CardSource:
    """A set of data that a model was trained on, its licence, and what it was used for."""

    name: str
    licence: str
    use: str


@dataclass(frozen=True)
class Metric:
    """A figure for people: what was measured, the value with its unit, and on which part of which data."""

    name: str
    value: str
    split: str


@dataclass(frozen=True)
class ModelCard:
    """All that is known of a shipped file.

    Parameters
    ----------
    model : key of its `ModelSpec`
    title, recipe, licence : `recipe` is a key of `cvstudio.training.RECIPES`
    non_commercial : whether the licence of the data forbids commercial use
    sources, date, seed, hours, device, epochs : how it was made; the date is ISO 8601
    parameters : numbers in the network
    sha256, size_bytes : of the weights file
    labels : names of the classes by index
    metrics : for people
    figures : the same for machines, by name, as the recipe's `evaluate` returns them
    command : that measures them again
    not_for : what the model is not good for, one sentence each
    settings : what the program needs beside the weights
    """

    model: str
    title: str
    recipe: str
    licence: str
    non_commercial: bool
    sources: tuple[CardSource, ...]
    date: str
    seed: int
    hours: float
    device: str
    epochs: int
    parameters: int
    sha256: str
    size_bytes: int
    labels: tuple[str, ...]
    metrics: tuple[Metric, ...]
    figures: Mapping[str, float]
    command: str
    not_for: tuple[str, ...]
    settings: Mapping[str, Any]


def load_card(path: Path) -> ModelCard:
    """The card in the JSON file `path`.

    Raises
    ------
    WeightsError
        It cannot be read, or is no model card.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if not SHA256.fullmatch(content["sha256"]):
            raise ValueError("its sha256 is none")
        return ModelCard(
            model=str(content["model"]),
            title=str(content["title"]),
            recipe=str(content["recipe"]),
            licence=str(content["licence"]),
            non_commercial=bool(content["non_commercial"]),
            sources=tuple(CardSource(**entry) for entry in content["sources"]),
            date=str(content["date"]),
            seed=int(content["seed"]),
            hours=float(content["hours"]),
            device=str(content["device"]),
            epochs=int(content["epochs"]),
            parameters=int(content["parameters"]),
            sha256=str(content["sha256"]),
            size_bytes=int(content["size_bytes"]),
            labels=tuple(str(label) for label in content["labels"]),
            metrics=tuple(Metric(**entry) for entry in content["metrics"]),
            figures=MappingProxyType({str(name): float(value) for name, value in content["figures"].items()}),
            command=str(content["command"]),
            not_for=tuple(str(sentence) for sentence in content["not_for"]),
            settings=MappingProxyType(dict(content["settings"])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise WeightsError(
            f"Expected a model card in {path.name}, but it cannot be read ({reason}); install cvstudio again or take "
            f"the file from where it was."
        ) from error


def _path(name: str) -> Path | None:
    try:
        return resource(FOLDER, name)
    except FileNotFoundError:
        return None


def embedded_path(key: str) -> Path | None:
    """The weights of the model `key` that come with the program; None where it has none."""
    return _path(f"{key}.safetensors")


@lru_cache(maxsize=64)
def card(key: str) -> ModelCard | None:
    """The card of the model `key`; None where no weights of it come with the program. Raises WeightsError."""
    path = _path(f"{key}.json")
    return None if path is None else load_card(path)


def embedded_weights(key: str, scores: Mapping[str, str] = MappingProxyType({})) -> tuple[Weights, ...]:
    """What a `ModelSpec` states of the weights that come with the program; empty where there are none.

    `scores` names the card's figures (0..1) that are told in percent, and how: on data of its own, a figure is to
    have another name than what is measured on everybody's.

    A damaged card does not keep the program from starting: it is told when the model is loaded.
    """
    try:
        found = card(key)
    except WeightsError:
        return ()
    if found is None:
        return ()
    return (
        Weights(
            key="embedded",
            file_name=f"{key}.safetensors",
            url="",
            sha256=found.sha256,
            size_bytes=found.size_bytes,
            licence=found.licence,
            trained_on=", ".join(source.name for source in found.sources),
            metrics="; ".join(f"{metric.name} {metric.value} ({metric.split})" for metric in found.metrics),
            labels=found.labels,
            scores={
                name: round(100 * found.figures[figure], 1)
                for name, figure in scores.items()
                if figure in found.figures
            },
        ),
    )


def embedded_defaults(key: str, *names: str) -> Mapping[str, Any]:
    """Values of parameters that were measured with the weights, of those in `names` that the card has."""
    try:
        found = card(key)
    except WeightsError:
        return {}
    return {} if found is None else {name: found.settings[name] for name in names if name in found.settings}


def require_embedded(key: str, given: Path | None) -> Path:
    """The checkpoint to load: the `given` file or folder, or the one that comes with the program, verified.

    Raises
    ------
    WeightsError
        It is missing, or its content is not what its card says.
    """
    from cvstudio.weights.store import file_sha256

    if given is not None:
        if not given.exists():
            raise WeightsError(f"Expected a checkpoint at {given}, but there is no such file; choose another one.")
        return given
    path, known = embedded_path(key), card(key)
    if path is None or known is None:
        raise WeightsError(
            f"Expected the weights of '{key}' in the installation, but they are not there; install cvstudio again or "
            f"choose a local file."
        )
    if file_sha256(path) != known.sha256:
        raise WeightsError(
            f"Expected {path.name} as its card describes it, but its content was changed; install cvstudio again or "
            f"choose the file as a local one."
        )
    return path
