"""A combo box whose list, where it is long, is searched by typing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QComboBox,
    QFrame,
    QLineEdit,
    QListView,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.foundation.text_search import ranked
from ui.base import theme
from ui.widgets.elided_combo import ElidedCombo

MANY = 15
"""Rows from which on the list can be searched."""

WIDTH, HEIGHT = 300, 520
HEADING_HEIGHT = 28
GAP = 2

NAMES = Qt.ItemDataRole.UserRole + 20
"""Other names of a row, a tuple of texts."""

WORDS = Qt.ItemDataRole.UserRole + 21
"""More text of a row that is searched word by word."""

SECTION = Qt.ItemDataRole.UserRole + 22
"""Place and title of the part of the list that a row stands in, (number, text)."""

_ROW = Qt.ItemDataRole.UserRole + 23
_HEADING = Qt.ItemDataRole.UserRole + 24


@dataclass(frozen=True)
class _Choice:
    """A row of the combo box, as the search sees it."""

    row: int
    title: str
    keywords: tuple[str, ...]
    words: str
    section: tuple[float, str]
    data: Mapping[int, Any]


def _choice(combo: QComboBox, row: int) -> _Choice:
    data = combo.model().itemData(combo.model().index(row, combo.modelColumn()))
    return _Choice(
        row,
        combo.itemText(row),
        tuple(data.get(NAMES) or ()),
        str(data.get(WORDS) or ""),
        tuple(data.get(SECTION) or (0.0, "")),
        data,
    )


class SearchCombo(ElidedCombo):
    """A combo box; the actions of the widget are buttons under its list, where the list is long."""

    def __init__(self) -> None:
        super().__init__()
        self.list_width = WIDTH
        self.searched: SearchList | None = None

    def showPopup(self) -> None:
        if self.count() <= MANY and not self.actions():
            super().showPopup()
        elif self.searched is None:
            self.searched = SearchList(self)
            self.searched.chosen.connect(self._take)
            self.searched.closed.connect(self._gone)

    def hidePopup(self) -> None:
        if self.searched is not None:
            self.searched.close()
        super().hidePopup()

    def _gone(self) -> None:
        self.searched = None

    def _take(self, row: int) -> None:
        self.setCurrentIndex(row)
        self.activated.emit(row)


class SearchList(QFrame):
    """The list of a combo box under it, with a line to type what is looked for; Enter takes, Escape leaves.

    Signals
    -------
    chosen : row of the combo box
    closed : it is about to go
    """

    chosen = Signal(int)
    closed = Signal()

    def __init__(self, combo: QComboBox) -> None:
        # A child of the combo box would be painted as its own list is.
        super().__init__(combo.window(), Qt.WindowType.Popup)
        self.setObjectName("palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # Nothing of it refers to the combo box, which may be deleted first.
        self._choices = [_choice(combo, row) for row in range(combo.count())]
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setPlaceholderText(self.tr("Search {count}").format(count=combo.count()))
        self.search.setAccessibleName(self.tr("Search the list"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self.search.installEventFilter(self)
        self.model = QStandardItemModel(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setItemDelegate(_WithHeadings(self.list, combo.itemDelegate()))
        self.list.clicked.connect(self._take)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        for action in combo.actions():
            button = QPushButton(action.icon(), action.text())
            button.setToolTip(action.toolTip())
            # Closed first, so that what the action opens is not closed with it.
            button.clicked.connect(self.close)
            button.clicked.connect(action.trigger)
            layout.addWidget(button)
        self._fill("")
        self._place(combo)
        self.show()
        self.search.setFocus()
        self._go_to(combo.currentIndex())

    def texts(self) -> list[str]:
        """What is listed, headings too."""
        return [str(self.model.index(row, 0).data()) for row in range(self.model.rowCount())]

    def _fill(self, text: str) -> None:
        self.model.clear()
        asked = bool(text.strip())
        found = ranked(self._choices, text) if asked else sorted(self._choices, key=lambda choice: choice.section)
        before = ""
        for choice in found:
            if not asked and choice.section[1] != before:
                before = choice.section[1]
                self._add_unusable(before, heading=True)
            item = QStandardItem(choice.title)
            for role, value in choice.data.items():
                item.setData(value, role)
            item.setData(choice.row, _ROW)
            self.model.appendRow(item)
        if not found:
            self._add_unusable(self.tr("Nothing fits; try another word."))
        first = next((row for row in range(self.model.rowCount()) if self._row(row) is not None), -1)
        self.list.setCurrentIndex(self.model.index(first, 0))
        self.list.scrollToTop()

    def _add_unusable(self, text: str, *, heading: bool = False) -> None:
        item = QStandardItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setData(heading, _HEADING)
        self.model.appendRow(item)

    def _row(self, row: int) -> int | None:
        """The combo box's row that is listed in `row`; None for a heading."""
        found: int | None = self.model.index(row, 0).data(_ROW)
        return found

    def _go_to(self, row: int) -> None:
        for listed in range(self.model.rowCount()):
            if row >= 0 and self._row(listed) == row:
                self.list.setCurrentIndex(self.model.index(listed, 0))
                self.list.scrollTo(self.model.index(listed, 0), QListView.ScrollHint.PositionAtCenter)

    def _take(self, index: QModelIndex) -> None:
        row = self._row(index.row()) if index.isValid() else None
        if row is not None:
            self.close()
            self.chosen.emit(row)

    def _place(self, combo: QComboBox) -> None:
        screen = combo.screen().availableGeometry()
        width = max(combo.width(), getattr(combo, "list_width", WIDTH) + 16)
        below = combo.mapToGlobal(QPoint(0, combo.height() + GAP))
        place = QRect(below.x() + combo.width() - width, below.y(), width, min(HEIGHT, screen.height() - 2 * GAP))
        place.moveLeft(max(screen.left() + GAP, min(place.left(), screen.right() - width - GAP)))
        place.moveTop(max(screen.top() + GAP, min(place.top(), screen.bottom() - place.height() - GAP)))
        self.setGeometry(place)

    def closeEvent(self, event: QCloseEvent) -> None:
        self.closed.emit()
        super().closeEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            page = 8
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: page,
                Qt.Key.Key_PageUp: -page,
            }
            step = steps.get(Qt.Key(event.key()))
            if step is not None:
                self._step(step)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take(self.list.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def _step(self, step: int) -> None:
        usable = [row for row in range(self.model.rowCount()) if self._row(row) is not None]
        current = self.list.currentIndex().row()
        if usable:
            place = usable.index(current) if current in usable else 0
            target = usable[min(max(place + step, 0), len(usable) - 1)]
            self.list.setCurrentIndex(self.model.index(target, 0))
            if target == usable[0]:
                self.list.scrollToTop()


class _WithHeadings(QStyledItemDelegate):
    """Rows as the combo box paints them, and the titles of parts of the list between them."""

    def __init__(self, parent: QWidget, rows: QAbstractItemDelegate) -> None:
        super().__init__(parent)
        # A combo box's own delegate paints for its own list only.
        self._rows = rows if isinstance(rows, QStyledItemDelegate) else None
        self._small = theme.app_font(theme.SMALL_PX)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        if index.data(_HEADING):
            return QSize(0, HEADING_HEIGHT)
        found = self._rows.sizeHint(option, index) if self._rows is not None else super().sizeHint(option, index)
        # The list is as wide as it is; a row never makes it scroll.
        return QSize(0, found.height())

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if not index.data(_HEADING):
            if self._rows is not None:
                self._rows.paint(painter, option, index)
            else:
                super().paint(painter, option, index)
            return
        place: QRect = option.rect.adjusted(8, 6, -8, -2)
        painter.save()
        painter.setFont(self._small)
        painter.setPen(theme.colour("quiet"))
        sides = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(place, sides, str(index.data()))
        painter.restore()
