"""Evaluations as files: CSV, JSON, and a folder with all tables and plots."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cvstudio.evaluation.evaluation import Evaluation
from cvstudio.evaluation.plots import plots, write_plot
from cvstudio.evaluation.tables import at_score, figures_table, tables
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.json_text import json_text, printable
from cvstudio.foundation.progress import Progress
from cvstudio.media.file_identity import quoted
from cvstudio.results.tables import Table

CLASS_MAPPING = "class-mapping.json"


def write_table(path: Path, table: Table) -> None:
    """Write a table as CSV. Raises OSError."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        # The byte order mark makes Excel read Hangul as UTF-8.
        writer = csv.writer(file)
        writer.writerow(table.csv_columns)
        writer.writerows(
            [printable(cell) if isinstance(cell, str) else cell for cell in row] for row in table.csv_rows()
        )


def write_json(path: Path, evaluations: Sequence[Evaluation], *, iou: float, score: float | None) -> None:
    """Write all tables as one JSON file: format, version, what was measured, and the rows of each table by its name.
    Raises OSError."""
    content: dict[str, Any] = {
        "format": "cvstudio-evaluation",
        "version": 1,
        "data": evaluations[0].data,
        "iou": iou,
        "models": [
            {
                "model": item.model,
                "score": item.score if score is None else score,
                "pictures": len(item.names),
                "classes": [item.category_names[kind] for kind in item.measured],
                "class_mapping": dict(item.mapping.pairs),
                "labels_without_class": list(item.mapping.unmatched_labels),
                "classes_without_label": list(item.mapping.unmatched_categories),
            }
            for item in evaluations
        ],
        **{name: table.json_rows() for name, table in tables(evaluations, iou=iou, score=score).items()},
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(content, indent=1) + "\n", encoding="utf-8")


def write_evaluation(
    target: Path,
    evaluations: Sequence[Evaluation],
    *,
    iou: float = 0.5,
    score: float | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write one or several evaluations, whose models stand side by side.

    Parameters
    ----------
    target : ".csv" gets the figures of the whole set, ".json" all tables; any other path is a folder, which gets every
        table as CSV, all of them as JSON, the plots as PNG and the class mapping
    iou : of the confusion matrix, errors and worst pictures
    score : of these and of precision and recall; None takes that of each evaluation

    Returns
    -------
    The written files

    Raises
    ------
    ExportError
        They cannot be written.
    """
    progress = progress or Progress()
    try:
        return _write(target, evaluations, iou, score, progress)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExportError(f"{quoted(target)} cannot be written ({reason}); choose another place.") from None


def _write(
    target: Path, evaluations: Sequence[Evaluation], iou: float, score: float | None, progress: Progress
) -> list[Path]:
    suffix = target.suffix.lower()
    if suffix in (".csv", ".json"):
        target.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".csv":
            write_table(target, figures_table(at_score(evaluations, score)))
        else:
            write_json(target, evaluations, iou=iou, score=score)
        return [target]
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, table in tables(evaluations, iou=iou, score=score).items():
        progress.check()
        written.append(target / f"{name}.csv")
        write_table(written[-1], table)
    written.append(target / "evaluation.json")
    write_json(written[-1], evaluations, iou=iou, score=score)
    drawings = plots(evaluations, iou=iou, score=score)
    for number, (name, draw) in enumerate(drawings.items()):
        progress(number / len(drawings), f"drawing {name}")
        written.append(target / f"{name}.png")
        with atomic_path(written[-1]) as temporary:
            write_plot(temporary, draw)
    for number, item in enumerate(evaluations, 1):
        ending = f"-{number}" if len(evaluations) > 1 else ""
        written.append(target / CLASS_MAPPING.replace(".", f"{ending}."))
        item.mapping.save(written[-1])
    return written
