"""A combo box whose list, where it is long, can be searched by typing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeyEvent, QPainter, QStandardItem, QStandardItemModel
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
"""Minimum number of rows of a list that can be searched."""

WIDTH, HEIGHT = 300, 520
HEADING_HEIGHT = 28
GAP = 2

NAMES = Qt.ItemDataRole.UserRole + 20
"""Role of a row's synonyms, a tuple of texts."""

WORDS = Qt.ItemDataRole.UserRole + 21
"""Role of further text of a row, which is searched word by word."""

SECTION = Qt.ItemDataRole.UserRole + 22
"""Role of a row's section in the list, as (position, title)."""

_ROW = Qt.ItemDataRole.UserRole + 23
_HEADING = Qt.ItemDataRole.UserRole + 24


@dataclass(frozen=True)
class _Choice:
    """A row of the combo box, with the texts that are searched."""

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
    """Combo box with a `SearchList` where it has many rows; its actions are buttons under that list."""

    def __init__(self) -> None:
        super().__init__()
        self.list_width = WIDTH
        self.searched: SearchList | None = None

    def showPopup(self) -> None:
        # The list of the box itself knows neither buttons nor sections.
        if self.count() <= MANY and not self.actions() and self.itemData(0, SECTION) is None:
            # Keys move the list's own row, also where Escape leaves the choice as it was; the list opens over that row.
            self.view().setCurrentIndex(self.model().index(self.currentIndex(), self.modelColumn()))
            super().showPopup()
        elif self.searched is None:
            self.searched = SearchList(self)
            self.searched.chosen.connect(self._accept)
            self.searched.closed.connect(self._list_closed)

    def hidePopup(self) -> None:
        if self.searched is not None:
            self.searched.close()
        super().hidePopup()

    def _list_closed(self) -> None:
        self.searched = None

    def _accept(self, row: int) -> None:
        self.setCurrentIndex(row)
        self.activated.emit(row)


class SearchList(QFrame):
    """Popup with the rows of a combo box and a search field; Enter accepts a row, Escape closes it.

    Signals
    -------
    chosen : row of the combo box
    closed : the popup is about to close
    """

    chosen = Signal(int)
    closed = Signal()

    def __init__(self, combo: QComboBox) -> None:
        # Not a child of the combo box, which would be painted like the box's own list.
        super().__init__(combo.window(), Qt.WindowType.Popup)
        self.setObjectName("palette")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # Copies of the rows: the combo box may be deleted before the popup.
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
        self.list.clicked.connect(self._accept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.search)
        layout.addWidget(self.list, 1)
        for action in filter(QAction.isVisible, combo.actions()):
            button = QPushButton(action.icon(), action.text())
            button.setToolTip(action.toolTip())
            # Closed first, so that a window that the action opens is not closed with it.
            button.clicked.connect(self.close)
            button.clicked.connect(action.trigger)
            layout.addWidget(button)
        self._fill("")
        self._move_below(combo)
        self.show()
        self.search.setFocus()
        self._go_to(combo.currentIndex())

    def texts(self) -> list[str]:
        """Texts of the list, headings included."""
        return [str(self.model.index(row, 0).data()) for row in range(self.model.rowCount())]

    def _fill(self, text: str) -> None:
        self.model.clear()
        searching = bool(text.strip())
        matches = ranked(self._choices, text) if searching else sorted(self._choices, key=lambda choice: choice.section)
        heading = ""
        for choice in matches:
            if not searching and choice.section[1] != heading:
                heading = choice.section[1]
                self._add_unusable(heading, heading=True)
            item = QStandardItem(choice.title)
            for role, value in choice.data.items():
                item.setData(value, role)
            item.setData(choice.row, _ROW)
            self.model.appendRow(item)
        if not matches:
            self._add_unusable(self.tr("No match; try another word."))
        first = next((row for row in range(self.model.rowCount()) if self._row(row) is not None), -1)
        self.list.setCurrentIndex(self.model.index(first, 0))
        self.list.scrollToTop()

    def _add_unusable(self, text: str, *, heading: bool = False) -> None:
        item = QStandardItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setData(heading, _HEADING)
        self.model.appendRow(item)

    def _row(self, row: int) -> int | None:
        """The combo box's row at `row` of the list; None for a heading."""
        combo_row: int | None = self.model.index(row, 0).data(_ROW)
        return combo_row

    def _go_to(self, row: int) -> None:
        for listed in range(self.model.rowCount()):
            if row >= 0 and self._row(listed) == row:
                self.list.setCurrentIndex(self.model.index(listed, 0))
                self.list.scrollTo(self.model.index(listed, 0), QListView.ScrollHint.PositionAtCenter)

    def _accept(self, index: QModelIndex) -> None:
        row = self._row(index.row()) if index.isValid() else None
        if row is not None:
            self.close()
            self.chosen.emit(row)

    def _move_below(self, combo: QComboBox) -> None:
        screen = combo.screen().availableGeometry()
        width = max(combo.width(), getattr(combo, "list_width", WIDTH) + 16)
        below = combo.mapToGlobal(QPoint(0, combo.height() + GAP))
        geometry = QRect(below.x() + combo.width() - width, below.y(), width, min(HEIGHT, screen.height() - 2 * GAP))
        geometry.moveLeft(max(screen.left() + GAP, min(geometry.left(), screen.right() - width - GAP)))
        geometry.moveTop(max(screen.top() + GAP, min(geometry.top(), screen.bottom() - geometry.height() - GAP)))
        self.setGeometry(geometry)

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
                self._accept(self.list.currentIndex())
                return True
        return super().eventFilter(watched, event)

    def _step(self, step: int) -> None:
        usable = [row for row in range(self.model.rowCount()) if self._row(row) is not None]
        current = self.list.currentIndex().row()
        if usable:
            position = usable.index(current) if current in usable else 0
            target = usable[min(max(position + step, 0), len(usable) - 1)]
            self.list.setCurrentIndex(self.model.index(target, 0))
            if target == usable[0]:
                self.list.scrollToTop()


class _WithHeadings(QStyledItemDelegate):
    """Paints rows as the combo box does, and headings of sections between them."""

    def __init__(self, parent: QWidget, rows: QAbstractItemDelegate) -> None:
        super().__init__(parent)
        # The default delegate of a combo box only paints for the box's own list.
        self._rows = rows if isinstance(rows, QStyledItemDelegate) else None
        self._small = theme.app_font(theme.SMALL_PX)

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        if index.data(_HEADING):
            return QSize(0, HEADING_HEIGHT)
        row_size = self._rows.sizeHint(option, index) if self._rows is not None else super().sizeHint(option, index)
        # No width: a row never makes the list scroll sideways.
        return QSize(0, row_size.height())

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if not index.data(_HEADING):
            if self._rows is not None:
                self._rows.paint(painter, option, index)
            else:
                super().paint(painter, option, index)
            return
        text_rect: QRect = option.rect.adjusted(8, 6, -8, -2)
        painter.save()
        painter.setFont(self._small)
        painter.setPen(theme.colour("quiet"))
        sides = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(text_rect, sides, str(index.data()))
        painter.restore()
