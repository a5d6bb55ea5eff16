"""The figures of models as a file for other programs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.models.catalogue.entries import CatalogueEntry

Cell = Callable[[CatalogueEntry], Any]

ROW: tuple[tuple[str, Cell], ...] = (
    ("key", lambda e: e.key),
    ("model", lambda e: e.spec.title),
    ("task", lambda e: e.task_title),
    ("family", lambda e: e.spec.family),
    ("year", lambda e: e.spec.year or None),
    ("parameters", lambda e: e.figures.parameters if e.figures else None),
    ("multiply_adds", lambda e: e.figures.macs if e.figures else None),
    ("input_height", lambda e: e.figures.input_size[0] if e.figures else None),
    ("input_width", lambda e: e.figures.input_size[1] if e.figures else None),
    ("weights_bytes", lambda e: e.terms.size_bytes or None),
    ("ms_here", lambda e: e.speed.ms if e.speed else None),
    ("measured", lambda e: e.speed.what if e.speed else None),
    ("licence", lambda e: e.terms.licence),
    ("status", lambda e: e.terms.place.value),
    ("learnt_from", lambda e: e.trained_on),
    ("paper", lambda e: e.spec.paper),
)
"""Name and value of each column but for the score; None is an empty cell."""


def write_rows(path: Path, entries: Iterable[CatalogueEntry], metric: str) -> None:
    """Write a line for each model as CSV, the score in percent being that of `metric`; unknown figures stay empty.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    # The byte order mark makes Excel read what is not ASCII as UTF-8.
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow([*(name for name, _ in ROW), f"{metric} %"])
        for entry in entries:
            writer.writerow([*(value(entry) for _, value in ROW), entry.scores.get(metric)])
