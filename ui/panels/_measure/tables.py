"""Tables of an evaluation in the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHeaderView, QLabel, QVBoxLayout, QWidget

from cvstudio.results.tables import Column, Table
from ui.base.translate import translated
from ui.widgets.rows_table import Cell, RowsTable, TableRow

MARGIN, MOST_WIDTH = 24, 240
"""Pixels beside the title of a column, and of the column at most."""

TRANSLATED = frozenset(("figure", "kind", "meaning", "reason"))
"""Columns whose texts are the program's own."""


class ResultTable(QWidget):
    """A `Table`, in a widget that is made anew where the columns change.

    Signals
    -------
    picked : id of the row that the user clicked or entered
    """

    picked = Signal(int)

    def __init__(self, empty: str) -> None:
        super().__init__()
        self._empty = empty
        self._columns: tuple[Column, ...] | None = None
        self.table: RowsTable | None = None
        self.before = QLabel(self.tr("Choose labels and a model, and press Measure."))
        self.before.setObjectName("quiet")
        self.before.setWordWrap(True)
        self.before.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.before)

    def show_table(self, content: Table) -> None:
        """Show the rows of a table."""
        if content.columns != self._columns or self.table is None:
            self._make(content.columns)
        assert self.table is not None
        self.before.hide()
        self.table.show()
        rows = [
            _row(content.columns, row, content.ids[place] if content.ids else None)
            for place, row in enumerate(content.rows)
        ]
        self.table.set_rows(rows)

    def show_none(self) -> None:
        """Show that there is nothing of this kind."""
        self.before.setText(self._empty)
        self.before.show()
        if self.table is not None:
            self.table.hide()

    def _make(self, columns: tuple[Column, ...]) -> None:
        if self.table is not None:
            self._layout.removeWidget(self.table)
            self.table.deleteLater()
        titles = [translated(column.title) for column in columns]
        bars = [place for place, column in enumerate(columns) if column.kind == "fraction"]
        wide = next((place for place, column in enumerate(columns) if column.key in ("meaning", "reason")), 0)
        self.table = RowsTable(titles, bars, self._empty, wide)
        header = self.table.horizontalHeader()
        if columns[wide].kind == "label":
            # Beside many columns nothing would remain for the names of the classes.
            header.setSectionResizeMode(wide, QHeaderView.ResizeMode.ResizeToContents)
        for place in bars:
            needed = header.fontMetrics().horizontalAdvance(titles[place]) + MARGIN
            header.resizeSection(place, max(header.sectionSize(place), min(needed, MOST_WIDTH)))
        self.table.selected.connect(lambda ids: self.picked.emit(ids[0]) if len(ids) == 1 else None)
        self._columns = columns
        self._layout.addWidget(self.table)


def _row(columns: Sequence[Column], row: Sequence[Any], number: int | None) -> TableRow:
    return TableRow(number, tuple(_cell(column, value) for column, value in zip(columns, row, strict=True)))


def _cell(column: Column, value: Any) -> Cell:
    if value is None:
        return Cell("–", tone="quiet")
    if column.kind == "fraction":
        return Cell(f"{value:.3f}", share=min(max(float(value), 0.0), 1.0))
    if column.kind == "label":
        return Cell(str(value), label=str(value), among=column.among)
    if isinstance(value, int):
        return Cell(f"{value:,}")
    return Cell(translated(str(value)) if column.key in TRANSLATED else str(value))
