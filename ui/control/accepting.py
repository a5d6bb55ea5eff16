"""Predictions accepted as labels on all pictures of a set: a job with progress, and one undo step."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.class_numbers import renumbered
from cvstudio.data.labels import Category, LabelledSet
from cvstudio.foundation.progress import Progress
from cvstudio.session.label_edits import with_annotations, with_labels_on_top
from cvstudio.session.session import State
from ui.base.translate import counted, translated

if TYPE_CHECKING:
    from cvstudio.running.pseudo_labels import AcceptedSet
    from ui.control.pipeline import Pipeline

JOB = ("accept",)


@dataclass(frozen=True, eq=False)
class AcceptedOnAll:
    """What a job has accepted.

    Parameters
    ----------
    annotations : the set as it was when the job began
    base : its labels
    accepted : with the new labels
    forget : removes what the job keeps on disk, for when the labels are where they belong: until then it goes on there
    """

    annotations: AnnotationSet
    base: LabelledSet
    accepted: AcceptedSet
    forget: Callable[[], None]


def accept_on_all(
    annotations: AnnotationSet,
    labelled: LabelledSet,
    files: Sequence[Path],
    instance: AnalysisInstance,
    score: float,
    pipeline: Pipeline,
) -> Callable[[Progress], Iterator[Any]]:
    """Work that accepts what `instance` finds on `files` above a score; yields one `AcceptedOnAll`.

    One that is cancelled keeps what it has, and the same work goes on there.
    """
    host = pipeline.host
    device, precision, precisions = host.requested_device, host.precision, host.precisions

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.running.accepted_parts import AcceptedParts, accepted_key
        from cvstudio.running.pseudo_labels import accept_predictions
        from cvstudio.running.runner import Runner

        parts = AcceptedParts(accepted_key(instance, labelled, score))
        # Its own networks and cache: the window's belong to the accelerator thread, and to what is on screen.
        with Runner(device=device, precision=precision, precisions=precisions) as runner:
            accepted = accept_predictions(instance, files, labelled, score, runner, progress, parts=parts)
        yield AcceptedOnAll(annotations, labelled, accepted, parts.remove)

    return work


@dataclass(frozen=True, eq=False)
class Merged:
    """A labelled set with what was accepted.

    Parameters
    ----------
    annotations : the set
    pictures : number of pictures with new labels
    skipped : number of those that were edited meanwhile, and stay as they are
    """

    annotations: AnnotationSet
    pictures: int
    skipped: int


def with_accepted(now: AnnotationSet, labelled: LabelledSet, done: AcceptedOnAll) -> Merged:
    """The set as it is `now`, read as `labelled`, with what was accepted; what was edited since the job began stays."""
    now = now.based_on(labelled)
    categories = list(labelled.categories)
    names = [item.name for item in categories]
    added: list[Category] = []
    numbers: dict[int, int] = {}
    for number, category in enumerate(done.accepted.labelled.categories):
        if category.name in names:
            numbers[number] = names.index(category.name)
        else:
            numbers[number] = len(names)
            names.append(category.name)
            added.append(category)
    edits, skipped, pictures = dict(now.edits), 0, dict(now.pictures)
    n_new = 0
    for name, labels in done.accepted.labelled.edited.items():
        before = done.base.edited.get(name)
        if labels == before or (before is None and not labels.annotations):
            continue
        if now.edits.get(name) != before:
            skipped += 1
            continue
        edits[name] = renumbered(labels, numbers)
        n_new += 1
        if name not in labelled.pictures:
            pictures[name] = done.accepted.labelled.pictures[name]
    merged = dataclasses.replace(now, edits=edits, categories=(*now.categories, *added), pictures=pictures)
    return Merged(merged, n_new, skipped)


def state_with_accepted(
    state: State, now: AnnotationSet, labelled: LabelledSet, done: AcceptedOnAll
) -> tuple[State, Merged]:
    """State with `with_accepted`, its layers above the predictions that the labels were."""
    merged = with_accepted(now, labelled, done)
    if not merged.pictures:
        return state, merged
    return with_labels_on_top(with_annotations(state, now, merged.annotations), merged.annotations), merged


def stopped_text(tr: Callable[[str], str]) -> str:
    """That a job which was stopped can go on, as a translated sentence."""
    return tr("Stopped; what was found so far is kept. Accept on all pictures again to continue.")


def outcome_text(merged: Merged, accepted: AcceptedSet, tr: Callable[[str], str]) -> str:
    """What was accepted, what was edited meanwhile and what could not be read, in translated sentences."""
    text = counted(
        accepted.added,
        tr("{count} label was accepted on {pictures} of {all} pictures."),
        tr("{count} labels were accepted on {pictures} of {all} pictures."),
        pictures=f"{merged.pictures:,}",
        all=f"{accepted.pictures:,}",
    )
    if merged.skipped:
        text += " " + counted(
            merged.skipped,
            tr("{count} picture that was edited meanwhile stays as it is."),
            tr("{count} pictures that were edited meanwhile stay as they are."),
        )
    if accepted.failed:
        file, reason = accepted.failed[0]
        text += " " + tr("{count} could not be read; the first: {name}: {reason}").format(
            count=f"{len(accepted.failed):,}", name=file.name, reason=translated(reason)
        )
    return text
