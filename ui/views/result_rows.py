"""Conversion of a result's table to rows of the results panel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication

from cvstudio.results.tables import ABSENT, Column, Table
from ui.base.translate import translated
from ui.widgets.rows_table import Cell, RowsTable, TableRow

MOST = 1000
"""Maximum number of rows in the panel; exported files have all."""
NUMBER_WIDTH = 82


def shown_columns(table: Table) -> list[int]:
    """Indices of the columns that the panel shows."""
    return [index for index, column in enumerate(table.columns) if column.shown and column.kind != "data"]


def table_for(table: Table) -> RowsTable:
    """An empty widget with the columns of `table`."""
    columns = [table.columns[column_index] for column_index in shown_columns(table)]
    units = [column.unit if column.kind != "fraction" else "" for column in columns]
    titles = [
        translated(column.title) + (f" ({unit})" if unit else "") for column, unit in zip(columns, units, strict=True)
    ]
    bars = [column_index for column_index, column in enumerate(columns) if column.kind == "fraction"]
    wide = next((column_index for column_index, column in enumerate(columns) if column.kind in ("label", "text")), 0)
    widget = RowsTable(titles, bars, wide=wide)
    for column_index in bars:
        widget.horizontalHeader().resizeSection(column_index, NUMBER_WIDTH)
    return widget


def table_rows_of(table: Table) -> list[TableRow]:
    """The first rows of `table`, for the widget of `table_for`."""
    places = shown_columns(table)
    return [
        TableRow(
            table.ids[number] if len(table.ids) else None,
            tuple(_cell(table.columns[index], row[index], quiet=number in table.quiet) for index in places),
        )
        for number, row in enumerate(table.rows[:MOST])
    ]


def named_fractions(table: Table, most: int) -> list[tuple[str, float]]:
    """Name and fraction 0..1 of the `most` rows with the highest fractions; empty without such columns."""
    kinds: Sequence[str] = [column.kind for column in table.columns]
    name = next((index for index, kind in enumerate(kinds) if kind in ("label", "text")), None)
    fraction = next((index for index, kind in enumerate(kinds) if kind == "fraction"), None)
    if name is None or fraction is None:
        return []
    pairs = [(str(row[name]), float(row[fraction])) for row in table.rows if row[fraction] is not None]
    return sorted(pairs, key=lambda pair: -pair[1])[:most]


def _cell(column: Column, value: Any, *, quiet: bool) -> Cell:
    if value is None or value is ABSENT:
        return Cell("–", tone="quiet")
    tone = "quiet" if quiet else "text"
    if column.kind == "fraction":
        return Cell(f"{value:.1%}" if column.unit == "%" else f"{value:.2f}", min(max(value, 0.0), 1.0), tone)
    if column.kind == "label":
        return Cell(value, tone=tone, label="" if quiet else value, among=column.among)
    if column.kind == "flag":
        return Cell(_yes() if value else _no(), tone=tone)
    if column.kind == "box":
        return Cell(_box_text(value), tone=tone)
    return Cell(value if isinstance(value, str) else _number_text(value), tone=tone)


def _box_text(sides: Sequence[float | None]) -> str:
    if any(side is None for side in sides):
        return "–"
    x1, y1, x2, y2 = (round(side or 0.0) for side in sides)
    return f"{x1}, {y1} · {x2 - x1} × {y2 - y1}"


def _number_text(value: float) -> str:
    """Integers in full, other numbers with a readable number of digits."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _yes() -> str:
    return QCoreApplication.translate("ResultRows", "yes")


def _no() -> str:
    return QCoreApplication.translate("ResultRows", "no")
