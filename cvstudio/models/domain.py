"""What a model is for, in a few words, and the published model that serves where it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cvstudio.models.spec import ModelSpec
from cvstudio.models.tasks import TASKS
from cvstudio.models.terms import Place, terms


def domain(model: ModelSpec) -> str:
    """Domain of a model: "35 classes", or the one kind that it knows; empty where it is not declared."""
    if len(model.labels) == 1:
        return model.labels[0]
    task = TASKS.get(model.task)
    return task.domain.format(count=len(model.labels)) if model.labels and task is not None else ""


def better_model(model: ModelSpec, among: Iterable[ModelSpec]) -> ModelSpec | None:
    """The first of `ModelSpec.better` that can be used at once, or else be downloaded; None where there is none.

    Parameters
    ----------
    among : the models that can be chosen
    """
    models = {item.key: item for item in among}
    better = [models[key] for key in model.better if key in models]
    ready = (item for item in better if terms(item).place.ready)
    absent = (item for item in better if terms(item).place is Place.ABSENT)
    return next(ready, None) or next(absent, None)


def superseded(model: ModelSpec, places: Mapping[str, Place]) -> bool:
    """Whether one of `ModelSpec.better` can be used at once: such a model stands behind the others in lists.

    Parameters
    ----------
    places : of the weights of the listed models, by key
    """
    return any(key in places and places[key].ready for key in model.better)


def better_text(model: ModelSpec) -> str:
    """One line that says what a better model knows, its size where it is to be downloaded, and its licence, such as
    "YOLOX-S, 80 classes, 72.1 MB, Apache-2.0"."""
    there = terms(model)
    size = f"{there.size_bytes / 1e6:.1f} MB" if there.size_bytes and not there.place.ready else ""
    # What stands behind the semicolon concerns the data, and is on the card.
    return ", ".join(part for part in (model.title, domain(model), size, there.licence.partition(";")[0]) if part)
