"""A small read-only table whose rows are linked to the canvas by ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from ui.base import theme
from ui.base.keys import SLIDER_KEYS, claims
from ui.widgets.bar_delegate import NO_INDEX, ROW_HEIGHT, SCORE_WIDTH, BarDelegate, Index
from ui.widgets.swatch import swatch
from ui.widgets.swatch_delegate import SwatchDelegate
from ui.widgets.whole_row import WholeRow


@dataclass(frozen=True)
class Cell:
    """Cell of a table.

    Parameters
    ----------
    text : shown in the cell
    share : fraction 0..1, painted as a bar before the text
    tone : role of the text's colour in the theme
    label : class whose colour is shown beside the text, or ""
    among : all classes of the model of `label`
    """

    text: str
    share: float | None = None
    tone: str = "text"
    label: str = ""
    among: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableRow:
    """Row of a table: `number` is the id of its object, None where it has none; `tip` is the tooltip."""

    number: int | None
    cells: tuple[Cell, ...]
    tip: str = ""


class RowsModel(QAbstractTableModel):
    """Table model of `TableRow`s in their order."""

    def __init__(self, titles: Sequence[str]) -> None:
        super().__init__()
        self._titles = tuple(titles)
        self.table_rows: tuple[TableRow, ...] = ()

    def set_rows(self, rows: Sequence[TableRow]) -> bool:
        """Replace the rows; False where they are the same."""
        if tuple(rows) == self.table_rows:
            return False
        self.beginResetModel()
        self.table_rows = tuple(rows)
        self.endResetModel()
        return True

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self.table_rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._titles[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        table_row = self.table_rows[index.row()]
        cell = table_row.cells[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return cell.text
        if role == Qt.ItemDataRole.UserRole:
            return cell.share
        if role == Qt.ItemDataRole.ForegroundRole:
            return theme.colour(cell.tone)
        if role == Qt.ItemDataRole.DecorationRole and cell.label:
            return swatch(cell.label, cell.among)
        if role == Qt.ItemDataRole.ToolTipRole:
            return table_row.tip or cell.text
        if role == Qt.ItemDataRole.TextAlignmentRole and cell.share is not None:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class RowsTable(QTableView):
    """Table of `TableRow`s.

    Parameters
    ----------
    titles : of the columns
    bars : columns whose cells have a bar
    empty : text shown while there is no row
    wide : the column that takes the remaining width

    Signals
    -------
    selected : ids (tuple of int) that the user selected
    hovered : the id under the cursor, or None
    """

    selected = Signal(object)
    hovered = Signal(object)

    def __init__(self, titles: Sequence[str], bars: Iterable[int] = (), empty: str = "", wide: int = 0) -> None:
        super().__init__()
        self._empty = empty
        self._emitting = True
        self._hovered: int | None = None
        self.rows = RowsModel(titles)
        self.setModel(self.rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        WholeRow(self)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(44)
        header.setResizeContentsPrecision(50)
        for column in range(len(titles)):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
        self.setItemDelegate(SwatchDelegate(self))
        for column in bars:
            self.setItemDelegateForColumn(column, BarDelegate(self))
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, SCORE_WIDTH)

    @property
    def empty_text(self) -> str:
        """The text shown while there is no row."""
        return self._empty

    def row_ids(self) -> tuple[int | None, ...]:
        """Ids from the top row down; None for a row without one."""
        return tuple(row.number for row in self.rows.table_rows)

    def set_empty_text(self, text: str) -> None:
        """Set the text shown while there is no row."""
        self._empty = text
        self.viewport().update()

    def set_rows(self, rows: Sequence[TableRow]) -> None:
        """Replace the rows without a signal."""
        self._emitting = False
        self.rows.set_rows(rows)
        self._emitting = True

    def set_selected(self, ids: Iterable[int]) -> None:
        """Select rows by id without a signal, and scroll to the first of them."""
        selected_ids = set(ids)
        selection = QItemSelection()
        selected_rows = [row for row, table_row in enumerate(self.rows.table_rows) if table_row.number in selected_ids]
        for row in selected_rows:
            selection.select(self.rows.index(row, 0), self.rows.index(row, self.rows.columnCount() - 1))
        self._emitting = False
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._emitting = True
        if selected_rows:
            self.scrollTo(self.rows.index(selected_rows[0], 0))

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        super().selectionChanged(selected, deselected)
        if self._emitting:
            rows = (self.rows.table_rows[index.row()].number for index in self.selectionModel().selectedRows())
            self.selected.emit(tuple(sorted(number for number in rows if number is not None)))

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._set_hovered(None)
        elif isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseMove:
            row = self.indexAt(event.position().toPoint()).row()
            self._set_hovered(self.rows.table_rows[row].number if row >= 0 else None)
        return super().viewportEvent(event)

    def _set_hovered(self, number: int | None) -> None:
        if number != self._hovered:
            self._hovered = number
            self.hovered.emit(number)

    def event(self, event: QEvent) -> bool:
        return claims(event, SLIDER_KEYS) or super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self.rows.table_rows and self._empty:
            painter = QPainter(self.viewport())
            painter.setPen(theme.colour("quiet"))
            area = self.viewport().rect().adjusted(16, 16, -16, -16)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._empty)
            painter.end()
