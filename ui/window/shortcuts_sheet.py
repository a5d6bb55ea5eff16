"""The sheet of all keyboard shortcuts, made from the commands, with a search field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from cvstudio.foundation.text_search import score
from ui.base.command import Command

COLUMNS = 2


@dataclass(frozen=True)
class ShortcutRow:
    """A shortcut and the title of its command."""

    title: str
    keys: str
    keywords: tuple[str, ...] = ()
    words: str = ""


class ShortcutsSheet(QDialog):
    """Not modal, so that shortcuts can be tried while it is open."""

    def __init__(self, parent: QWidget, commands: Sequence[Command]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.lines = [*_command_lines(commands), *self._gestures()]
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search by name or by key"))
        self.search.setAccessibleName(self.tr("Search shortcuts"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._fill)
        self._nothing = QLabel(self.tr("No match; try another word, such as “zoom” or “Ctrl”."))
        self._nothing.setObjectName("quiet")
        body = QWidget()
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnMinimumWidth(2, 32)
        for column in (0, 3):
            self._grid.setColumnStretch(column, 1)
        inner = QVBoxLayout(body)
        inner.setContentsMargins(0, 0, 8, 0)
        inner.addLayout(self._grid)
        inner.addWidget(self._nothing)
        inner.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(16)
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        self._labels: list[QLabel] = []
        self._fill("")
        self.resize(min(820, parent.width() - 32), min(640, parent.height() - 48))
        self.show()
        self.search.setFocus()

    def _gestures(self) -> list[ShortcutRow]:
        tr = self.tr
        return [
            ShortcutRow(tr("Zoom at the cursor"), tr("Mouse wheel, + and -")),
            ShortcutRow(tr("Move the picture"), tr("Space + drag, middle button")),
            ShortcutRow(tr("Peek at the picture without results"), tr("hold V")),
            ShortcutRow(tr("Hide or show all panels"), tr("Tab on the picture")),
            ShortcutRow(tr("Reset a value"), tr("double-click")),
            ShortcutRow(tr("Several boxes"), tr("Ctrl + click")),
            ShortcutRow(tr("Dismiss a notice, leave full screen"), "Esc"),
            ShortcutRow(tr("Move a layer"), tr("Alt + Up, Alt + Down, drag")),
            ShortcutRow(tr("Labels: box, polygon, brush"), "B, P, M"),
            ShortcutRow(tr("Labels: class by number, from the list"), "1–9, C"),
            ShortcutRow(tr("Labels: next, previous picture"), "D, A"),
            ShortcutRow(tr("Labels: erase, width of the brush"), tr("Shift + drag, [ and ]")),
        ]

    def shown(self) -> list[str]:
        """Titles of the visible lines."""
        return [label.text() for label in self._labels[::2]]

    def _fill(self, text: str) -> None:
        for label in self._labels:
            self._grid.removeWidget(label)
            label.hide()
            label.deleteLater()
        self._labels = []
        query = text.casefold().replace(" ", "")
        lines = [
            line
            for line in self.lines
            if not query or score(line, text) > 0 or query in line.keys.casefold().replace(" ", "")
        ]
        half = -(-len(lines) // COLUMNS)
        for number, line in enumerate(lines):
            column = 3 * (number // half)
            title, keys = QLabel(line.title), QLabel(line.keys)
            keys.setObjectName("quiet")
            keys.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(title, number % half, column)
            self._grid.addWidget(keys, number % half, column + 1)
            self._labels += [title, keys]
        self._nothing.setVisible(not lines)


def _command_lines(commands: Sequence[Command]) -> list[ShortcutRow]:
    native = QKeySequence.SequenceFormat.NativeText
    return [
        ShortcutRow(
            command.title.replace(" …", ""),
            ", ".join(QKeySequence(keys).toString(native) for keys in command.shortcuts),
            command.keywords,
        )
        for command in commands
        if command.shortcuts
    ]
