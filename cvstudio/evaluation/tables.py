"""The figures of evaluations as tables, for the terminal, the window, CSV and JSON; models stand side by side."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cvstudio.evaluation.comparers import FORM_TITLES
from cvstudio.evaluation.confusion import ConfusionMatrix
from cvstudio.evaluation.error_kinds import MEANINGS, TITLES, ErrorKind
from cvstudio.evaluation.evaluation import TOP, Evaluation
from cvstudio.results.tables import Column, Table


def at_score(evaluations: Sequence[Evaluation], score: float | None) -> tuple[Evaluation, ...]:
    """The evaluations with another score threshold; as they are for None."""
    return tuple(item if score is None else dataclasses.replace(item, score=score) for item in evaluations)


def at_scores(evaluations: Sequence[Evaluation], scores: Sequence[float]) -> tuple[Evaluation, ...]:
    """The evaluations with another score threshold each."""
    return tuple(dataclasses.replace(item, score=score) for item, score in zip(evaluations, scores, strict=True))


def of_classes(evaluation: Evaluation) -> dict[str, dict[str, float]]:
    """Figures of each measured class by the name of the class; classes that nothing is known of are left out."""
    rows: dict[str, dict[str, float]] = {}
    panoptic = evaluation.panoptic
    for kind in evaluation.measured:
        figures: dict[str, float] = {}
        for form, objects in evaluation.objects.items():
            if objects.class_counts[kind]:
                measured = objects.average_precision
                title = FORM_TITLES[form]
                point = objects.curve(0.5, kind).at(evaluation.score)
                figures |= {
                    f"{title}": float(objects.class_counts[kind]),
                    f"{title} AP": measured.ap(classes=[kind]),
                    f"{title} AP50": measured.ap(iou=0.5, classes=[kind]),
                    f"{title} AP75": measured.ap(iou=0.75, classes=[kind]),
                    f"{title} precision": point.precision,
                    f"{title} recall": point.recall,
                }
        semantic, scores = evaluation.semantic, evaluation.classification
        if semantic is not None and not math.isnan(semantic.iou[kind]):
            figures |= {"IoU": float(semantic.iou[kind]), "Accuracy": float(semantic.class_accuracy()[kind])}
        quality = panoptic.of_class(kind) if panoptic is not None else None
        if quality is not None:
            figures |= dict(zip(("PQ", "SQ", "RQ"), quality, strict=True))
        if scores is not None and (count := int((scores.true == kind).sum())):
            figures |= {"Pictures": float(count), **{f"Top-{k}": scores.top(k, [kind]) for k in TOP}}
        if figures:
            rows[evaluation.category_names[kind]] = figures
    return rows


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def figures_table(evaluations: Sequence[Evaluation]) -> Table:
    """One row for each figure, one column for each model."""
    figures = [item.summary() for item in evaluations]
    names = list(dict.fromkeys(name for side in figures for name in side))
    columns = [Column("figure", "Figure", kind="text"), *_model_columns(evaluations)]
    rows = [[name, *(_number(side.get(name)) for side in figures)] for name in names]
    return Table("cvstudio-evaluation", "figures", tuple(columns), rows)


def _model_columns(evaluations: Sequence[Evaluation]) -> list[Column]:
    keys, titles = (_distinct([getattr(item, name) for item in evaluations]) for name in ("model", "title"))
    return [Column(key, title, kind="fraction", csv=(key,)) for key, title in zip(keys, titles, strict=True)]


def _distinct(keys: Sequence[str]) -> list[str]:
    return [key if keys.count(key) == 1 else f"{key} {number}" for number, key in enumerate(keys, 1)]


def class_table(evaluations: Sequence[Evaluation]) -> Table:
    """One row for each class, columns by figure and model."""
    sides = [of_classes(item) for item in evaluations]
    classes = [name for name in evaluations[0].category_names if any(name in side for side in sides)]
    names = list(dict.fromkeys(name for side in sides for figures in side.values() for name in figures))
    keys = _distinct([item.model for item in evaluations])
    models = dict(zip(keys, _distinct([item.title for item in evaluations]), strict=True))
    columns = [Column("class", "Class", kind="label", among=evaluations[0].category_names)]
    for name in names:
        whole = name in FORM_TITLES.values() or name == "Pictures"
        for key in keys if not whole else keys[:1]:
            alone = whole or len(keys) == 1
            column, title = (name, name) if alone else (f"{name}, {key}", f"{name}, {models[key]}")
            columns.append(Column(column, title, kind="number" if whole else "fraction"))
    rows: list[list[Any]] = []
    for category in classes:
        row: list[Any] = [category]
        for name in names:
            whole = name in FORM_TITLES.values() or name == "Pictures"
            values = [side.get(category, {}).get(name) for side in sides]
            if whole:
                row.append(next((int(value) for value in values if value is not None), None))
            else:
                row += map(_number, values)
        rows.append(row)
    return Table("cvstudio-evaluation-classes", "classes", tuple(columns), rows)


def error_table(evaluation: Evaluation, form: str, iou: float, score: float) -> Table:
    """One row for each kind of error: number of errors at the score, and the gain in AP if there were none."""
    objects = evaluation.objects[form]
    counts, costs = objects.errors(iou).counts(score), objects.costs(iou)
    columns = (
        Column("kind", "Kind", kind="text"),
        Column("count", "Errors"),
        Column("cost", "AP lost", "%", kind="fraction"),
        Column("meaning", "Meaning", kind="text"),
    )
    rows = [(TITLES[kind], counts[kind], costs[kind], MEANINGS[kind]) for kind in ErrorKind]
    return Table("cvstudio-evaluation-errors", "errors", columns, rows)


def confusion_of(evaluation: Evaluation, form: str, iou: float, score: float) -> ConfusionMatrix | None:
    """The confusion matrix of objects, pixels or pictures; None where there is none."""
    if form in evaluation.objects:
        return evaluation.objects[form].confusion(iou, score)
    scores = evaluation.semantic if evaluation.semantic is not None else evaluation.classification
    return scores.confusion(evaluation.category_names) if scores is not None else None


def last_class(evaluation: Evaluation, form: str) -> str:
    """What the last row and column of the confusion matrix stand for."""
    return "background" if form in evaluation.objects else "other"


def counted(evaluation: Evaluation, form: str) -> str:
    """What the confusion matrix counts."""
    if form in evaluation.objects:
        return "Objects"
    return "Pixels" if evaluation.semantic is not None else "Pictures"


def confusion_table(evaluation: Evaluation, form: str, iou: float, score: float) -> Table | None:
    """One row for each pair of true and predicted class that occurs, the most frequent first; "background" stands for
    nothing. None where there is no matrix."""
    matrix = confusion_of(evaluation, form, iou, score)
    if matrix is None:
        return None
    names = (*matrix.names, last_class(evaluation, form))
    places = np.argwhere(matrix.counts > 0)
    places = places[np.argsort(-matrix.counts[places[:, 0], places[:, 1]], kind="stable")]
    columns = (
        Column("true", "True class", kind="label", among=names),
        Column("predicted", "Predicted class", kind="label", among=names),
        Column("count", counted(evaluation, form)),
    )
    rows = [(names[row], names[column], int(matrix.counts[row, column])) for row, column in places.tolist()]
    return Table("cvstudio-evaluation-confusion", "confusion", columns, rows)


def cell_table(evaluation: Evaluation, form: str, iou: float, score: float, true: int, predicted: int) -> Table | None:
    """One row for each picture of a cell of the confusion matrix, those with the most first; None where pictures are
    not known, as of pixels.

    Parameters
    ----------
    true, predicted : indices of the classes, -1 for the last row or column
    """
    if form in evaluation.objects:
        counts = evaluation.objects[form].in_cell(iou, score, true, predicted)
    elif evaluation.semantic is None and evaluation.classification is not None:
        counts = evaluation.classification.in_cell(true, predicted)
    else:
        return None
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]
    columns = (Column("picture", "Picture", kind="text"), Column("count", counted(evaluation, form)))
    rows = [(evaluation.names[row], int(counts[row])) for row in order.tolist()]
    return Table("cvstudio-evaluation-cell", "cell", columns, rows, ids=order.tolist())


def worst_table(evaluation: Evaluation, form: str, iou: float, score: float) -> Table:
    """One row for each picture with an error, the worst first: `PictureCounts.worst_first` for objects, else the
    smallest part of right pixels, the smallest quality, or the least probable true class."""
    names = evaluation.names
    if form in evaluation.objects:
        counts = evaluation.objects[form].counts(iou, score)
        columns = [Column("picture", "Picture", kind="text")]
        columns += [Column(key, key.capitalize()) for key in ("wrong", "missed", "right")]
        order = counts.worst_first().tolist()
        rows = [(names[row], int(counts.wrong[row]), int(counts.missed[row]), int(counts.right[row])) for row in order]
        return Table("cvstudio-evaluation-worst", "worst", tuple(columns), rows, ids=order)
    if evaluation.semantic is not None:
        order = evaluation.semantic.worst_first().tolist()
        column = Column("accuracy", "Pixel accuracy", kind="fraction")
        rows_of: list[tuple[Any, ...]] = [(names[row], float(evaluation.semantic.accuracies[row])) for row in order]
        return _worst((column,), rows_of, order)
    scores = evaluation.classification
    if scores is None:
        return _worst((), [], [])
    order = scores.worst_first().tolist()
    answers = (*evaluation.category_names, "other")
    columns = [
        Column("true", "True class", kind="label", among=answers),
        Column("answer", "Answer", kind="label", among=answers),
        Column("probability", "Probability of the true class", kind="fraction"),
    ]
    rows_of = [
        (names[row], answers[scores.true[row]], answers[scores.answers[row]], float(scores.probabilities[row]))
        for row in order
    ]
    return _worst(tuple(columns), rows_of, order)


def _worst(columns: tuple[Column, ...], rows: Sequence[Sequence[Any]], order: Sequence[int]) -> Table:
    picture = Column("picture", "Picture", kind="text")
    return Table("cvstudio-evaluation-worst", "worst", (picture, *columns), rows, ids=order)


def left_out_table(evaluation: Evaluation) -> Table:
    """One row for each picture that was not measured, and why."""
    columns = (
        Column("picture", "Picture", kind="text"),
        Column("reason", "Reason", kind="text"),
        Column("count", "Pictures"),
    )
    rows = [(item.where, item.reason, item.count) for item in evaluation.left_out]
    return Table("cvstudio-evaluation-left-out", "left_out", columns, rows)


def tables(evaluations: Sequence[Evaluation], *, iou: float = 0.5, score: float | None = None) -> Mapping[str, Table]:
    """All tables by the name of their file: figures, classes, and of each model errors, confusion, worst pictures and
    what was left out.

    Parameters
    ----------
    score : None takes that of each evaluation
    """
    evaluations = at_score(evaluations, score)
    found = {"figures": figures_table(evaluations), "classes": class_table(evaluations)}
    keys = _distinct([item.model for item in evaluations])
    for key, item in zip(keys, evaluations, strict=True):
        ending = f"-{key}" if len(evaluations) > 1 else ""
        for form in item.objects or ("",):
            middle = f"-{form}" if len(item.objects) > 1 else ""
            if form:
                found[f"errors{middle}{ending}"] = error_table(item, form, iou, item.score)
            confusion = confusion_table(item, form, iou, item.score)
            if confusion is not None:
                found[f"confusion{middle}{ending}"] = confusion
            found[f"worst{middle}{ending}"] = worst_table(item, form, iou, item.score)
        if item.left_out:
            found[f"left-out{ending}"] = left_out_table(item)
    return found
