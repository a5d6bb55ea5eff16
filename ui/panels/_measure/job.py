"""The job of the measure panel: what is measured, and its work on a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.analyses.binding import AnnotationSet, open_annotations
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluate import EvaluationPlan
    from cvstudio.evaluation.evaluation import Evaluation


@dataclass(frozen=True, eq=False)
class Measured:
    """What a job gives: the labelled set, and the plan and the evaluation of each model on it."""

    annotations: AnnotationSet
    plans: tuple[EvaluationPlan, ...]
    evaluations: tuple[Evaluation, ...]


def path_of(source: AnnotationSet | Path | None) -> Path | None:
    """The file or folder of a labelled set; None where it has none."""
    return source.path if isinstance(source, AnnotationSet) else source


def measure_models(
    source: AnnotationSet | Path, plans: tuple[EvaluationPlan, ...], iou: float, notice: Callable[[str], None]
) -> Callable[[Progress], Iterator[Measured]]:
    """Work that measures models as `cvstudio evaluate` does; what it has to say goes to `notice`."""

    def work(progress: Progress) -> Iterator[Measured]:
        from cvstudio.evaluation.side_by_side import measure_side_by_side

        progress(None, "reading the labels")
        annotations = open_annotations(source) if isinstance(source, Path) else source
        evaluations = measure_side_by_side(plans, annotations.read(), progress, notice=notice)
        progress(1.0, "matching objects")
        for item in evaluations:
            for objects in item.objects.values():
                objects.prepare(iou)
        yield Measured(annotations, plans, evaluations)

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
