"""`cvstudio evaluate`: models on a labelled set, and what a training recipe makes on its held-out data."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvstudio.cli.inputs import parsed, values_of_texts
from cvstudio.cli.terminal import Bar, guarded
from cvstudio.cli.training import evaluate as evaluate_recipe
from cvstudio.cli.training import positive
from cvstudio.foundation.errors import ParamsError, UserError
from cvstudio.foundation.names import counted
from cvstudio.foundation.progress import Progress
from cvstudio.media.file_identity import quoted
from cvstudio.models.runtime.precision import REQUESTED_PRECISIONS
from cvstudio.training import RECIPES
from cvstudio.weights.store import WeightsNeededError

if TYPE_CHECKING:
    from cvstudio.evaluation.evaluate import EvaluationPlan
    from cvstudio.evaluation.evaluation import Evaluation
    from cvstudio.results.tables import Table

FORMS = ("boxes", "masks", "keypoints")
MOST_MODELS = 2
SHOWN_NAMES = 8


def add_evaluate(commands: Any) -> None:
    """Add the command to the subparsers of `cvstudio`."""
    parser = commands.add_parser(
        "evaluate",
        help="measure one or two models on labelled pictures, or a built-in model on its held-out data",
        description="With the key of a model (or of two, which then stand side by side): measures them on the labelled "
        "pictures of --data. With the name of a training recipe: measures the built-in weights, or your own file, and "
        "compares with the model card.",
    )
    parser.add_argument("models", nargs="+", metavar="NAME", help="a model or two, or the recipe that made a model")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="SET",
        help="labels: a file or folder of any known format; for a recipe the folder with its sets (default: "
        "$CVSTUDIO_DATA)",
    )
    parser.add_argument("--format", default="", metavar="KEY", help="format of the labels (default: told by content)")
    parser.add_argument("--task", choices=FORMS, help="what objects are compared by (default: all that there are)")
    parser.add_argument(
        "--weights", type=Path, action="append", metavar="FILE", help="a checkpoint; once for each model"
    )
    parser.add_argument(
        "--score",
        type=float,
        metavar="S",
        help="score threshold of precision, recall, errors and the "
        "confusion matrix (default: the model's); average precision takes all scores",
    )
    parser.add_argument("--iou", type=float, default=0.5, help="overlap from which an object is found (default: 0.5)")
    parser.add_argument(
        "--map",
        type=Path,
        action="append",
        metavar="FILE",
        help='class of the set for labels of the model, as JSON such as {"sofa": "couch"}; once for each model',
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="measure only this class of the set; may be repeated (default: those that the models know)",
    )
    parser.add_argument("--all-classes", action="store_true", help="count classes that a model does not know as missed")
    parser.add_argument(
        "--set",
        dest="values",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the analysis or the model; may be repeated",
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="use at most N pictures, for a quick try")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        action="append",
        default=[],
        metavar="PATH",
        help="write figures.csv, everything.json, or a folder with all tables and plots; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--precision", default="auto", choices=REQUESTED_PRECISIONS)
    parser.add_argument("-q", "--quiet", action="store_true", help="do not show progress")


def evaluate(options: argparse.Namespace) -> int:
    """Measure what is named, print the figures, and write what is asked for. Returns the exit code."""
    weights = options.weights or []
    if len(options.models) == 1 and options.models[0] in RECIPES:
        return evaluate_recipe(options.models[0], weights[0] if weights else None, options)
    bar = Bar(quiet=options.quiet)

    def work(progress: Progress) -> int:
        try:
            return _measure(options, bar, progress)
        except WeightsNeededError as error:
            from cvstudio.cli.weights import needed_command

            raise needed_command(error) from error

    return guarded(work, bar, stopped="stopped; what was predicted is kept, and the same command goes on from there.")


def _measure(options: argparse.Namespace, bar: Bar, progress: Progress) -> int:
    from cvstudio.evaluation.evaluate import read_labelled
    from cvstudio.evaluation.side_by_side import measure_side_by_side

    if options.data is None:
        raise UserError("Expected labelled pictures, but none were named; give their labels with --data.")
    if len(options.models) > MOST_MODELS:
        raise UserError(f"Expected one or two models, found {len(options.models)}; compare two at a time.")
    _check_threshold("--score", options.score)
    _check_threshold("--iou", options.iou)
    _check_targets(options)
    progress(None, "reading the labels")
    labelled = read_labelled(options.data, options.format)
    evaluations = list(measure_side_by_side(_plans(options), labelled, progress, notice=bar.note))
    if options.task:
        evaluations = [_only(item, options.task) for item in evaluations]
    bar.end()
    for item in evaluations:
        _note(item, bar)
    _print(evaluations, options)
    _write(evaluations, options, progress)
    return 0


def _check_threshold(flag: str, value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ParamsError(f"{flag} is expected to be 0 to 1, found {value}.")


def _check_targets(options: argparse.Namespace) -> None:
    """Refuse to write over what is read. Raises UserError."""
    inputs = [path.resolve() for path in (options.data, *(options.weights or ()), *(options.map or ()))]
    for target in options.out:
        place = target.resolve()
        if place.is_file() and any(item == place or item in place.parents for item in inputs):
            raise UserError(f"{quoted(target)} is one of the files that are measured with; choose another name for -o.")


def _plans(options: argparse.Namespace) -> list[EvaluationPlan]:
    from cvstudio.analyses import ANALYSES
    from cvstudio.evaluation.class_mapping import read_pairs
    from cvstudio.evaluation.evaluate import EvaluationPlan
    from cvstudio.models import MODELS

    texts = values_of_texts(options.values)
    plans = []
    for key, weights, path in zip(
        options.models,
        _for_each(options.weights, options.models, "--weights"),
        _for_each(options.map, options.models, "--map"),
        strict=True,
    ):
        model = MODELS[key]
        analysis = next((item for item in ANALYSES if item.takes(model)), None)
        plans.append(
            EvaluationPlan(
                key,
                weights,
                options.score,
                read_pairs(path) if path is not None else {},
                tuple(options.classes),
                options.all_classes,
                options.limit,
                options.device,
                options.precision,
                parsed(texts, analysis, model) if analysis is not None else {},
            )
        )
    return plans


def _for_each(given: Sequence[Path] | None, models: Sequence[str], flag: str) -> list[Path | None]:
    if given and len(given) != len(models):
        raise ParamsError(f"Expected {flag} once for each of the {len(models)} models, found {len(given)}.")
    return list(given) if given else [None] * len(models)


def _only(evaluation: Evaluation, form: str) -> Evaluation:
    if form not in evaluation.objects:
        has = ", ".join(evaluation.objects) or "no objects"
        raise UserError(f"{evaluation.title} and the set cannot be compared by {form}; they have {has}.")
    return dataclasses.replace(evaluation, objects={form: evaluation.objects[form]})


def _note(evaluation: Evaluation, bar: Bar) -> None:
    """Say what was measured, and what was not."""
    bar.note(
        f"{evaluation.title} on {evaluation.data}: {counted(len(evaluation.names), 'picture')}, "
        f"{len(evaluation.measured)} of {len(evaluation.category_names)} classes"
    )
    unknown = [name for index, name in enumerate(evaluation.category_names) if index not in evaluation.measured]
    for title, names in (("not measured", unknown), ("labels without a class", evaluation.mapping.unmatched_labels)):
        if names:
            more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            bar.note(f"  {title}: {', '.join(names[:SHOWN_NAMES])}{more}")
    reasons: dict[str, int] = {}
    for item in evaluation.left_out:
        reasons[item.reason] = reasons.get(item.reason, 0) + item.count
    for reason, count in reasons.items():
        bar.note(f"  left out: {count:,} x {reason}")


def _print(evaluations: list[Evaluation], options: argparse.Namespace) -> None:
    from cvstudio.evaluation.tables import class_table, figures_table

    figures, classes = figures_table(evaluations), class_table(evaluations)
    if options.json:
        print(json.dumps({"figures": figures.json_rows(), "classes": classes.json_rows()}, indent=1))
    else:
        print(_text(figures), "", _text(classes), sep="\n")


def _text(table: Table) -> str:
    """A table in columns for the terminal."""
    rows = [[column.title for column in table.columns], *([_cell(cell) for cell in row] for row in table.rows)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(table.columns))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cell(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _write(evaluations: list[Evaluation], options: argparse.Namespace, progress: Progress) -> None:
    from cvstudio.evaluation.writing import write_evaluation

    for target in options.out:
        for path in write_evaluation(target, evaluations, iou=options.iou, score=options.score, progress=progress):
            print(path)
