"""A label that is told something new many times a second."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QLabel


class SteadyLabel(QLabel):
    """Keeps the size of the largest text that it had, so that a new one does not lay out the window anew.

    A label that is free to grow asks for that with every text, and a window with docks takes a millisecond for it.
    """

    def setText(self, text: str) -> None:
        if text == self.text():
            return
        super().setText(text)
        if not text:
            # Nothing takes no room, and what comes after it is something else.
            self.setFixedWidth(0)
        elif self.sizeHint() != self.minimumSize():
            # The hint is never less than the size that was fixed.
            self.setFixedSize(self.sizeHint())

    def clear(self) -> None:
        self.setText("")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.text():
            self.setMinimumSize(0, 0)
            self.setFixedSize(self.sizeHint())
