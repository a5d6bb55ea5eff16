"""Keeps the selected row of a list whole when the list becomes smaller."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView


class WholeRow(QObject):
    """Scrolls a view so far that its first selected row, where some of it was visible, is whole at the new size."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view
        self._height = view.viewport().height()
        self._soon = QTimer(self, interval=0, singleShot=True)
        self._soon.timeout.connect(self._scroll)
        view.viewport().installEventFilter(self)

    def _row(self) -> QModelIndex | QPersistentModelIndex:
        selection = self._view.selectionModel().selection()
        return selection.at(0).topLeft() if selection.size() else QModelIndex()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QResizeEvent):
            # Not the old size of the event, which is none where the view was hidden meanwhile.
            height, self._height = self._height, event.size().height()
            row = self._row()
            if row.isValid():
                rect = self._view.visualRect(row)
                if rect.bottom() >= 0 and rect.top() < height:
                    self._soon.start()
        return False

    def _scroll(self) -> None:
        row = self._row()
        if row.isValid():
            self._view.scrollTo(row)
