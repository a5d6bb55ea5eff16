"""Plots of evaluations as PNG: precision/recall curves, confusion matrix, kinds of errors, reliability diagram."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.draw.text import FACE
from cvstudio.evaluation.comparers import FORM_TITLES
from cvstudio.evaluation.confusion import ConfusionMatrix
from cvstudio.evaluation.error_kinds import TITLES
from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.evaluation.tables import confusion_of, last_class
from cvstudio.foundation.paths import resource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 120
MOST_CLASSES = 40
"""Rows of a confusion matrix at most: the classes with the most errors; more could not be read."""
COLOURS = ("#0072b2", "#d55e00")
"""Of the first and the second model; apart for colour-blind eyes, too (Okabe and Ito, 2008)."""

Draw = Callable[["Figure"], None]


def plots(evaluations: Sequence[Evaluation], *, iou: float = 0.5, score: float | None = None) -> Mapping[str, Draw]:
    """All plots by the name of their file: callables that draw into a matplotlib figure."""
    found: dict[str, Draw] = {}
    forms = list(dict.fromkeys(form for item in evaluations for form in item.objects))
    for form in forms:
        sides = [item for item in evaluations if form in item.objects]
        ending = f"-{form}" if len(forms) > 1 else ""
        found[f"precision-recall{ending}"] = partial(_curves, evaluations=sides, form=form, iou=iou, score=score)
        found[f"errors{ending}"] = partial(_errors, evaluations=sides, form=form, iou=iou, score=score)
    classified = [item for item in evaluations if item.classification is not None]
    if classified:
        found["reliability"] = partial(_reliability, evaluations=classified)
    for number, item in enumerate(evaluations, 1):
        ending = f"-{number}" if len(evaluations) > 1 else ""
        for form in item.objects or ("",):
            middle = f"-{form}" if len(item.objects) > 1 else ""
            matrix = confusion_of(item, form, iou, item.score if score is None else score)
            if matrix is not None:
                last = last_class(item, form)
                found[f"confusion{middle}{ending}"] = partial(_confusion, matrix=matrix, title=item.title, last=last)
    return found


def write_plot(path: Path, draw: Draw) -> None:
    """Write one of `plots` as PNG, 960 x 720 pixels. Raises OSError."""
    # No pyplot: it keeps its figures, and asks for a window.
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"font.family": [_face(), "sans-serif"]}):
        figure = Figure(figsize=(8, 6), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        figure.savefig(path, format="png")


@functools.cache
def _face() -> str:
    """Name of the program's own face, which has Latin and Korean."""
    from matplotlib.font_manager import FontProperties, fontManager

    path = str(resource("fonts", FACE))
    fontManager.addfont(path)
    return FontProperties(fname=path).get_name()


def _curves(figure: Figure, evaluations: Sequence[Evaluation], form: str, iou: float, score: float | None) -> None:
    axes = figure.subplots()
    for item, colour in zip(evaluations, COLOURS * len(evaluations), strict=False):
        curve = item.objects[form].curve(iou)
        axes.plot(curve.recall, curve.precision, color=colour, label=item.title)
        point = curve.at(item.score if score is None else score)
        axes.plot([point.recall], [point.precision], "o", color=colour)
        axes.annotate(f"score {point.score:.2f}", (point.recall, point.precision), (6, 6), textcoords="offset points")
    axes.set(
        xlabel="Recall", ylabel="Precision", xlim=(0, 1), ylim=(0, 1.02), title=f"{FORM_TITLES[form]}, IoU {iou:.2f}"
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")


def _errors(figure: Figure, evaluations: Sequence[Evaluation], form: str, iou: float, score: float | None) -> None:
    left, right = figure.subplots(1, 2)
    width = 0.8 / len(evaluations)
    for number, (item, colour) in enumerate(zip(evaluations, COLOURS * len(evaluations), strict=False)):
        objects = item.objects[form]
        places = np.arange(len(TITLES)) + (number - (len(evaluations) - 1) / 2) * width
        counts, costs = objects.errors(iou).counts(item.score if score is None else score), objects.costs(iou)
        left.barh(places, [counts[kind] for kind in TITLES], width, color=colour, label=item.title)
        right.barh(places, [costs[kind] for kind in TITLES], width, color=colour)
    left.set(xlabel="Errors", title=f"{FORM_TITLES[form]}, IoU {iou:.2f}")
    right.set(xlabel="AP lost")
    left.set_yticks(range(len(TITLES)), list(TITLES.values()))
    right.set_yticks([])
    for axes in (left, right):
        axes.invert_yaxis()
    left.legend(loc="best")


def _confusion(figure: Figure, matrix: ConfusionMatrix, title: str, last: str) -> None:
    axes = figure.subplots()
    rows = shown_classes(matrix)
    names = [*(matrix.names[row] for row in rows), last]
    places = [*rows, len(matrix.names)]
    fractions = matrix.fractions()[np.ix_(places, places)]
    axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=90)
    axes.set_yticks(range(len(names)), names)
    counts = matrix.counts[np.ix_(places, places)]
    size = max(3.0, 9.0 - len(names) / 6)
    axes.tick_params(labelsize=size)
    for row, column in np.argwhere(counts > 0).tolist():
        ink = "white" if fractions[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=size, color=ink)
    axes.set(xlabel="Predicted class", ylabel="True class", title=title)


def shown_classes(matrix: ConfusionMatrix) -> list[int]:
    """The classes of a matrix that are drawn, ascending: those that occur, at most the `MOST_CLASSES` with the most
    errors."""
    classes = matrix.occurring()
    if len(classes) > MOST_CLASSES:
        errors = matrix.counts.sum(axis=0) + matrix.counts.sum(axis=1) - 2 * np.diag(matrix.counts)
        classes = np.sort(classes[np.argsort(-errors[classes], kind="stable")[:MOST_CLASSES]])
    return [int(kind) for kind in classes]


def _reliability(figure: Figure, evaluations: Sequence[Evaluation]) -> None:
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--")
    for item, colour in zip(evaluations, COLOURS * len(evaluations), strict=False):
        assert item.classification is not None
        diagram = item.classification.reliability()
        filled = diagram.counts > 0
        label = f"{item.title}, error {diagram.error():.3f}"
        axes.plot(diagram.confidence[filled], diagram.accuracy[filled], "o-", color=colour, label=label)
    axes.set(xlabel="Confidence", ylabel="Accuracy", xlim=(0, 1), ylim=(0, 1), title="Reliability")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
