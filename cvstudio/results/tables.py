"""Tables: the rows of a result, for JSON, CSV and the results panel alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ColumnKind = Literal["number", "fraction", "text", "label", "flag", "box", "data"]


@dataclass(frozen=True)
class Column:
    """One column of a `Table`.

    Parameters
    ----------
    key : name in JSON, and in CSV where `csv` says no other
    title : what stands above it in the results panel, in English
    unit : of its numbers, such as "px", or "%" for fractions that are read as per cent; empty where they have none
    kind : "number"; "fraction" (a number 0..1, which is drawn as a bar); "text"; "label" (a class, which has a colour);
        "flag" (True or False; 1 or 0 in CSV); "box" (x1, y1, x2, y2 in image pixels); "data" (anything that JSON holds)
    csv : names of its columns in CSV, one for each number of a box; empty leaves it out; None is one called `key`
    shown : whether the results panel has it
    """

    key: str
    title: str
    unit: str = ""
    kind: ColumnKind = "number"
    csv: tuple[str, ...] | None = None
    shown: bool = True

    @property
    def csv_names(self) -> tuple[str, ...]:
        return (self.key,) if self.csv is None else self.csv


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""The cell of a column that this result does not have: JSON leaves the key out, CSV the cell empty."""


@dataclass(frozen=True, eq=False)
class Table:
    """What a result says, row by row.

    Parameters
    ----------
    form : name of the JSON form that a file is marked with, such as "cvstudio-detections"
    entries : what the rows are called there
    columns : the columns from left to right
    rows : cells by row and column: numbers, texts, None where there is no value, `ABSENT` where the column is not
        there at all, or a callable that makes what takes long to make and only a file needs
    ids : by row, the number of the part that it is about (`Result.part_at`); empty where no row can be pointed at
    quiet : rows of what is not drawn, or not believed: the results panel shows them in grey

    Raises
    ------
    ValueError
        A row has more or fewer cells than there are columns, or the ids are not one for each row.
    """

    form: str
    entries: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    ids: Sequence[int] = ()
    quiet: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"expected {len(self.columns)} cells in each row, found {len(row)}")
        if len(self.ids) not in (0, len(self.rows)):
            raise ValueError(f"expected {len(self.rows)} ids or none, found {len(self.ids)}")

    def __len__(self) -> int:
        return len(self.rows)

    def json_rows(self) -> list[dict[str, Any]]:
        """The rows by key, JSON-ready."""
        return [
            {column.key: _made(cell) for column, cell in zip(self.columns, row, strict=True) if cell is not ABSENT}
            for row in self.rows
        ]

    @property
    def csv_columns(self) -> list[str]:
        """Names of the columns in CSV."""
        return [name for column in self.columns for name in column.csv_names]

    def csv_rows(self) -> list[list[Any]]:
        """Cells by row for `csv.writer`."""
        return [
            [cell for pair in zip(self.columns, row, strict=True) for cell in _csv_cells(*pair)] for row in self.rows
        ]


def number(value: np.floating[Any] | float) -> float | None:
    """The shortest decimal that reads back as the same float32; None for what is no number, which JSON lacks."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


def csv_text(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _made(cell: Any) -> Any:
    maker: Callable[[], Any] | None = cell if callable(cell) else None
    return maker() if maker is not None else cell


def _csv_cells(column: Column, cell: Any) -> Iterator[Any]:
    names = column.csv_names
    if not names:
        return
    cell = _made(cell)
    if cell is ABSENT or cell is None:
        yield from [None] * len(names)
    elif column.kind in ("text", "label"):
        yield csv_text(cell)
    elif column.kind == "flag":
        yield int(cell)
    elif column.kind == "box" or len(names) > 1:
        yield from cell
    else:
        yield cell
