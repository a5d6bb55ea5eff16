"""The command palette: a search over everything that the window can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.text_search import ranked
from ui.base import theme
from ui.base.icons import icon

WIDTH, HEIGHT = 560, 420
ROW = 32
MOST_SHOWN = 60
ENTRY = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Entry:
    """One line of the palette.

    Parameters
    ----------
    key : the same at every start, e.g. "analysis:detect"; recent entries are stored by it
    title, note, shortcut : texts of the row
    run : callable () that runs the entry
    icon : name of an icon
    keywords : synonyms of the title
    words : further text that is searched word by word
    """

    key: str
    title: str
    run: Callable[[], object]
    note: str = ""
    icon: str = "command"
    keywords: tuple[str, ...] = ()
    words: str = ""
    shortcut: str = ""


class _Lines(QStyledItemDelegate):
    """Paints icon and title on the left, note and shortcut on the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        entry = index.data(ENTRY)
        if entry is None:
            super().paint(painter, option, index)
            return
        painter.save()
        if option.state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            chosen = bool(option.state & QStyle.StateFlag.State_Selected)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("selection" if chosen else "hover"))
            painter.drawRoundedRect(option.rect, 4, 4)
        place = option.rect.adjusted(8, 0, -8, 0)
        side = QRect(place.left(), place.top() + (place.height() - 16) // 2, 16, 16)
        icon(entry.icon).paint(painter, side)
        metrics = option.fontMetrics
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(theme.colour("text" if option.state & QStyle.StateFlag.State_Selected else "quiet"))
        right = place
        for text in (entry.shortcut, entry.note):
            if text:
                painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, text)
                right = right.adjusted(0, 0, -metrics.horizontalAdvance(text) - 16, 0)
        painter.setPen(theme.colour("text"))
        room = right.adjusted(28, 0, 0, 0)
        title = metrics.elidedText(entry.title, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, middle | Qt.AlignmentFlag.AlignLeft, title)
        painter.restore()


class CommandPalette(QFrame):
    """A popup with a search field and a list; Enter runs an entry, Escape closes.

    Parameters
    ----------
    parent : the window
    entries : all entries, in the order among equal matches
    recent : keys of the recent entries, the newest first
    place : where it opens, in pixels of the desktop; None for the upper middle of the window
    hint : what the empty search field says; by default "What do you want to do?"

    Signals
    -------
    used : key of the entry that runs
    """

    used = Signal(str)

    def __init__(
        self,
        parent: QWidget,
        entries: Sequence[Entry],
        recent: Sequence[str] = (),
        place: QRect | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._entries = list(entries)
        by_key = {entry.key: entry for entry in entries}
        self._recent = [by_key[key] for key in recent if key in by_key]
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setPlaceholderText(hint or self.tr("What do you want to do?"))
        self.search.setAccessibleName(self.tr("Search commands"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setItemDelegate(_Lines(self.list))
        self.list.setMouseTracking(True)
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(lambda _: self._run())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addWidget(self.search)
        layout.addWidget(self.list)
        self._fill("")
        width = max(WIDTH, place.width()) if place is not None else WIDTH
        self.resize(width, HEIGHT)
        corner = parent.mapToGlobal(QPoint((parent.width() - width) // 2, 64))
        if place is not None:
            corner = QPoint(place.center().x() - width // 2, place.top())
        self.move(corner)
        self.show()
        self.search.setFocus()

    def _fill(self, text: str) -> None:
        self.list.clear()
        for entry in ranked(self._entries, text, self._recent)[:MOST_SHOWN]:
            item = QListWidgetItem(entry.title)
            item.setData(ENTRY, entry)
            item.setToolTip(entry.words)
            self.list.addItem(item)
        if not self.list.count():
            hint = QListWidgetItem(self.tr("No match; try another word, such as “face” or “export”."))
            hint.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(hint)
        self.list.setCurrentRow(0)

    def _run(self) -> None:
        item = self.list.currentItem()
        entry = item.data(ENTRY) if item else None
        if entry is None:
            return
        self.close()
        self.used.emit(entry.key)
        entry.run()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            row, last, page = self.list.currentRow(), self.list.count() - 1, max(1, self.list.height() // ROW - 1)
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: page,
                Qt.Key.Key_PageUp: -page,
            }
            step = steps.get(Qt.Key(event.key()))
            if step is not None:
                # A single step wraps around at the ends; a page stops there.
                target = (row + step) % (last + 1) if abs(step) == 1 else min(max(row + step, 0), last)
                self.list.setCurrentRow(target)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run()
                return True
        return super().eventFilter(watched, event)
