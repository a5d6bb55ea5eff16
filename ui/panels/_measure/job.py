"""The job of the measure panel: what is measured, and its work on a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.analyses.binding import AnnotationSet, open_annotations
from cvstudio.foundation.progress import PartProgress, Progress

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluate import EvaluationPlan
    from cvstudio.evaluation.evaluation import Evaluation


@dataclass(frozen=True, eq=False)
class Measured:
    """What a job gives: the labelled set, and the evaluation of each model on it, by its plan."""

    annotations: AnnotationSet
    plans: tuple[EvaluationPlan, ...]
    evaluations: tuple[Evaluation, ...]


def path_of(source: AnnotationSet | Path | None) -> Path | None:
    """The file or folder of a labelled set; None where it has none."""
    return source.path if isinstance(source, AnnotationSet) else source


def measure_models(
    source: AnnotationSet | Path, plans: tuple[EvaluationPlan, ...], iou: float
) -> Callable[[Progress], Iterator[Measured]]:
    """Work that measures models one after the other, on the classes that all of them know."""

    def work(progress: Progress) -> Iterator[Measured]:
        import dataclasses

        from cvstudio.evaluation.evaluate import measure

        progress(None, "reading the labels")
        annotations = open_annotations(source) if isinstance(source, Path) else source
        labelled = annotations.read()
        evaluations = []
        for number, plan in enumerate(plans):
            part = PartProgress(progress, (number / len(plans), (number + 1) / len(plans)))
            evaluations.append(measure(plan, labelled, part))
        shared = set(evaluations[0].measured).intersection(*(item.measured for item in evaluations))
        if shared and any(len(item.measured) > len(shared) for item in evaluations):
            names = tuple(evaluations[0].category_names[index] for index in sorted(shared))
            # From the predictions that are kept now.
            evaluations = [
                measure(dataclasses.replace(plan, classes=names), labelled, PartProgress(progress, None))
                for plan in plans
            ]
        progress(1.0, "matching objects")
        for item in evaluations:
            for objects in item.objects.values():
                objects.prepare(iou)
        yield Measured(annotations, plans, tuple(evaluations))

    return work


def prepare_overlap(measured: Measured, iou: float) -> Callable[[Progress], Iterator[float]]:
    """Work that matches all objects at another overlap."""

    def work(progress: Progress) -> Iterator[float]:
        for item in measured.evaluations:
            for objects in item.objects.values():
                progress.check()
                objects.prepare(iou)
        yield iou

    return work
