"""A label that is told something new many times a second."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize
from PySide6.QtWidgets import QLabel

MARGIN = 2
"""Pixels by which it is wider than what it says: of digits of one width the kerning differs a little."""


class SteadyLabel(QLabel):
    """Keeps the size of the largest text that it had, so that a new one does not lay out the window anew.

    A label that is free to grow asks for that with every text, and a window with docks takes a millisecond for it.
    """

    def setText(self, text: str) -> None:
        if text == self.text():
            return
        super().setText(text)
        # Nothing takes no room, and what comes after it is something else.
        size = self._needed().expandedTo(self.minimumSize()) if text else QSize(0, self._needed().height())
        if size != self.minimumSize():
            self.setFixedSize(size)

    def clear(self) -> None:
        self.setText("")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange) and self.text():
            self.setFixedSize(self._needed())

    def _needed(self) -> QSize:
        # Not the size hint, which is never less than the size that was fixed.
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + MARGIN, metrics.height() + MARGIN)
