"""The list itself: lines or a grid, what of it is visible, keys, and where it stands after a change."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from ui.library.delegate import EntryDelegate
from ui.library.entries import Entries, Index

# Keys that the window has a use for as well: they move in the list while it has the focus and can move there.
_ENDS = (Qt.Key.Key_Home, Qt.Key.Key_End)
_SIDES = (Qt.Key.Key_Left, Qt.Key.Key_Right)

SETTLED_MS = 25


class EntriesView(QListView):
    """Shows `Entries`; the delegate paints them.

    Signals
    -------
    visible_changed : other entries came into view
    chosen : the row that the user went to, with the mouse or the keyboard
    removal_asked : Delete was pressed
    menu_asked : where in the viewport the menu of the chosen entries is to open
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
        self.set_grid(False)

    # Layout ---------------------------------------------------------------------------------------------------------

    @property
    def grid(self) -> bool:
        return self._delegate.grid

    def set_grid(self, grid: bool) -> None:
        """Show a grid of pictures, or lines with names."""
        self._delegate.grid = grid
        # The list's own layout, wrapped: the icon mode keeps an object for each entry and lets them be moved about.
        self.setFlow(QListView.Flow.LeftToRight if grid else QListView.Flow.TopToBottom)
        self.setWrapping(grid)
        self._fit()
        self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)

    def _fit(self) -> None:
        """Share the width out among as many columns as have room."""
        cell = self._delegate.cell()
        width = self.viewport().width() - 1  # Qt wraps a row that fills the width to the last pixel
        self._columns = max(1, width // cell.width()) if self.grid else 1
        self.setGridSize(QSize(width // self._columns, cell.height()))
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
        # Not begun anew while one scrolls on: thumbnails are to come meanwhile, too.
        if not self._settled.isActive():
            self._settled.start()

    def visible_rows(self) -> range:
        """The rows of which at least a part is in view."""
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
        """Mark the current file without choosing it again, and bring it into view where it moved out."""
        self._following = True
        try:
            if row is None:
                self.clearSelection()
                self.setCurrentIndex(QModelIndex())
            elif row != self.currentIndex().row() or not self.selectionModel().hasSelection():
                # It may have come just now: rows without a place cannot be scrolled to.
                self.executeDelayedItemsLayout()
                self.setCurrentIndex(self._entries.index(row))
        finally:
            self._following = False

    def anchor(self) -> tuple[Path, int] | None:
        """The file at the top of the view and how far it is scrolled; for `restore` after a change."""
        rows = self.visible_rows()
        if not rows:
            return None
        return self._entries.path(rows[0]), self.visualRect(self._entries.index(rows[0])).y()

    def restore(self, anchor: tuple[Path, int] | None) -> None:
        """Scroll so that the same file is at the same height as before."""
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
        # A press may begin a drag: the mouse chooses when it is let go, which `clicked` tells.
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
        """Letters are the window's shortcuts; the filter above the list is what searches."""
