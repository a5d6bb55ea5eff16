"""Detections and labels as JSON and CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Combined, Exporter, ExportItem, Piece
from cvstudio.landmarks import Landmarks
from cvstudio.neighbours import Neighbours
from cvstudio.progress import Progress
from cvstudio.proposals import Proposals
from cvstudio.results import Detections, Labels
from cvstudio.segmentation import Segmentation
from cvstudio.suppression import Suppression

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


def _number(value: np.float32) -> float | None:
    """The shortest decimal that reads back as the same float32; None for what is no number, which JSON lacks."""
    return float(str(value)) if math.isfinite(value) else None


def rows_of(result: Detections) -> list[Row]:
    """One mapping for each box: id, label, score, box (x1, y1, x2, y2 in image pixels); track_id where things are
    followed, None for one that is not; and the mask where there is one, as COCO's uncompressed run-length code: size
    [height, width], counts."""
    rows: list[Row] = [
        {
            "id": int(result.ids[row]),
            "label": result.label(row),
            "score": _number(result.scores[row]),
            "box": [_number(value) for value in result.boxes[row]],
        }
        for row in range(len(result))
    ]
    if result.track_ids is not None:
        for number, row in enumerate(rows):
            row["track_id"] = result.identity(number)
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


def point_rows(result: Landmarks) -> list[Row]:
    """One mapping for each point of each thing: id of the thing, point, score, x, y in image pixels, whether it is
    believed."""
    believed = result.believed()
    return [
        {
            "id": int(result.ids[row]),
            "point": name,
            "score": _number(result.scores[row, index]),
            "x": _number(result.points[row, index, 0]),
            "y": _number(result.points[row, index, 1]),
            "believed": bool(believed[row, index]),
        }
        for row in range(len(result))
        for index, name in enumerate(result.labels)
    ]


def region_rows(result: Segmentation) -> list[Row]:
    """One mapping for each class that occurs, the largest first: number, label, share 0..1 of the picture."""
    return [{"class": number, "label": result.labels[number], "share": share} for number, share in result.shares()]


def neighbour_rows(result: Neighbours) -> list[Row]:
    """One mapping for each neighbour, the nearest first: rank, file below the gallery's folder, distance, its metric,
    label (empty where it has none) and the part of the votes that this label has."""
    votes = result.votes
    part = {votes.label(row): votes.probabilities[row] for row in range(len(votes))} if votes is not None else {}
    return [
        {
            "rank": row + 1,
            "file": name,
            "distance": _number(result.distances[row]),
            "metric": result.metric,
            "label": result.label(row),
            "votes": _number(part.get(result.label(row), np.float32(0))),
        }
        for row, name in enumerate(result.names)
    ]


def pair_rows(result: Suppression) -> list[Row]:
    """One mapping for each pair that is looked at, in order: turn (from 1), ids of the box that is taken and of the
    other, its label and score, their intersection over union, whether it is dropped. A box that is taken and overlaps
    nothing has one without another."""
    found, rows = result.candidates, []
    for turn in range(len(result.kept)):
        pairs = result.pairs(turn)
        assert pairs is not None
        taken = {"turn": turn + 1, "taken": int(found.ids[pairs.taken]), "label": found.label(pairs.taken)}
        taken["score"] = _number(found.scores[pairs.taken])
        if not len(pairs.rows):
            rows.append({**taken, "other": None, "other_score": None, "iou": None, "dropped": False})
        for row, share, dropped in zip(pairs.rows.tolist(), pairs.shares, pairs.dropped.tolist(), strict=True):
            other = {"other": int(found.ids[row]), "other_score": _number(found.scores[row])}
            rows.append({**taken, **other, "iou": _number(share), "dropped": dropped})
    return rows


def inside_rows(result: Proposals) -> list[Row]:
    """One mapping for each region that the last step looks at, the most promising first: before (its objectness, or the
    score of a network without proposals), box before, label and score after, box after; boxes as in `rows_of`."""
    return [
        {
            "region": row,
            "before": _number(result.promise[row]),
            "box_before": [_number(value) for value in result.before[row]],
            "label": result.label(row),
            "score": _number(result.scores[row]),
            "box_after": [_number(value) for value in result.after[row]],
        }
        for row in range(len(result.before))
    ]


FORMS: dict[type[Any], Form] = {
    Detections: Form(
        "cvstudio-detections",
        "detections",
        ("id", "label", "score", "x1", "y1", "x2", "y2", "track_id"),
        rows_of,
        lambda row: [row["id"], _cell(row["label"]), row["score"], *row["box"], row.get("track_id")],
    ),
    Labels: Form(
        "cvstudio-labels",
        "labels",
        ("label", "probability", "believed"),
        label_rows,
        lambda row: [_cell(row["label"]), row["probability"], int(row["believed"])],
    ),
    Landmarks: Form(
        "cvstudio-keypoints",
        "points",
        ("id", "point", "score", "x", "y", "believed"),
        point_rows,
        lambda row: [row["id"], _cell(row["point"]), row["score"], row["x"], row["y"], int(row["believed"])],
    ),
    Neighbours: Form(
        "cvstudio-neighbours",
        "neighbours",
        ("rank", "file", "distance", "metric", "label", "votes"),
        neighbour_rows,
        lambda row: [
            *(row["rank"], _cell(row["file"]), row["distance"], row["metric"], _cell(row["label"]), row["votes"])
        ],
    ),
    Segmentation: Form(
        "cvstudio-regions",
        "classes",
        ("class", "label", "share"),
        region_rows,
        lambda row: [row["class"], _cell(row["label"]), row["share"]],
    ),
    Proposals: Form(
        "cvstudio-regions-of-interest",
        "regions",
        (
            *("region", "before", "x1_before", "y1_before", "x2_before", "y2_before"),
            *("label", "score", "x1", "y1", "x2", "y2"),
        ),
        inside_rows,
        lambda row: [
            *(row["region"], row["before"], *row["box_before"]),
            *(_cell(row["label"]), row["score"], *row["box_after"]),
        ],
    ),
    Suppression: Form(
        "cvstudio-suppression",
        "pairs",
        ("turn", "taken", "label", "score", "other", "other_score", "iou", "dropped"),
        pair_rows,
        lambda row: [
            *(row["turn"], row["taken"], _cell(row["label"]), row["score"]),
            *(row["other"], row["other_score"], row["iou"], int(row["dropped"])),
        ],
    ),
}


def _write_json(path: Path, item: ExportItem, progress: Progress) -> None:
    """Our own forms, version 1.

    format, version : the form's name, such as "cvstudio-detections" (see `FORMS`), and 1
    file, width, height : name and size in pixels of the picture or video
    analysis, model : keys of what found them
    score_kind : "probability", "margin" (of an SVM) or "neighbours" (of a cascade)
    frames : one entry for a picture, one for each frame of a video:
        time_secs : presentation time from the first frame, null for a picture
        detections : best first: id, label, score, box [x1, y1, x2, y2] in pixels; (0, 0) is the outer corner of the
            top left pixel; track_id of what is followed; mask where the model tells it (see `rows_of`)
        labels : the likeliest first: label, probability, believed
        points, neighbours, classes, pairs, regions : see `point_rows`, `neighbour_rows`, `region_rows`, `pair_rows` and
            `inside_rows`
    """
    frames = []
    size, kind, form = item.media.size if item.media else None, "probability", FORMS[Detections]
    for moment in item.moments(progress):
        result = moment.result
        form = FORMS[type(result)]
        size, kind = result.size, getattr(result, "score_kind", "probability")
        entry = {"time_secs": moment.pts, form.entries: form.rows(result)}
        frames.append(json.dumps(entry, ensure_ascii=False, allow_nan=False))
    head = {
        "format": form.name,
        "version": 1,
        "file": item.name,
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


def _csv_pieces(item: ExportItem, progress: Progress) -> Iterator[Piece]:
    """One for each picture or frame: `file`, `columns` and `rows` of cells."""
    for moment in item.moments(progress):
        form = FORMS[type(moment.result)]
        time = "" if moment.pts is None else f"{moment.pts:.6f}"
        rows = [[time, *form.cells(row)] for row in form.rows(moment.result)]
        yield {"file": item.name, "columns": ["time_secs", *form.columns], "rows": rows}


def _write_csv(path: Path, item: ExportItem, progress: Progress) -> None:
    _write_table(path, _csv_pieces(item, progress), with_file=False)


def _write_many_csv(path: Path, pieces: Iterable[Piece], options: Mapping[str, Any], progress: Progress) -> None:
    """As for one picture, with the name of the file before everything."""
    _write_table(path, pieces, with_file=True)


def _write_table(path: Path, pieces: Iterable[Piece], *, with_file: bool) -> None:
    # The byte order mark makes Excel read Hangul as UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        for number, piece in enumerate(pieces):
            if number == 0:
                writer.writerow([*(["file"] if with_file else []), *piece["columns"]])
            name = [_cell(piece["file"])] if with_file else []
            writer.writerows([*name, *row] for row in piece["rows"])


EXPORTERS.register(
    Exporter(
        "json",
        "JSON",
        ".json",
        tuple(FORMS),
        _write_json,
        "Everything that was found, number for number, in a form of our own.",
        either=True,
        preferred=True,
        keywords=("annotations", "data"),
    )
)
EXPORTERS.register(
    Exporter(
        "csv",
        "CSV table",
        ".csv",
        tuple(FORMS),
        _write_csv,
        "Boxes, classes, scores and identities, for a spreadsheet.",
        either=True,
        keywords=("spreadsheet", "Excel", "표"),
        combined=Combined(_csv_pieces, _write_many_csv),
    )
)
