"""Controls of the declaration form: a choice, a list of numbers, and a list of labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cvstudio.models.shared.labels import SIZES
from ui.base.settings import downloads_folder, first_folder
from ui.base.translate import counted
from ui.widgets.rows.choice_rows import Combo

SET_TITLES = {
    "coco-80": "COCO, 80 classes",
    "coco-90": "COCO, numbers 1 to 90",
    "voc-21": "PASCAL VOC, 21 classes",
    "imagenet-1000": "ImageNet, 1000 classes",
    "coco-keypoints": "COCO, 17 key points",
}


class ChoiceCombo(Combo):
    """A combo box of (value, title) options."""

    def __init__(self, options: Sequence[tuple[str, str]], name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_options(options)

    def set_options(self, options: Sequence[tuple[str, str]]) -> None:
        """Replace the options; the chosen value stays where it is among them."""
        chosen = self.currentData()
        self.clear()
        for value, title in options:
            self.addItem(title, value)
        self.setCurrentIndex(max(0, self.findData(chosen)))

    def choose(self, value: str) -> None:
        self.setCurrentIndex(max(0, self.findData(value)))

    @property
    def value(self) -> str:
        return str(self.currentData())


class Numbers(QLineEdit):
    """A line edit of numbers that are separated by commas."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)

    def show_numbers(self, values: Sequence[float]) -> None:
        self.setText(", ".join(f"{value:.6g}" for value in values))
        self.setCursorPosition(0)

    def numbers(self) -> list[float] | str:
        """The numbers; the text itself where it is no list of numbers, so that the declaration's check reports it."""
        try:
            return [float(part) for part in self.text().replace(";", ",").split(",")]
        except ValueError:
            return self.text()


class LabelsField(QWidget):
    """Choice of a known label set, or a text with one label on each line.

    Signals
    -------
    changed : the user chose a set or edited the text
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        own = [("", self.tr("custom list"))]
        self.set = ChoiceCombo([*own, *((key, self.tr(SET_TITLES[key])) for key in SIZES)], self.tr("Known labels"))
        self.set.activated.connect(lambda _: self._chosen())
        self.load = QPushButton(self.tr("From a file …"))
        self.load.clicked.connect(self._load)
        self.text = QPlainTextEdit()
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(self.tr("Labels, one per line"))
        self.text.setPlaceholderText(self.tr("one label per line"))
        self.text.setFixedHeight(76)
        self.text.textChanged.connect(self._written)
        self.count = QLabel()
        self.count.setObjectName("small")
        top = QHBoxLayout()
        top.addWidget(self.set, 1)
        top.addWidget(self.load)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(top)
        layout.addWidget(self.text)
        layout.addWidget(self.count)

    def show_labels(self, labels: Sequence[str], label_set: str) -> None:
        """Show labels; emits nothing."""
        self.set.choose(label_set)
        self.text.blockSignals(True)
        self.text.setPlainText("" if label_set else "\n".join(labels))
        self.text.blockSignals(False)
        self._show_count()

    def value(self) -> str | list[str]:
        """The labels as a declaration holds them: the name of a set, or the list."""
        return self.set.value or [line.strip() for line in self.text.toPlainText().splitlines() if line.strip()]

    def _chosen(self) -> None:
        self._show_count()
        self.changed.emit()

    def _written(self) -> None:
        self._show_count()
        self.changed.emit()

    def _show_count(self) -> None:
        label_set = self.set.value
        self.text.setVisible(not label_set)
        count = SIZES[label_set] if label_set else len(self.value())
        self.count.setText(counted(count, self.tr("{count} label"), self.tr("{count} labels")))

    def _load(self) -> None:
        kinds = self.tr("Text files (*.txt *.names *.csv);;All files (*)")
        name, _ = QFileDialog.getOpenFileName(
            self, self.tr("Labels, one per line"), first_folder(downloads_folder()), kinds
        )
        if name:
            self.read(Path(name))

    def read(self, path: Path) -> None:
        """Fill in the lines of a text file, UTF-8."""
        self.set.choose("")
        self.text.setPlainText(path.read_text(encoding="utf-8-sig", errors="replace"))
