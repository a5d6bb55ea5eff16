"""Detections and labels as JSON and CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.progress import Progress
from cvstudio.results import Detections, Labels

Row = dict[str, Any]


@dataclass(frozen=True)
class Form:
    """How results of one type are written.

    name : of the JSON form; entries : name of the list of rows in it; columns : of the CSV, after the time;
    rows : callable result -> rows; cells : callable row -> the CSV's cells
    """

    name: str
    entries: str
    columns: tuple[str, ...]
    rows: Callable[[Any], list[Row]]
    cells: Callable[[Row], list[Any]]


def _results(item: ExportItem) -> Iterator[tuple[float | None, Any]]:
    if item.frames is None:
        yield getattr(item.base, "pts", None), item.result
    else:
        for frame, result in item.frames:
            yield frame.pts, result


def _number(value: np.float32) -> float | None:
    """The shortest decimal that reads back as the same float32; None for what is no number, which JSON lacks."""
    return float(str(value)) if math.isfinite(value) else None


def rows_of(result: Detections) -> list[Row]:
    """One mapping for each box: id, label, score, box (x1, y1, x2, y2 in image pixels), and the mask where there is
    one, as COCO's uncompressed run-length code: size [height, width], counts."""
    rows: list[Row] = [
        {
            "id": int(result.ids[row]),
            "label": result.label(row),
            "score": _number(result.scores[row]),
            "box": [_number(value) for value in result.boxes[row]],
        }
        for row in range(len(result))
    ]
    if result.masks is not None:
        for number, row in enumerate(rows):
            counts = result.masks.counts(number, result.boxes[number], result.size)
            row["mask"] = {"size": [result.size.height, result.size.width], "counts": counts}
    return rows


def label_rows(result: Labels) -> list[Row]:
    """One mapping for each class, the likeliest first: label, probability, whether it is believed."""
    return [
        {
            "label": result.label(row),
            "probability": _number(result.probabilities[row]),
            "believed": bool(result.probabilities[row] >= result.threshold),
        }
        for row in range(len(result))
    ]


FORMS: dict[type[Any], Form] = {
    Detections: Form(
        "cvstudio-detections",
        "detections",
        ("id", "label", "score", "x1", "y1", "x2", "y2"),
        rows_of,
        lambda row: [row["id"], _cell(row["label"]), row["score"], *row["box"]],
    ),
    Labels: Form(
        "cvstudio-labels",
        "labels",
        ("label", "probability", "believed"),
        label_rows,
        lambda row: [_cell(row["label"]), row["probability"], int(row["believed"])],
    ),
}


def _write_json(path: Path, item: ExportItem, progress: Progress) -> None:
    """Our own forms, version 1.

    format, version : "cvstudio-detections" or "cvstudio-labels", 1
    file, width, height : name and size in pixels of the picture or video
    analysis, model : keys of what found them
    score_kind : "probability", "margin" (of an SVM) or "neighbours" (of a cascade)
    frames : one entry for a picture, one for each frame of a video:
        time_secs : presentation time from the first frame, null for a picture
        detections : best first: id, label, score, box [x1, y1, x2, y2] in pixels; (0, 0) is the outer corner of the
            top left pixel; mask where the model tells it (see `rows_of`)
        labels : the likeliest first: label, probability, believed
    """
    frames = []
    size, kind, form = item.media.size, "probability", FORMS[Detections]
    for pts, result in _results(item):
        progress.check()
        form = FORMS[type(result)]
        size, kind = result.size, getattr(result, "score_kind", "probability")
        frames.append(
            json.dumps({"time_secs": pts, form.entries: form.rows(result)}, ensure_ascii=False, allow_nan=False)
        )
    head = {
        "format": form.name,
        "version": 1,
        "file": item.media.name,
        "width": size.width if size else None,
        "height": size.height if size else None,
        "analysis": item.recipe.get("analysis"),
        "model": item.recipe.get("model"),
        "score_kind": kind,
    }
    # Frame by frame and a line each: one large dump would hold Python's lock, and with it the window.
    opening = json.dumps(head, ensure_ascii=False, indent=1, allow_nan=False).removesuffix("\n}")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(opening + ',\n "frames": [\n  ')
        file.write(",\n  ".join(frames))
        file.write("\n ]\n}\n")


def _cell(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _write_csv(path: Path, item: ExportItem, progress: Progress) -> None:
    # The byte order mark makes Excel read Hangul as UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        form: Form | None = None
        for pts, result in _results(item):
            progress.check()
            if form is None:
                form = FORMS[type(result)]
                writer.writerow(["time_secs", *form.columns])
            time = "" if pts is None else f"{pts:.6f}"
            for row in form.rows(result):
                writer.writerow([time, *form.cells(row)])


for _video in (False, True):
    _of = " of all frames" if _video else ""
    EXPORTERS.register(
        Exporter(
            "json-video" if _video else "json",
            f"JSON{_of}",
            ".json",
            tuple(FORMS),
            _write_json,
            f"Boxes, masks, classes and scores{_of}.",
            video=_video,
            either=not _video,
            preferred=True,
            keywords=("annotations", "data"),
        )
    )
    EXPORTERS.register(
        Exporter(
            "csv-video" if _video else "csv",
            f"CSV table{_of}",
            ".csv",
            tuple(FORMS),
            _write_csv,
            f"Boxes, classes and scores{_of}, for a spreadsheet.",
            video=_video,
            either=not _video,
            keywords=("spreadsheet", "Excel", "표"),
        )
    )
