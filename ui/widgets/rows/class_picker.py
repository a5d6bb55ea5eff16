"""Selection of class names: a button that shows the selected ones, and a searchable list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QStandardItem,
    QStandardItemModel,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base import theme
from ui.base.keys import PRESS_KEYS, claims
from ui.base.translate import counted
from ui.widgets.rows.row import ROW_HEIGHT, Row
from ui.widgets.swatch import steady_icon, swatch

DOT = 8
CHECKED = Qt.CheckState.Checked
TALLY = Qt.ItemDataRole.UserRole + 1
"""Role of the text beside a class."""
ONLY_WIDTH = 44
"""Pixels at the right of a row for the word "only"."""


class ClassList(QListView):
    """List of check boxes; a click beside the count, on "only", asks for that class alone.

    Signals
    -------
    toggled, only : row
    """

    toggled = Signal(int)
    only = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._pressed = -1
        self.setMouseTracking(True)
        self.setItemDelegate(_ClassDelegate(self))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self._pressed = self.indexAt(event.position().toPoint()).row()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        place = event.position().toPoint()
        index = self.indexAt(place)
        if index.isValid() and index.row() == self._pressed and event.button() == Qt.MouseButton.LeftButton:
            on_only = place.x() >= self.visualRect(index).right() - ONLY_WIDTH
            (self.only if on_only else self.toggled).emit(index.row())

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.viewport().update()


class _ClassDelegate(QStyledItemDelegate):
    """Paints the count of a class and, under the cursor or on the current row, the word "only"."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        # The style's own grows with the first search: the list measures its rows once before the style is known.
        return QSize(super().sizeHint(option, index).width(), ROW_HEIGHT)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().paint(painter, option, index)
        rect: QRect = option.rect
        sides = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.save()
        painter.setPen(theme.colour("quiet"))
        painter.drawText(rect.adjusted(0, 0, -ONLY_WIDTH - 4, 0), sides, str(index.data(TALLY) or ""))
        state: QStyle.StateFlag = option.state
        if state & (QStyle.StateFlag.State_MouseOver | QStyle.StateFlag.State_HasFocus):
            painter.setPen(theme.colour("link"))
            painter.drawText(rect.adjusted(0, 0, -8, 0), sides, QCoreApplication.translate("ClassPopup", "only"))
        painter.restore()


class ClassPopup(QFrame):
    """Popup with a search field and a list of check boxes. Without a choice every class is checked.

    Signals
    -------
    chosen : sorted names, empty for every class; emitted at every change by the user
    """

    chosen = Signal(object)

    def __init__(
        self,
        parent: QWidget,
        options: Sequence[str],
        chosen: Sequence[str],
        tallies: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Fill the list.

        Parameters
        ----------
        parent : the button below which the popup opens
        options, chosen : names of all classes and of the chosen ones; none chosen is all of them
        tallies : text beside a class, such as how often it was found; classes with one come first
        """
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        one, many = self.tr("Search {count} class"), self.tr("Search {count} classes")
        self.search.setPlaceholderText(counted(len(options), one, many))
        self.search.setAccessibleName(self.tr("Search classes"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.everything = QPushButton(self.tr("Show all"))
        self.everything.setToolTip(self.tr("Check every class"))
        self.everything.clicked.connect(self._show_all)
        self.list = ClassList()
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(12, 12))
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName(self.tr("Classes"))
        self.list.setToolTip(self.tr("Click to show or hide a class; click “only”, or press Ctrl+Enter, for it alone."))
        self._model = QStandardItemModel(self)
        picked = set(chosen)
        for name in sorted(options, key=lambda name: (name not in tallies, name.casefold())):
            item = QStandardItem(steady_icon(swatch(name, tuple(options))), name)
            item.setData(tallies.get(name, ""), TALLY)
            # Not user-checkable: Qt and the list would both toggle at a click on the box.
            item.setCheckState(CHECKED if not picked or name in picked else Qt.CheckState.Unchecked)
            self._model.appendRow(item)
        self.list.setModel(self._model)
        self.list.toggled.connect(self.toggle)
        self.list.only.connect(self.show_only)
        self.list.installEventFilter(self)
        head = QHBoxLayout()
        head.addWidget(self.search, 1)
        head.addWidget(self.everything)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)

    def _checked(self) -> list[str]:
        items = (self._model.item(row) for row in range(self._model.rowCount()))
        return sorted(item.text() for item in items if item.checkState() == CHECKED)

    def names(self) -> tuple[str, ...]:
        """The checked names, sorted; empty where all are checked."""
        names = self._checked()
        return () if len(names) == self._model.rowCount() else tuple(names)

    def toggle(self, row: int) -> None:
        """Check or uncheck a row as the user does. Without the last one all are shown, and checked, again."""
        item = self._model.item(row)
        checked = self._checked()
        if checked == [item.text()]:
            self._show_all()
            return
        item.setCheckState(Qt.CheckState.Unchecked if item.checkState() == CHECKED else CHECKED)
        self.chosen.emit(self.names())

    def show_only(self, row: int) -> None:
        """Check one row alone."""
        self._check(lambda other: other == row)

    def _show_all(self) -> None:
        self._check(lambda row: True)

    def _check(self, wanted: Callable[[int], bool]) -> None:
        blocked = self._model.blockSignals(True)
        for row in range(self._model.rowCount()):
            self._model.item(row).setCheckState(CHECKED if wanted(row) else Qt.CheckState.Unchecked)
        self._model.blockSignals(blocked)
        self.list.viewport().update()
        self.chosen.emit(self.names())

    def _filter(self, text: str) -> None:
        query = text.casefold().strip()
        for row in range(self._model.rowCount()):
            self.list.setRowHidden(row, query not in self._model.item(row).text().casefold())

    def _visible_rows(self) -> list[int]:
        return [row for row in range(self._model.rowCount()) if not self.list.isRowHidden(row)]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        key, rows = event.key(), self._visible_rows()
        current = self.list.currentIndex().row() if watched is self.list else rows[0] if rows else -1
        entered = key in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if key == Qt.Key.Key_Escape:
            self.close()
        elif entered and current >= 0 and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.show_only(current)
        elif watched is self.search and entered and rows:
            # What is searched for is wanted: the first one alone, further ones in addition.
            if self.names():
                self.toggle(current)
            else:
                self.show_only(current)
        elif watched is self.search and key == Qt.Key.Key_Down and rows:
            self.list.setFocus()
            self.list.setCurrentIndex(self._model.index(rows[0], 0))
        elif watched is self.list and key in PRESS_KEYS and current >= 0:
            self.toggle(current)
        else:
            return super().eventFilter(watched, event)
        return True


class ClassPicker(QPushButton):
    """Button that shows the selected names with their colours and opens a `ClassPopup`.

    Signals
    -------
    chosen : sorted names; empty means all
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("value-button")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._options: tuple[str, ...] = ()
        self._names: tuple[str, ...] = ()
        self.tallies: Callable[[], Mapping[str, str]] = dict
        """Returns the texts beside the classes, asked each time the list opens."""
        self.popup: ClassPopup | None = None
        self.clicked.connect(self.open)

    @property
    def names(self) -> tuple[str, ...]:
        return self._names

    @property
    def options(self) -> tuple[str, ...]:
        return self._options

    def set_options(self, options: tuple[str, ...]) -> None:
        """Set the selectable names without a signal."""
        self._options = options
        self.setEnabled(bool(options))

    def set_names(self, names: Sequence[str]) -> None:
        """Set the selected names without a signal."""
        self._names = tuple(names)
        self.setAccessibleDescription(", ".join(self._names) or self.tr("all"))
        self.update()

    def open(self) -> None:
        """Open the list below the button."""
        self.popup = ClassPopup(self, self._options, self._names, self.tallies())
        self.popup.chosen.connect(self._chosen)
        self.popup.destroyed.connect(self._closed)
        width, height = max(self.width(), 260), min(72 + 28 * len(self._options), 360)
        self.popup.resize(width, height)
        corner = self.mapToGlobal(QPoint(self.width() - width, self.height() + 4))
        screen = self.screen().availableGeometry()
        if corner.y() + height > screen.bottom():
            corner.setY(self.mapToGlobal(QPoint(0, 0)).y() - height - 4)
        corner.setX(max(corner.x(), screen.left()))
        self.popup.move(corner)
        self.popup.show()
        self.popup.search.setFocus()

    def _closed(self) -> None:
        self.popup = None

    def _chosen(self, names: tuple[str, ...]) -> None:
        self.set_names(names)
        self.chosen.emit(names)

    def sizeHint(self) -> QSize:
        return QSize(120, ROW_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, ROW_HEIGHT)

    def event(self, event: QEvent) -> bool:
        return claims(event, PRESS_KEYS) or super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(9, 0, -9, 0)
        painter.setPen(theme.colour("text" if self.isEnabled() else "disabled"))
        centred = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        if not self._names:
            painter.drawText(area, centred, self.tr("all"))
            painter.end()
            return
        metrics = self.fontMetrics()
        x = area.left()
        for index, name in enumerate(self._names):
            remaining = len(self._names) - index - 1
            more = metrics.horizontalAdvance(f" +{remaining}") if remaining else 0
            width = area.right() - x - more
            if index and DOT + 4 + metrics.horizontalAdvance(name) > width:
                painter.drawText(x, area.top(), area.right() - x + 1, area.height(), centred, f"+{remaining + 1}")
                break
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, width - DOT - 4)
            dot = swatch(name, self._options, DOT, self.devicePixelRatioF())
            painter.drawPixmap(x, (self.height() - DOT) // 2, dot)
            painter.drawText(x + DOT + 4, area.top(), width, area.height(), centred, text)
            x += DOT + 4 + metrics.horizontalAdvance(text) + 10
        painter.end()


class ChoicesRow(Row):
    """Label and class picker."""

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self.picker = ClassPicker()
        self.picker.setAccessibleName(self.title)
        self.picker.chosen.connect(lambda names: self.edit(names, dragging=False))
        self.one_line(((self.picker, 1),))

    def configure(self, *, bounds: Range | None, options: tuple[str, ...], histogram: Histogram | None) -> None:
        if options != self.picker.options:
            self.picker.set_options(options)

    def value(self) -> tuple[str, ...]:
        return self.picker.names

    def describe(self, value: Any) -> str:
        return ", ".join(value) or self.tr("all")

    def show_value(self, value: Any) -> None:
        self.picker.set_names(tuple(value or ()))
