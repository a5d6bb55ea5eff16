"""Detection of a window's first paint."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

SETTLED_MS = 30
"""Delay after the first paint: the window manager resizes and moves a new window, which repaints it each time."""


class FirstPicture(QObject):
    """Waits for the first paint of a window that is not shown yet.

    Signals
    -------
    seen : the window was painted for the first time; emitted once
    """

    seen = Signal()

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(SETTLED_MS, self, self.seen.emit)
        return False
