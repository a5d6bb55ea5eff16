"""The table of outcomes of a batch, one row for each file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import QHeaderView, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from cvstudio.running.batch.queue import Outcome
from ui.base import theme
from ui.base.icons import icon

FILE, STATE, SECS, ERROR = range(4)
ICONS = {"done": "circle-check", "failed": "circle-alert", "left out": "minus"}

Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


class OutcomesModel(QAbstractTableModel):
    """Outcomes in the order of arrival: all of them, or the failed ones only."""

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Outcome] = []
        self._shown: list[Outcome] = []
        self._only_failed = False

    def clear(self) -> None:
        self.beginResetModel()
        self._all, self._shown = [], []
        self.endResetModel()

    def add(self, outcomes: list[Outcome]) -> None:
        """Append outcomes."""
        self._all += outcomes
        added = [item for item in outcomes if not self._only_failed or item.state == "failed"]
        if added:
            self.beginInsertRows(NO_INDEX, len(self._shown), len(self._shown) + len(added) - 1)
            self._shown += added
            self.endInsertRows()

    def set_only_failed(self, only: bool) -> None:
        self.beginResetModel()
        self._only_failed = only
        self._shown = [item for item in self._all if not only or item.state == "failed"]
        self.endResetModel()

    @property
    def failed(self) -> int:
        """Number of files that failed."""
        return sum(item.state == "failed" for item in self._all)

    def outcome(self, row: int) -> Outcome:
        return self._shown[row]

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (self.tr("File"), self.tr("State"), self.tr("Time"), self.tr("Error"))[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignVCenter | self._side(section)
        return None

    @staticmethod
    def _side(column: int) -> Qt.AlignmentFlag:
        return Qt.AlignmentFlag.AlignRight if column == SECS else Qt.AlignmentFlag.AlignLeft

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        item, column = self._shown[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            secs = "" if item.resumed or item.state == "left out" else f"{item.secs * 1000:.0f} ms"
            state = {
                "done": self.tr("done before") if item.resumed else self.tr("done"),
                "failed": self.tr("failed"),
                "left out": self.tr("left out"),
            }[item.state]
            return (Path(item.file).name, state, secs, item.error)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return item.error if column == ERROR and item.error else item.file
        if role == Qt.ItemDataRole.DecorationRole and column == FILE:
            return icon(ICONS[item.state])
        if role == Qt.ItemDataRole.ForegroundRole:
            quiet = column == SECS or item.state == "left out" or item.resumed
            return theme.colour("error" if item.state == "failed" and column == STATE else "quiet" if quiet else "text")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignVCenter | self._side(column)
        return None


class _Sentence(QStyledItemDelegate):
    """Elides sentences at the end; the other columns elide file names in the middle."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


class OutcomesTable(QTableView):
    """Table that keeps to its last row until the user scrolls away.

    Signals
    -------
    opened : path of the activated file
    """

    opened = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.outcomes = OutcomesModel()
        self.setModel(self.outcomes)
        self.setAccessibleName(self.tr("Files"))
        self.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setItemDelegateForColumn(ERROR, _Sentence(self))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for column, width in ((FILE, 184), (STATE, 80), (SECS, 76)):
            header.resizeSection(column, width)
        self.activated.connect(lambda index: self.opened.emit(self.outcomes.outcome(index.row()).file))

    def add(self, outcomes: list[Outcome]) -> None:
        bar = self.verticalScrollBar()
        at_end = bar.value() >= bar.maximum() - 2
        self.outcomes.add(outcomes)
        if at_end:
            self.scrollToBottom()
