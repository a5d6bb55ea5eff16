"""The table of models in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from cvstudio.models.catalogue.chart import metrics
from cvstudio.models.catalogue.columns import COLUMNS, CatalogueColumn, ordered
from cvstudio.models.catalogue.entries import CatalogueEntry
from cvstudio.models.terms import Place
from ui.base import theme
from ui.base.icons import icon
from ui.base.translate import translated

ROW_HEIGHT = 26
SHOWN: tuple[CatalogueColumn, ...] = tuple(column for column in COLUMNS if column.key != "key")
PLACE_ICONS = {
    Place.EMBEDDED: ("circle-check", "success"),
    Place.HERE: ("circle-check", "success"),
    Place.CHOSEN: ("circle-check", "success"),
    Place.LIBRARY: ("circle-check", "success"),
    Place.PACKAGE: ("circle-check", "success"),
    Place.ABSENT: ("download", "quiet"),
    Place.GONE: ("circle-alert", "warning"),
    Place.NO_PACKAGE: ("circle-alert", "warning"),
}
FORBIDDEN = Qt.ItemDataRole.UserRole + 1
Index = QModelIndex | QPersistentModelIndex
NO_INDEX = QModelIndex()


def column_at(key: str) -> int:
    """Index of the shown column with the key `key`."""
    return next(place for place, column in enumerate(SHOWN) if column.key == key)


class CatalogueModel(QAbstractTableModel):
    """Entries sorted by a column; those without a value come last."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._unsorted: tuple[CatalogueEntry, ...] = ()
        self._metrics: tuple[str, ...] = ()
        self._rows: list[CatalogueEntry] = []
        self._column, self._descending = -1, False

    @property
    def entries(self) -> Sequence[CatalogueEntry]:
        return self._rows

    def set_entries(self, entries: Sequence[CatalogueEntry]) -> None:
        """Show other entries."""
        self._unsorted = tuple(entries)
        self._metrics = metrics(self._unsorted)
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 restores the order of `set_entries`."""
        self._column, self._descending = column, order == Qt.SortOrder.DescendingOrder
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        if self._column < 0:
            self._rows = list(self._unsorted)
        else:
            self._rows = ordered(self._unsorted, SHOWN[self._column], descending=self._descending)
        self.endResetModel()

    def row_of(self, key: str) -> int:
        """The row of a model; -1 where it is not shown."""
        return next((row for row, entry in enumerate(self._rows) if entry.key == key), -1)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(SHOWN)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = SHOWN[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return translated(column.title)
        if role == Qt.ItemDataRole.ToolTipRole:
            return translated(column.doc) or None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        entry, column = self._rows[index.row()], SHOWN[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return translated(column.text(entry))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _side(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tooltip(entry, column)
        if role == Qt.ItemDataRole.DecorationRole and column.key == "model":
            name, colour = PLACE_ICONS[entry.terms.place]
            return icon(name, 14, colour)
        if role == Qt.ItemDataRole.ForegroundRole and not self._stands_out(entry, column):
            return theme.colour("quiet")
        if role == FORBIDDEN and column.key == "licence":
            return entry.terms.non_commercial
        return None

    def _stands_out(self, entry: CatalogueEntry, column: CatalogueColumn) -> bool:
        """Whether a cell has the strong colour: names, and scores by a metric that several models have."""
        return column.key == "model" or (
            column.key == "score" and entry.score is not None and entry.score[0] in self._metrics
        )

    @staticmethod
    def _tooltip(entry: CatalogueEntry, column: CatalogueColumn) -> str:
        if column.key == "model":
            place = translated(entry.terms.place.value)
            parts = (entry.spec.title, translated(entry.spec.summary), entry.spec.paper, place)
            return "\n".join(part for part in parts if part)
        if column.key == "score" and entry.score is not None:
            return f"{entry.score[1]:.1f}% {entry.score[0]}"
        if column.key == "macs" and entry.figures is not None:
            height, width = entry.figures.input_size
            return f"{entry.figures.macs:,} at {width} × {height}"
        if column.key == "params" and entry.figures is not None:
            return f"{entry.figures.parameters:,}"
        if column.key == "ms" and entry.speed is not None and entry.speed.precision:
            return entry.speed.precision
        return translated(column.text(entry))


def _side(column: CatalogueColumn) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class _LicenceDelegate(QStyledItemDelegate):
    """Paints a framed "non-commercial" where commercial use is forbidden, then the licence."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if not index.data(FORBIDDEN):
            super().paint(painter, option, index)
            return
        ground = QStyleOptionViewItem(option)
        self.initStyleOption(ground, index)
        text, ground.text = ground.text, ""
        style = ground.widget.style() if ground.widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, ground, painter, ground.widget)
        word = self.tr("non-commercial")
        area: QRect = option.rect.adjusted(10, 0, -8, 0)
        painter.save()
        painter.setFont(theme.app_font(theme.SMALL_PX))
        metrics = painter.fontMetrics()
        badge = QRect(area.left(), area.center().y() - 8, metrics.horizontalAdvance(word) + 10, 18)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour("warning"))
        painter.drawRoundedRect(badge, 4, 4)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, word)
        painter.setPen(theme.colour("quiet"))
        rest = area.adjusted(badge.width() + 8, 0, 0, 0)
        short = metrics.elidedText(text, Qt.TextElideMode.ElideRight, rest.width())
        painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
        painter.restore()


class CatalogueTable(QTableView):
    """One row can be selected; Enter or a double-click uses its model.

    Signals
    -------
    chosen : key of the selected model
    used : key of the model to use
    """

    chosen = Signal(str)
    used = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("catalogue-table")
        self.setAccessibleName(self.tr("All models"))
        self._model = CatalogueModel(self)
        self.setModel(self._model)
        self.setItemDelegateForColumn(column_at("licence"), _LicenceDelegate(self))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setCornerButtonEnabled(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(40)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        for place, column in enumerate(SHOWN):
            self.setColumnWidth(place, column.width)
        self.doubleClicked.connect(lambda _: self._use())
        self.selectionModel().currentRowChanged.connect(self._choose)
        self._chosen = ""
        self._model.modelReset.connect(lambda: self.choose(self._chosen))

    def sizeHint(self) -> QSize:
        return QSize(760, 480)

    def set_entries(self, entries: Sequence[CatalogueEntry]) -> None:
        """Show other entries; the selected model stays selected where it is among them."""
        self._model.set_entries(entries)

    def listed(self) -> list[str]:
        """Keys of the models in the order of the rows."""
        return [entry.key for entry in self._model.entries]

    def key(self) -> str:
        """Key of the selected model; empty without one."""
        row = self.currentIndex().row()
        return self._model.entries[row].key if 0 <= row < len(self._model.entries) else ""

    def choose(self, key: str) -> None:
        """Select a model and scroll to it."""
        row = self._model.row_of(key)
        if row >= 0:
            self.setCurrentIndex(self._model.index(row, 0))
            self.scrollTo(self._model.index(row, 0))

    def show_task(self, shown: bool) -> None:
        """Show or hide the column of the task, which is the same everywhere when a task is filtered."""
        self.setColumnHidden(column_at("task"), not shown)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._use()
        else:
            super().keyPressEvent(event)

    def _use(self) -> None:
        if self.key():
            self.used.emit(self.key())

    def _choose(self, current: QModelIndex, previous: QModelIndex) -> None:
        if current.isValid():
            self._chosen = self.key()
            self.chosen.emit(self._chosen)
