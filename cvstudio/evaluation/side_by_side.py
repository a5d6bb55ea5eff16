"""Several models on one labelled set, so that their figures can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from cvstudio.data.labels import LabelledSet
from cvstudio.evaluation.evaluate import EvaluationPlan, measure
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.progress import PartProgress, Progress


def measure_side_by_side(
    plans: Sequence[EvaluationPlan],
    labelled: LabelledSet,
    progress: Progress | None = None,
    *,
    notice: Callable[[str], None] | None = None,
    store_folder: Path | None = None,
) -> tuple[Evaluation, ...]:
    """Measure models one after the other; several on the classes that all of them know, unless the plans name classes
    or take every one.

    Parameters
    ----------
    notice, store_folder : see `measure`

    Raises
    ------
    UserError
        A model or the set cannot be used, or the models have no class in common.
    """
    progress = progress or Progress()
    evaluations = []
    for number, plan in enumerate(plans):
        part = PartProgress(progress, (number / len(plans), (number + 1) / len(plans)))
        evaluations.append(measure(plan, labelled, part, notice=notice, store_folder=store_folder))
    shared = [index for index in evaluations[0].measured if all(index in item.measured for item in evaluations)]
    if any(plan.classes or plan.every_class for plan in plans) or all(
        len(item.measured) == len(shared) for item in evaluations
    ):
        return tuple(evaluations)
    if not shared:
        raise BindingError("The models have no class of the set in common; measure them one by one.")
    names = tuple(evaluations[0].category_names[index] for index in shared)
    if notice is not None:
        notice(f"Measured are the {len(names)} classes that {'both' if len(plans) == 2 else 'all'} models know.")
    # From the predictions that are kept now.
    return tuple(
        measure(
            dataclasses.replace(plan, classes=names), labelled, PartProgress(progress, None), store_folder=store_folder
        )
        for plan in plans
    )
