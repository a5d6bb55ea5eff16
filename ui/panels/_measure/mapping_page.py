"""The mapping of a model's labels to the classes of the set: shown, changed, loaded and saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cvstudio.evaluation.class_mapping import ClassMapping, read_pairs
from cvstudio.foundation.errors import UserError
from ui.base.icons import icon
from ui.base.translate import counted, translated
from ui.widgets.elided_combo import ElidedCombo

LABEL, CATEGORY = range(2)
NAMED = 12


class MappingPage(QWidget):
    """Labels of one model with the class that each stands for; a double click chooses another.

    Signals
    -------
    changed : (number of the model, label, class or None) that the user chose
    loaded : (number of the model, mapping by label) of a file
    notice : (level, text) for the user
    """

    changed = Signal(int, str, object)
    loaded = Signal(int, object)
    notice = Signal(str, str)

    def __init__(self) -> None:
        super().__init__()
        self._mappings: tuple[tuple[str, ClassMapping], ...] = ()
        self.model = ElidedCombo()
        self.model.setAccessibleName(self.tr("Model whose labels are mapped"))
        self.model.setToolTip(self.model.accessibleName())
        self.model.currentIndexChanged.connect(lambda _: self._fill())
        self.load_button = QPushButton(icon("folder-open"), self.tr("Load …"))
        self.load_button.setToolTip(self.tr("Take the mapping of a JSON file over, class of the set by label"))
        self.load_button.clicked.connect(self._choose)
        self.save_button = QPushButton(icon("save"), self.tr("Save …"))
        self.save_button.setToolTip(self.tr("Write the mapping as JSON, for the command line and other sets"))
        self.save_button.clicked.connect(self._save)
        self.rest = QLabel()
        self.rest.setObjectName("quiet")
        self.rest.setWordWrap(True)
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels([self.tr("Label of the model"), self.tr("Class of the set")])
        self.table.setAccessibleName(self.tr("Class mapping"))
        self.table.setToolTip(self.tr("Choose which class of the labelled set a label of the model stands for."))
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.table.cellActivated.connect(self._edit)
        self.table.cellDoubleClicked.connect(self._edit)
        top = QHBoxLayout()
        top.addWidget(self.model, 1)
        top.addStretch(1)
        top.addWidget(self.load_button)
        top.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.rest)
        layout.addWidget(self.table, 1)

    def show_mappings(self, mappings: tuple[tuple[str, ClassMapping], ...]) -> None:
        """Show mappings of (title of the model, mapping)."""
        self._mappings = mappings
        number = max(0, self.model.currentIndex())
        self.model.blockSignals(True)
        self.model.clear()
        self.model.addItems([title for title, _ in mappings])
        self.model.setCurrentIndex(min(number, len(mappings) - 1))
        self.model.blockSignals(False)
        self.model.setVisible(len(mappings) > 1)
        self._fill()

    @property
    def mapping(self) -> ClassMapping | None:
        """The mapping that is shown; None without one."""
        number = self.model.currentIndex()
        return self._mappings[number][1] if 0 <= number < len(self._mappings) else None

    def _fill(self) -> None:
        mapping = self.mapping
        self.load_button.setEnabled(mapping is not None)
        self.save_button.setEnabled(mapping is not None)
        self.table.setRowCount(0)
        self.rest.setText("")
        if mapping is None:
            return
        # Matched labels first: a classifier of a thousand may share ten with the set.
        labels = sorted(dict.fromkeys(mapping.labels), key=lambda label: label not in mapping.pairs)
        self.table.setRowCount(len(labels))
        for row, label in enumerate(labels):
            self.table.setItem(row, LABEL, QTableWidgetItem(label))
            self.table.setItem(row, CATEGORY, QTableWidgetItem(mapping.pairs.get(label, "–")))
        missing = mapping.unmatched_categories
        if missing:
            names = ", ".join(missing[:NAMED]) + (" …" if len(missing) > NAMED else "")
            one, many = (
                self.tr("{count} class of the set has no label and is not measured: {names}"),
                self.tr("{count} classes of the set have no label and are not measured: {names}"),
            )
            self.rest.setText(counted(len(missing), one, many, names=names))
        self.rest.setVisible(bool(missing))

    def _edit(self, row: int, column: int) -> None:
        """Put a chooser of classes into a row."""
        mapping, item = self.mapping, self.table.item(row, LABEL)
        if mapping is None or item is None:
            return
        label = item.text()
        chooser = QComboBox()
        chooser.addItem(self.tr("none"), None)
        for category in mapping.categories:
            chooser.addItem(category, category)
        chooser.setCurrentIndex(max(0, chooser.findData(mapping.pairs.get(label))))
        chooser.setAccessibleName(self.tr("Class for {label}").format(label=label))
        number = self.model.currentIndex()
        chooser.activated.connect(lambda _: self.changed.emit(number, label, chooser.currentData()))
        self.table.setCellWidget(row, CATEGORY, chooser)
        chooser.setFocus()

    def _choose(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Class mapping"), "", "JSON (*.json)")
        if name:
            self.load(Path(name))

    def load(self, path: Path) -> None:
        """Take over the mapping of a file."""
        mapping = self.mapping
        if mapping is None:
            return
        try:
            pairs: Mapping[str, str | None] = read_pairs(path)
            mapping.with_file(path)
        except UserError as error:
            self.notice.emit("error", translated(str(error)))
            return
        self.loaded.emit(self.model.currentIndex(), pairs)

    def _save(self) -> None:
        mapping = self.mapping
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Class mapping"), "class-mapping.json", "JSON (*.json)")
        if not name or mapping is None:
            return
        try:
            mapping.save(Path(name))
        except (OSError, UserError) as error:
            self.notice.emit("error", self.tr("{name} cannot be written: {reason}").format(name=name, reason=error))
