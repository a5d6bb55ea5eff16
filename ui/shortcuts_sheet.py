"""All shortcuts on one sheet, made from the list of commands."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from ui.commands import Command


class ShortcutsSheet(QDialog):
    """Not modal, so that one can try while one reads."""

    def __init__(self, parent: QWidget, commands: Sequence[Command]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(32)
        grid.setVerticalSpacing(6)
        lines = [
            (
                command.title.replace(" …", ""),
                [QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) for keys in command.shortcuts],
            )
            for command in commands
            if command.shortcuts
        ]
        lines += [
            (self.tr("Zoom at the cursor"), [self.tr("Mouse wheel")]),
            (self.tr("Move the picture"), [self.tr("Space + drag"), self.tr("middle button")]),
            (self.tr("Compare with the original"), [self.tr("hold C")]),
            (self.tr("Reset a value"), [self.tr("double-click")]),
        ]
        half = (len(lines) + 1) // 2
        for number, (title, keys) in enumerate(lines):
            column = 0 if number < half else 2
            keys_label = QLabel(", ".join(keys))
            keys_label.setObjectName("quiet")
            grid.addWidget(QLabel(title), number % half, column)
            grid.addWidget(keys_label, number % half, column + 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.addLayout(grid)
        self.show()
