"""View of the media list: lines or a grid, visible rows, keys, and the scroll position after a change."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from ui.library.delegate import EntryDelegate
from ui.library.entries import Entries, Index
from ui.widgets.whole_row import WholeRow

# Keys that are shortcuts of the window as well: the focused list handles them where it can move in their direction.
_ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)
_SIDES = (Qt.Key.Key_Left, Qt.Key.Key_Right)

SETTLED_MS = 25


class EntriesView(QListView):
    """List of `Entries`, painted by an `EntryDelegate`.

    Signals
    -------
    visible_changed : the visible rows have changed
    chosen : row that the user selected, with the mouse or the keyboard
    removal_asked : Delete was pressed
    menu_asked : position in the viewport at which to open the context menu of the selected entries
    """

    visible_changed = Signal()
    chosen = Signal(int)
    removal_asked = Signal()
    menu_asked = Signal(QPoint)

    def __init__(self, entries: Entries, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = entries
        self._delegate = EntryDelegate(entries, self)
        self._following = False
        self._pressing = False
        self._columns = 1
        self.setItemDelegate(self._delegate)
        self.setModel(entries)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._settled = QTimer(self, interval=SETTLED_MS, singleShot=True)
        self._settled.timeout.connect(self.visible_changed)
        self.verticalScrollBar().valueChanged.connect(self._moved)
        self.clicked.connect(lambda index: self.chosen.emit(index.row()))
        WholeRow(self)
        self.set_grid(False)

    # Layout ---------------------------------------------------------------------------------------------------------

    @property
    def grid(self) -> bool:
        return self._delegate.grid

    def set_grid(self, grid: bool) -> None:
        """Switch between a grid of pictures and lines with names."""
        self._delegate.grid = grid
        # Not the icon mode, which stores an object for each entry and lets the user move them: wrapped list mode.
        self.setFlow(QListView.Flow.LeftToRight if grid else QListView.Flow.TopToBottom)
        self.setWrapping(grid)
        self._fit()
        self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)

    def _fit(self) -> None:
        """Distribute the width over the largest number of columns that fits."""
        cell = self._delegate.cell()
        width = self.viewport().width() - 1  # Qt wraps a row that fills the whole width
        self._columns = max(1, width // cell.width()) if self.grid else 1
        self.setGridSize(QSize(width // self._columns, cell.height()))
        self.setMinimumHeight(cell.height())
        self.verticalScrollBar().setSingleStep(cell.height() // 2)
        self._moved()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _moved(self) -> None:
        # Not restarted during continuous scrolling: thumbnails are to load meanwhile, too.
        if not self._settled.isActive():
            self._settled.start()

    def visible_rows(self) -> range:
        """The rows that are at least partly visible."""
        count = self._entries.rowCount()
        if count == 0 or not self.isVisible():
            return range(0)
        height = self.gridSize().height()
        top = -self.visualRect(self._entries.index(0)).y()
        first = max(0, top // height) * self._columns
        last = (top + self.viewport().height() - 1) // height * self._columns + self._columns
        return range(min(first, count), min(last, count))

    # Following ------------------------------------------------------------------------------------------------------

    def follow(self, row: int | None) -> None:
        """Mark the current file without emitting `chosen`, and scroll to it."""
        self._following = True
        try:
            if row is None:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
            elif row != self.currentIndex().row() or not self.selectionModel().isSelected(self._entries.index(row)):
                # A row that was just added has no position yet, and cannot be scrolled to.
                self.executeDelayedItemsLayout()
                # Not that of the view, which adds the row to the selection while Ctrl is held down, as for undo.
                self.selectionModel().setCurrentIndex(
                    self._entries.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect
                )
        finally:
            self._following = False

    def anchor(self) -> tuple[Path, int] | None:
        """The file at the top of the view and its y position in pixels, for `restore` after a change."""
        rows = self.visible_rows()
        if not rows:
            return None
        return self._entries.path(rows[0]), self.visualRect(self._entries.index(rows[0])).y()

    def restore(self, anchor: tuple[Path, int] | None) -> None:
        """Scroll so that the file of `anchor` is at the same y position as before."""
        row = self._entries.row_of(anchor[0]) if anchor is not None else None
        if anchor is not None and row is not None:
            self.executeDelayedItemsLayout()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + self.visualRect(self._entries.index(row)).y() - anchor[1])
        self._moved()

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(current, previous)
        if current.isValid() and not self._following and not self._pressing:
            self.chosen.emit(current.row())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # A press may begin a drag: the mouse selects at its release, by `clicked`.
        self._pressing = True
        try:
            super().mousePressEvent(event)
        finally:
            self._pressing = False

    def selected_rows(self) -> list[int]:
        return sorted(index.row() for index in self.selectionModel().selectedIndexes())

    # Keys -----------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            moves = (*_ENDS, *_SIDES) if self.grid else _ENDS
            if event.key() in moves and not event.modifiers():
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.removal_asked.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.currentIndex().row())
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            self.scrollTo(self.currentIndex())
            self.menu_asked.emit(self.visualRect(self.currentIndex()).center())
        elif self.indexAt(event.pos()).isValid():
            self.menu_asked.emit(event.pos())

    def keyboardSearch(self, text: str) -> None:
        """Disabled: letters are shortcuts of the window, and the filter above the list searches."""
