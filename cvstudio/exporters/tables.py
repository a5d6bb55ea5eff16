"""The tables of results as JSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Combined, Exporter, ExportItem, Moment, Piece, tabular
from cvstudio.foundation.json_text import json_text, printable
from cvstudio.foundation.progress import Progress
from cvstudio.results.tables import Table, csv_text

WITHOUT_FRAMES = "cvstudio-detections"
"""Format name for a video without frames, whose result type is not known."""


def _table(moment: Moment) -> Table:
    table: Table | None = moment.result.table()
    assert table is not None  # `tabular`
    return table


def _write_json(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write the program's own JSON formats, version 1.

    format, version : name of the format, such as "cvstudio-detections" (`Table.form`), and 1
    file, width, height : name and size in pixels of the picture or video
    analysis, model : keys of the analysis and the model
    score_kind : "probability", "margin" (of an SVM), "neighbours" (of a cascade), "share" (of the evidence in a
        heat map) or "certain" (of labels)
    frames : one entry for a picture, one for each frame of a video:
        time_secs : presentation time from the first frame, null for a picture
        `Table.entries`, such as detections : the rows by column key; see `table` of each result type
        note : a sentence about the rows, where there is one (`Table.note`)
    """
    frames = []
    size, kind, form = item.media.size if item.media else None, "probability", WITHOUT_FRAMES
    for moment in item.moments(progress):
        result = moment.result
        table = _table(moment)
        form, size, kind = table.form, result.size, getattr(result, "score_kind", "probability")
        entry: dict[str, Any] = {"time_secs": moment.pts, table.entries: table.json_rows()}
        if table.note:
            entry["note"] = table.note
        frames.append(json_text(entry))
    head = {
        "format": form,
        "version": 1,
        "file": item.file_name,
        "width": size.width if size else None,
        "height": size.height if size else None,
        "analysis": item.recipe.get("analysis"),
        "model": item.recipe.get("model"),
        "score_kind": kind,
    }
    # Frame by frame, a line each: one large dump would hold the GIL and freeze the window.
    opening = json_text(head, indent=1).removesuffix("\n}")
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(opening + ',\n "frames": [\n  ')
        file.write(",\n  ".join(frames))
        file.write("\n ]\n}\n")


def _csv_pieces(item: ExportItem, progress: Progress) -> Iterator[Piece]:
    """A piece for each picture or frame: `file`, `columns` and `rows` of cells."""
    for moment in item.moments(progress):
        table = _table(moment)
        time = "" if moment.pts is None else f"{moment.pts:.6f}"
        rows = [[time, *cells] for cells in table.csv_rows()]
        yield {"file": item.source_name, "columns": ["time_secs", *table.csv_columns], "rows": rows}


def _write_csv(path: Path, item: ExportItem, progress: Progress) -> None:
    _write_table(path, _csv_pieces(item, progress), with_file=False)


def _write_many_csv(path: Path, pieces: Iterable[Piece], options: Mapping[str, Any], progress: Progress) -> None:
    """The tables of many pictures, with the file name in the first column."""
    _write_table(path, pieces, with_file=True)


def _write_table(path: Path, pieces: Iterable[Piece], *, with_file: bool) -> None:
    # The byte order mark makes Excel read Hangul as UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        for number, piece in enumerate(pieces):
            if number == 0:
                writer.writerow([*(["file"] if with_file else []), *piece["columns"]])
            name = [csv_text(printable(piece["file"]))] if with_file else []
            writer.writerows([*name, *row] for row in piece["rows"])


EXPORTERS.register(
    Exporter(
        "json",
        "JSON",
        ".json",
        tabular,
        _write_json,
        "All results, value for value, in cvstudio's own format.",
        either=True,
        preferred=True,
        keywords=("annotations", "data", "데이터 내보내기", "제이슨"),
    )
)
EXPORTERS.register(
    Exporter(
        "csv",
        "CSV table",
        ".csv",
        tabular,
        _write_csv,
        "Boxes, classes, scores and identities, for a spreadsheet.",
        either=True,
        keywords=("spreadsheet", "Excel", "표"),
        combined=Combined(_csv_pieces, _write_many_csv),
    )
)
