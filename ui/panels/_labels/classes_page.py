"""The classes of labels: chosen, added, renamed, and given key points."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QLineEdit, QMenu, QVBoxLayout, QWidget

from ui.control.labelling import Labelling
from ui.widgets.rows_table import Cell, RowsTable, TableRow

NUMBERED = 9
"""So many classes have a digit."""


class ClassesPage(QWidget):
    """Table of the classes, and a field that adds or renames one.

    Signals
    -------
    keypoints_asked : number of the class whose key points are to be declared
    """

    keypoints_asked = Signal(int)

    def __init__(self, labelling: Labelling) -> None:
        super().__init__()
        self._labelling = labelling
        titles = (self.tr("Class"), self.tr("Key"), self.tr("Labels"))
        self.table = RowsTable(titles)
        self.table.setAccessibleName(self.tr("Classes"))
        self.table.setToolTip(
            self.tr("A click gives it to the selected label and to what is drawn next; a double-click renames it.")
        )
        self.table.set_empty_text(self.tr("No classes yet; name one below."))
        self.table.selected.connect(self._choose)
        self.table.activated.connect(lambda index: self._begin_renaming(index.row()))
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(
            lambda place: self.menu(self.table.indexAt(place).row()).popup(self.table.viewport().mapToGlobal(place))
        )
        self.new_class = QLineEdit()
        self.new_class.setPlaceholderText(self.tr("Add a class"))
        self.new_class.setAccessibleName(self.tr("Name of a new class"))
        self.new_class.setToolTip(self.tr("Enter adds the class to the labels of all pictures"))
        self.new_class.returnPressed.connect(self._take_name)
        self.new_class.installEventFilter(self)
        self._renaming: int | None = None
        self.several = QCheckBox(self.tr("Several classes for a picture"))
        self.several.setToolTip(self.tr("A picture may have several classes; otherwise another takes its place"))
        # By the user alone: what a picture happens to have says nothing about the next one.
        self.several.clicked.connect(labelling.set_several_classes)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.new_class)
        layout.addWidget(self.several)

    def show_classes(self, names: tuple[str, ...], counts: Sequence[int], among: tuple[str, ...]) -> None:
        """Show the classes, and how many labels of the picture each has; `among` decides about their colours."""
        rows = []
        for number, name in enumerate(names):
            key = Cell(str(number + 1) if number < NUMBERED else "", tone="quiet")
            count = Cell(f"{counts[number]:,}", tone="text" if counts[number] else "quiet")
            rows.append(TableRow(number, (Cell(name, label=name, among=among), key, count)))
        self.table.set_rows(rows)
        labelling = self._labelling
        of_picture = labelling.active and labelling.mode == "classes"
        self.table.set_selected(labelling.labels.classes if of_picture else {labelling.category})
        self.several.setChecked(labelling.takes_several)
        self.several.setVisible(of_picture)

    def menu(self, number: int) -> QMenu:
        """What can be done with the class `number`."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if number >= 0:
            menu.addAction(self.tr("Rename …"), partial(self._begin_renaming, number))
            menu.addAction(self.tr("Key Points …"), partial(self.keypoints_asked.emit, number))
        return menu

    def _choose(self, numbers: Sequence[int]) -> None:
        if numbers:
            self._labelling.take_class(numbers[0])

    def _begin_renaming(self, number: int) -> None:
        """Let the field below the classes take another name for the class `number`."""
        if 0 <= number < len(self._labelling.categories):
            name = self._labelling.categories[number].name
            self._renaming = number
            self.new_class.setPlaceholderText(self.tr("Rename {name}").format(name=name))
            self.new_class.setText(name)
            self.new_class.selectAll()
            self.new_class.setFocus()

    def _end_renaming(self) -> None:
        self._renaming = None
        self.new_class.setPlaceholderText(self.tr("Add a class"))
        self.new_class.clear()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if self._renaming is not None and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            self._end_renaming()
            return True
        return super().eventFilter(watched, event)

    def _take_name(self) -> None:
        if self._renaming is not None:
            self._labelling.rename_category(self._renaming, self.new_class.text())
            self._end_renaming()
        elif self._labelling.add_category(self.new_class.text()) is not None:
            self.new_class.clear()
