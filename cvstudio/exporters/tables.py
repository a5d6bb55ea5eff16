"""Detections as JSON and CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.progress import Progress
from cvstudio.results import Detections

COLUMNS = ("time_secs", "id", "label", "score", "x1", "y1", "x2", "y2")


def _results(item: ExportItem) -> Iterator[tuple[float | None, Detections]]:
    if item.frames is None:
        yield getattr(item.base, "pts", None), item.result
    else:
        for frame, result in item.frames:
            yield frame.pts, result


def rows_of(result: Detections) -> list[dict[str, Any]]:
    """One mapping for each box: id, label, score, box (x1, y1, x2, y2 in image pixels)."""
    return [
        {
            "id": int(result.ids[row]),
            "label": result.label(row),
            "score": round(float(result.scores[row]), 6),
            "box": [round(float(value), 3) for value in result.boxes[row]],
        }
        for row in range(len(result))
    ]


def _write_json(path: Path, item: ExportItem, progress: Progress) -> None:
    frames = []
    size, kind = item.media.size, "probability"
    for pts, result in _results(item):
        progress.check()
        size, kind = result.size, result.score_kind
        frames.append({"time_secs": pts, "detections": rows_of(result)})
    found = {
        "format": "cvstudio-detections",
        "version": 1,
        "file": item.media.name,
        "width": size.width if size else None,
        "height": size.height if size else None,
        "score_kind": kind,
        "frames": frames,
    }
    path.write_text(json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False), encoding="utf-8")


def _write_csv(path: Path, item: ExportItem, progress: Progress) -> None:
    # The byte order mark makes Excel read Hangul as UTF-8.
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for pts, result in _results(item):
            progress.check()
            for row in rows_of(result):
                time = "" if pts is None else f"{pts:.6f}"
                writer.writerow([time, row["id"], row["label"], row["score"], *row["box"]])


for _video in (False, True):
    _of = " of all frames" if _video else ""
    EXPORTERS.register(
        Exporter(
            "json-video" if _video else "json",
            f"JSON{_of}",
            ".json",
            (Detections,),
            _write_json,
            f"Boxes, classes and scores{_of}.",
            video=_video,
            preferred=True,
        )
    )
    EXPORTERS.register(
        Exporter(
            "csv-video" if _video else "csv",
            f"CSV table{_of}",
            ".csv",
            (Detections,),
            _write_csv,
            f"Boxes, classes and scores{_of}, for a spreadsheet.",
            video=_video,
        )
    )
