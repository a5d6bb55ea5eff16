"""Embedded weights: those that come with the program, and their model cards."""

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
    """A data set that a model was trained on: its name, licence, and use."""

    name: str
    licence: str
    use: str


@dataclass(frozen=True)
class Metric:
    """A figure for people: name of the metric, value with its unit, and the split of the data set."""

    name: str
    value: str
    split: str


@dataclass(frozen=True)
class ModelCard:
    """Model card of an embedded weights file.

    Parameters
    ----------
    model : key of its `ModelSpec`
    title, recipe, licence : `recipe` is a key of `cvstudio.training.RECIPES`
    non_commercial : whether the licence of the data forbids commercial use
    sources, date, seed, hours, device, epochs : of the training; the date is ISO 8601
    parameters : number of parameters of the network
    sha256, size_bytes : of the weights file
    labels : names of the classes by index
    metrics : figures for people
    figures : the same for programs, by name, as the recipe's `evaluate` returns them
    command : shell command that measures them again
    not_for : limitations of the model, one sentence each
    settings : parameters that were measured with the weights, such as temperature and threshold
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
    """Read the card in the JSON file `path`.

    Raises
    ------
    WeightsError
        The file cannot be read, or is no model card.
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


def _resource_path(name: str) -> Path | None:
    try:
        return resource(FOLDER, name)
    except FileNotFoundError:
        return None


def embedded_path(key: str) -> Path | None:
    """Path of the embedded weights of the model `key`; None where it has none."""
    return _resource_path(f"{key}.safetensors")


@lru_cache(maxsize=64)
def card(key: str) -> ModelCard | None:
    """The card of the embedded weights of the model `key`; None where it has none. Raises WeightsError."""
    path = _resource_path(f"{key}.json")
    return None if path is None else load_card(path)


def embedded_weights(key: str, scores: Mapping[str, str] = MappingProxyType({})) -> tuple[Weights, ...]:
    """Declaration of the embedded weights of the model `key` for its `ModelSpec`; empty where there are none.

    A damaged card does not keep the program from starting: loading the model reports it.

    Parameters
    ----------
    scores : name of a score -> name of the card's figure (0..1), which is published in percent. A figure on a private
        split must not have the name of one on a public benchmark
    """
    try:
        model_card = card(key)
    except WeightsError:
        return ()
    if model_card is None:
        return ()
    return (
        Weights(
            key="embedded",
            file_name=f"{key}.safetensors",
            url="",
            sha256=model_card.sha256,
            size_bytes=model_card.size_bytes,
            licence=model_card.licence,
            trained_on=", ".join(source.name for source in model_card.sources),
            metrics="; ".join(f"{metric.name} {metric.value} ({metric.split})" for metric in model_card.metrics),
            labels=model_card.labels,
            scores=embedded_scores(key, scores),
        ),
    )


def embedded_scores(key: str, names: Mapping[str, str]) -> dict[str, float]:
    """Figures on the card of the model `key` in percent; `names` as `scores` of `embedded_weights`."""
    try:
        model_card = card(key)
    except WeightsError:
        return {}
    figures = {} if model_card is None else model_card.figures
    return {name: round(100 * figures[figure], 1) for name, figure in names.items() if figure in figures}


def embedded_defaults(key: str, *names: str) -> Mapping[str, Any]:
    """Settings on the card of the model `key`, of those in `names`: defaults measured with the weights."""
    try:
        model_card = card(key)
    except WeightsError:
        return {}
    return (
        {} if model_card is None else {name: model_card.settings[name] for name in names if name in model_card.settings}
    )


def settings_of(key: str, given: Mapping[str, Any] | None, **defaults: Any) -> Mapping[str, Any]:
    """The settings `given`, or else those on the card of the model `key`; `defaults` where it has no card."""
    if given is not None:
        return given
    model_card = card(key)
    return defaults if model_card is None else model_card.settings


def require_embedded(key: str, given: Path | None) -> Path:
    """The checkpoint to load: the `given` file or folder, or the one that comes with the program, verified.

    Raises
    ------
    WeightsError
        The file is missing, or its hash differs from its card's.
    """
    from cvstudio.weights.store import file_sha256

    if given is not None:
        if not given.exists():
            raise WeightsError(f"Expected a checkpoint at {given}, but there is no such file; choose another one.")
        return given
    path, model_card = embedded_path(key), card(key)
    if path is None or model_card is None:
        raise WeightsError(
            f"Expected the weights of '{key}' in the installation, but they are not there; install cvstudio again or "
            f"choose a local file."
        )
    if file_sha256(path) != model_card.sha256:
        raise WeightsError(
            f"Expected {path.name} as its card describes it, but its content was changed; install cvstudio again or "
            f"choose the file as a local one."
        )
    return path
