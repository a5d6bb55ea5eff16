"""Columns of the catalogue, shared by the window and the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.timings import ms_text
from cvstudio.models.catalogue.entries import CatalogueEntry


class ColumnError(UserError):
    """There is no such column."""


@dataclass(frozen=True)
class CatalogueColumn:
    """A column of the catalogue.

    Parameters
    ----------
    key, title : name on the command line, and heading
    text : cell text of an entry; empty where it is unknown
    value : sort key of an entry; None goes last in either order
    number : whether cells are aligned to the right
    doc : tooltip of the heading
    width : pixels in the window
    """

    key: str
    title: str
    text: Callable[[CatalogueEntry], str]
    value: Callable[[CatalogueEntry], Any]
    number: bool = False
    doc: str = ""
    width: int = 80


def count_text(count: float) -> str:
    """A large number to three significant digits: "912 k", "25.6 M", "4.09 G"."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            value = count / size
            return f"{value:.0f} {unit}" if value >= 99.95 else f"{value:#.3g} {unit}"
    return f"{count:.0f}"


def bytes_text(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count else ""


def speed_text(entry: CatalogueEntry) -> str:
    """Milliseconds, marked with ≈ where only the bare network was measured."""
    if entry.speed is None:
        return ""
    return ("≈ " if entry.speed.what == "network" else "") + ms_text(entry.speed.ms / 1000)


def _score_text(entry: CatalogueEntry) -> str:
    return "" if entry.score is None else f"{entry.score[1]:.1f}"


COLUMNS = (
    CatalogueColumn("model", "Model", lambda e: e.spec.title, lambda e: e.spec.title.casefold(), width=216),
    CatalogueColumn("key", "Key", lambda e: e.key, lambda e: e.key, doc="Its name on the command line.", width=130),
    CatalogueColumn("task", "Task", lambda e: e.task_title, lambda e: e.task_title, width=104),
    CatalogueColumn("family", "Family", lambda e: e.spec.family, lambda e: e.spec.family.casefold() or None, width=126),
    CatalogueColumn("year", "Year", lambda e: str(e.spec.year or ""), lambda e: e.spec.year or None, True, width=56),
    CatalogueColumn(
        *("score", "Score", _score_text, lambda e: e.score[1] if e.score else None, True),
        doc="What was published, in percent: top-1 on ImageNet, box mAP on COCO, or what the column Metric names.",
        width=60,
    ),
    CatalogueColumn(
        "params",
        "Params",
        lambda e: count_text(e.figures.parameters) if e.figures else "",
        lambda e: e.figures.parameters if e.figures else None,
        True,
        "Number of learnt parameters.",
        70,
    ),
    CatalogueColumn(
        "macs",
        "MACs",
        lambda e: count_text(e.figures.macs) if e.figures else "",
        lambda e: e.figures.macs if e.figures else None,
        True,
        "Multiply-adds for one picture at the input size of the network.",
        70,
    ),
    CatalogueColumn(
        "size",
        "Weights",
        lambda e: bytes_text(e.terms.size_bytes),
        lambda e: e.terms.size_bytes or None,
        True,
        "Size of the weights' file.",
        84,
    ),
    CatalogueColumn(
        "ms",
        "ms on this device",
        speed_text,
        lambda e: e.speed.ms if e.speed else None,
        True,
        "Measured on this device, a picture; ≈ is the bare network without its weights.",
        72,
    ),
    CatalogueColumn(
        "licence", "Licence", lambda e: e.terms.licence, lambda e: e.terms.licence.casefold() or None, width=220
    ),
    CatalogueColumn("status", "Status", lambda e: e.terms.place_text, lambda e: e.terms.place.value, width=164),
    CatalogueColumn(
        "metric",
        "Metric",
        lambda e: e.score[0] if e.score else "",
        lambda e: e.score[0] if e.score else None,
        width=150,
    ),
    CatalogueColumn(
        "trained", "Trained on", lambda e: e.trained_on, lambda e: e.trained_on.casefold() or None, width=170
    ),
    CatalogueColumn("paper", "Paper", lambda e: e.spec.paper, lambda e: e.spec.paper.casefold() or None, width=320),
)
BY_KEY = {column.key: column for column in COLUMNS}


def columns_of(keys: Sequence[str]) -> tuple[CatalogueColumn, ...]:
    """The columns of these keys. Raises ColumnError."""
    for key in keys:
        if key not in BY_KEY:
            raise ColumnError(f"The catalogue has no column '{key}'; there are: {', '.join(BY_KEY)}.")
    return tuple(BY_KEY[key] for key in keys)


def ordered(
    entries: Sequence[CatalogueEntry], column: CatalogueColumn, *, descending: bool = False
) -> list[CatalogueEntry]:
    """Entries sorted by a column; those without a value come last, and equal ones keep their order."""
    known = [entry for entry in entries if column.value(entry) is not None]
    unknown = [entry for entry in entries if column.value(entry) is None]
    return [*sorted(known, key=column.value, reverse=descending), *unknown]
