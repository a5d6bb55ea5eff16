"""When a window is on the screen for the first time."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

SETTLED_MS = 30
"""A window manager sizes and moves a new window, which is painted anew at once each time."""


class FirstPicture(QObject):
    """Watches a window from before it is shown.

    Signals
    -------
    seen : its first picture is on the screen; told once
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
