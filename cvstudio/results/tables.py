"""Tables of results, shared by JSON, CSV and the results panel."""

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
    key : name in JSON, and in CSV unless `csv` is given
    title : header in the results panel, in English
    unit : unit of its numbers, such as "px", or "%" for fractions displayed as per cent; empty for none
    kind : "number"; "fraction" (a number 0..1, displayed as a bar); "text"; "label" (a class, displayed in its colour);
        "flag" (True or False; 1 or 0 in CSV); "box" (x1, y1, x2, y2 in image pixels); "data" (any JSON value)
    csv : names of its columns in CSV, one for each number of a box; empty omits it; None is one column named `key`
    shown : whether the results panel displays it
    among : of a column of classes, all classes of the model, on which their colours depend
    """

    key: str
    title: str
    unit: str = ""
    kind: ColumnKind = "number"
    csv: tuple[str, ...] | None = None
    shown: bool = True
    among: tuple[str, ...] = ()

    @property
    def csv_names(self) -> tuple[str, ...]:
        return (self.key,) if self.csv is None else self.csv


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()
"""Cell of a column that the result does not have: JSON omits the key, the CSV cell is empty."""


@dataclass(frozen=True, eq=False)
class Table:
    """The content of a result, row by row.

    Parameters
    ----------
    form : name of the JSON format, written into the file, such as "cvstudio-detections"
    entries : JSON key of the list of rows
    columns : the columns from left to right
    rows : cells by row and column: numbers, texts, None for a missing value, `ABSENT` where the result does not have
        the column, or a callable that computes an expensive value which only files need
    ids : part number of each row (`Result.part_at`); empty where rows belong to no part
    quiet : rows displayed in grey, such as classes that are not drawn or scores below the threshold
    note : a sentence about the rows, such as what was not measured and why; displayed below them

    Raises
    ------
    ValueError
        A row does not have one cell per column, or there is not one id per row.
    """

    form: str
    entries: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]]
    ids: Sequence[int] = ()
    quiet: frozenset[int] = frozenset()
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"expected {len(self.columns)} cells in each row, found {len(row)}")
        if len(self.ids) not in (0, len(self.rows)):
            raise ValueError(f"expected {len(self.rows)} ids or none, found {len(self.ids)}")

    def __len__(self) -> int:
        return len(self.rows)

    def json_rows(self) -> list[dict[str, Any]]:
        """The rows as dictionaries by column key, JSON-ready."""
        return [
            {column.key: _value(cell) for column, cell in zip(self.columns, row, strict=True) if cell is not ABSENT}
            for row in self.rows
        ]

    @property
    def csv_columns(self) -> list[str]:
        """Column names in CSV."""
        return [name for column in self.columns for name in column.csv_names]

    def csv_rows(self) -> list[list[Any]]:
        """Cells by row, for `csv.writer`."""
        return [
            [cell for pair in zip(self.columns, row, strict=True) for cell in _csv_cells(*pair)] for row in self.rows
        ]


def number(value: np.floating[Any] | float) -> float | None:
    """The shortest decimal that reads back as the same float32; None for NaN and infinity, which JSON lacks."""
    return float(str(np.float32(value))) if math.isfinite(value) else None


def csv_text(text: str) -> str:
    """`text`, escaped so that a spreadsheet does not evaluate it as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _value(cell: Any) -> Any:
    """The value of a cell; a callable is called."""
    compute: Callable[[], Any] | None = cell if callable(cell) else None
    return compute() if compute is not None else cell


def _csv_cells(column: Column, cell: Any) -> Iterator[Any]:
    names = column.csv_names
    if not names:
        return
    cell = _value(cell)
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
