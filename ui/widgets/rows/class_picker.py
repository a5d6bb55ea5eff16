"""Selection of class names: a button that shows the selected ones, and a searchable list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt, Signal
from PySide6.QtGui import (
    QIcon,
    QKeyEvent,
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
    QVBoxLayout,
    QWidget,
)

from cvstudio.analyses.analysis import Histogram
from cvstudio.foundation.params import Field, Range
from ui.base import theme
from ui.base.keys import claims
from ui.widgets.rows.choice_rows import PRESS_KEYS
from ui.widgets.rows.row import ROW_HEIGHT, Row
from ui.widgets.swatch import swatch

DOT = 8
CHECKED = Qt.CheckState.Checked


class ClassPopup(QFrame):
    """Popup with a search field and a list of check boxes.

    Signals
    -------
    chosen : sorted names; emitted at every change by the user
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget, options: Sequence[str], chosen: Sequence[str]) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("popup")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search {count} classes").format(count=len(options)))
        self.search.setAccessibleName(self.tr("Search classes"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.search.installEventFilter(self)
        self.everything = QPushButton(self.tr("Show all"))
        self.everything.setToolTip(self.tr("Nothing chosen means that every class is shown"))
        self.everything.clicked.connect(lambda: self._set_all(False))
        self.list = QListView()
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(12, 12))
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.setAccessibleName(self.tr("Classes"))
        self._model = QStandardItemModel(self)
        picked = set(chosen)
        for name in sorted(options, key=str.casefold):
            item = QStandardItem(QIcon(swatch(name)), name)
            # Not user-checkable: Qt and `clicked` would both toggle at a click on the box.
            item.setCheckState(CHECKED if name in picked else Qt.CheckState.Unchecked)
            self._model.appendRow(item)
        self._model.itemChanged.connect(lambda _: self.chosen.emit(self.names()))
        self.list.setModel(self._model)
        self.list.clicked.connect(lambda index: self.toggle(index.row()))
        self.list.installEventFilter(self)
        head = QHBoxLayout()
        head.addWidget(self.search, 1)
        head.addWidget(self.everything)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)

    def names(self) -> tuple[str, ...]:
        """The checked names, sorted."""
        items = (self._model.item(row) for row in range(self._model.rowCount()))
        return tuple(sorted(item.text() for item in items if item.checkState() == CHECKED))

    def toggle(self, row: int) -> None:
        """Check or uncheck a row as the user does."""
        item = self._model.item(row)
        item.setCheckState(Qt.CheckState.Unchecked if item.checkState() == CHECKED else CHECKED)

    def _set_all(self, checked: bool) -> None:
        blocked = self._model.blockSignals(True)
        for row in range(self._model.rowCount()):
            self._model.item(row).setCheckState(CHECKED if checked else Qt.CheckState.Unchecked)
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
        if key == Qt.Key.Key_Escape:
            self.close()
        elif watched is self.search and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and rows:
            self.toggle(rows[0])
        elif watched is self.search and key == Qt.Key.Key_Down and rows:
            self.list.setFocus()
            self.list.setCurrentIndex(self._model.index(rows[0], 0))
        elif watched is self.list and key in PRESS_KEYS and self.list.currentIndex().isValid():
            self.toggle(self.list.currentIndex().row())
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
        self.popup = ClassPopup(self, self._options, self._names)
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
            painter.drawPixmap(x, (self.height() - DOT) // 2, swatch(name, DOT, self.devicePixelRatioF()))
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
