"""Popup that chooses a class by typing, or adds one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from cvstudio.foundation.text_search import ranked
from ui.base.icons import icon
from ui.widgets.swatch import steady_icon, swatch

WIDTH, HEIGHT = 280, 320
NUMBERED = 9
"""So many classes have a digit."""
ROW = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class _Class:
    """A class in the list, as it is searched."""

    row: int
    title: str
    keywords: tuple[str, ...] = ()
    words: str = ""


class ClassChooser(QFrame):
    """Popup with a search field and the classes; Enter takes the marked one, Escape closes.

    Parameters
    ----------
    parent : widget of the window
    names : of the classes, in their order
    current : index of the one that is marked first
    place : of its top left corner, in pixels of the desktop

    Signals
    -------
    chosen : index of a class
    added : name of a class that is not in the list
    closed : the popup is about to close
    """

    chosen = Signal(int)
    added = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget, names: Sequence[str], current: int, place: QPoint) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._names = tuple(names)
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setPlaceholderText(self.tr("Search or name a new class"))
        self.search.setAccessibleName(self.tr("Search classes"))
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Classes"))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(self._accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        self._fill("")
        self.list.setCurrentRow(current)
        screen = parent.screen().availableGeometry()
        self.setGeometry(
            min(max(place.x(), screen.left()), screen.right() - WIDTH),
            min(max(place.y(), screen.top()), screen.bottom() - HEIGHT),
            WIDTH,
            HEIGHT,
        )
        self.show()
        self.search.setFocus()
        item = self.list.currentItem()
        if item is not None:
            self.list.scrollToItem(item)

    def texts(self) -> list[str]:
        """Texts of the list."""
        return [self.list.item(row).text() for row in range(self.list.count())]

    def _fill(self, text: str) -> None:
        self.list.clear()
        classes = [_Class(row, name) for row, name in enumerate(self._names)]
        for found in ranked(classes, text) if text.strip() else classes:
            digit = f"{found.row + 1}   " if found.row < NUMBERED else ""
            item = QListWidgetItem(steady_icon(swatch(found.title, self._names)), f"{digit}{found.title}")
            item.setData(ROW, found.row)
            self.list.addItem(item)
        name = " ".join(text.split())
        if name and name not in self._names:
            new = QListWidgetItem(icon("plus"), self.tr("Add class “{name}”").format(name=name))
            new.setData(ROW, name)
            self.list.addItem(new)
        self.list.setCurrentRow(0)

    def _accept(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        row = item.data(ROW)
        self.close()
        if isinstance(row, str):
            self.added.emit(row)
        else:
            self.chosen.emit(row)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closed.emit()
        super().closeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None:
                self.list.setCurrentRow(min(max(self.list.currentRow() + step, 0), self.list.count() - 1))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._accept(self.list.currentItem())
                return True
        return super().eventFilter(watched, event)
