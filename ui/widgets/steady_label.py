"""A label for a text that changes many times a second."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QLabel


class SteadyLabel(QLabel):
    """Label that keeps the size of its largest text, so that a new text triggers no layout of the window.

    A label of free size requests a layout with every text, which takes a millisecond in a window with docks.
    """

    def setText(self, text: str) -> None:
        if text == self.text():
            return
        super().setText(text)
        if not text:
            # An empty text takes no space, and the text after it is unrelated.
            self.setFixedWidth(0)
        elif self.sizeHint() != self.minimumSize():
            # The size hint is never below a fixed size.
            self.setFixedSize(self.sizeHint())

    def clear(self) -> None:
        self.setText("")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.text():
            self.setMinimumSize(0, 0)
            self.setFixedSize(self.sizeHint())
