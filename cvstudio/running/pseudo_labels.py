"""Predictions on many pictures accepted as labels, as from the labels panel picture by picture."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.label_editing import new_name
from cvstudio.data.labels import Category, LabelledSet, PictureLabels, no_labels
from cvstudio.foundation.errors import BindingError, MediaError, UserError
from cvstudio.foundation.progress import PartProgress, Progress
from cvstudio.media import MediaKind, open_media
from cvstudio.results.accepted_labels import accept
from cvstudio.results.detections import Detections
from cvstudio.running.accepted_parts import AcceptedPart, AcceptedParts
from cvstudio.running.runner import Runner


@dataclass(frozen=True, eq=False)
class AcceptedSet:
    """Labels of many pictures with the predictions that were accepted.

    Parameters
    ----------
    labelled : the set, with the new labels and pictures
    pictures : number of pictures that were looked at
    added : number of new labels
    known : number of predictions that were labelled already
    failed : file and reason of each that could not be used
    """

    labelled: LabelledSet
    pictures: int
    added: int
    known: int
    failed: tuple[tuple[Path, str], ...]


def empty_set(classes: Sequence[str] = ()) -> LabelledSet:
    """A labelled set without pictures, of these classes."""
    return LabelledSet(None, "", tuple(Category(name) for name in classes), (), {}, no_labels)


def accept_predictions(
    instance: AnalysisInstance,
    files: Sequence[Path],
    labelled: LabelledSet,
    score: float,
    runner: Runner,
    progress: Progress | None = None,
    *,
    parts: AcceptedParts | None = None,
) -> AcceptedSet:
    """Take what an analysis finds on pictures over as labels, beside those that the set has (see `accept`).

    A picture on which nothing is found belongs to the set, too: without an object. One that cannot be read is left out.

    Parameters
    ----------
    instance : an analysis that finds boxes, whatever is in its main slot
    files : pictures
    labelled : the set that the labels are added to, such as `empty_set`
    score : the lowest score that is accepted, 0..1
    parts : what a run of the same key accepted before it was stopped, which is not looked at again; this run keeps
        there what it accepts

    Raises
    ------
    BindingError
        The analysis finds no boxes.
    UserError
        The analysis cannot run at all, such as without its weights.
    Cancelled
        Through `progress`.
    """
    if not issubclass(instance.spec.result, Detections):
        raise BindingError(f"{instance.spec.title} finds no boxes that could become labels; choose a detector.")
    progress, template = progress or Progress(), instance.on(None)
    model = template.model_spec
    if model is not None:
        runner.host.network(model, template.weights, progress)  # what is missing is missing for all
    edits: dict[str, PictureLabels] = {}
    pictures: dict[str, Path] = {}
    categories: tuple[Category, ...] = labelled.categories
    failed: list[tuple[Path, str]] = []
    added = known = 0
    taken = {*labelled.names, *labelled.pictures}
    for number, file in enumerate(files):
        progress(number / len(files), file.name)
        try:
            media = open_media(file)
            if media.kind is not MediaKind.IMAGE:
                raise MediaError(f"{media.name} is no picture; name pictures only.")
            name = labelled.name_of(media.path)
            before = edits.get(name) or labelled.labels(name) if name is not None else PictureLabels()
            part = parts.take(file, before, len(categories)) if parts is not None else None
            # The file of the set may have other names now.
            if part is not None and (part.name not in taken if name is None else part.name == name):
                if part.new:
                    taken.add(part.name)
                    pictures[part.name] = media.path
                edits[part.name], categories = part.labels, (*categories, *part.categories)
                added, known = added + part.added, known + part.known
                continue
            result = runner.result(template.on(media), PartProgress(progress, None))
        except UserError as error:
            failed.append((file, str(error)))
            continue
        assert isinstance(result, Detections)
        accepted = accept(before, categories, result, score)
        is_new = name is None
        if name is None:
            name = new_name(taken, media.path)
            taken.add(name)
            pictures[name] = media.path
        n_classes = len(categories)
        new_categories = accepted.categories[n_classes:]
        edits[name], categories = accepted.labels, accepted.categories
        if parts is not None:
            part = AcceptedPart(name, is_new, accepted.labels, new_categories, accepted.added, accepted.known)
            parts.put(file, before, n_classes, part)
        added, known = added + accepted.added, known + accepted.known
        runner.cache.clear()
    grown = dataclasses.replace(labelled.with_edits(edits, pictures=pictures), categories=categories)
    return AcceptedSet(grown, len(edits), added, known, tuple(failed))


def pictures_of(labelled: LabelledSet) -> list[Path]:
    """The files of the pictures of a set that are there, in its order."""
    files = (labelled.pictures.get(name) for name in labelled.names)
    return [file for file in files if file is not None and os.path.isfile(file)]
