"""A label with lines of text that can be selected and copied."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel


class FactsLabel(QLabel):
    """Plain text from the top, wrapped and selectable."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("facts")
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
