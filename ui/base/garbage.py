"""Garbage collection on the main thread.

Python's collector runs in the thread that happens to allocate. In a worker it would destroy widgets, pixmaps and models
of the window while the main thread paints with them, which crashes.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication

from cvstudio.foundation.garbage import collect_with

INTERVAL_MS = 500
FULL_SECS = 20.0
"""Least time between two collections of all objects, which take a tenth of a second."""


class MainThreadGarbage(QObject):
    """Collects garbage in place of Python from `start` on.

    `busy` tells whether a pause of a tenth of a second would be seen now; then only young objects are collected.
    """

    _asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.busy: Callable[[], bool] = lambda: False
        self._full_at = time.monotonic()
        self._wanted = False
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self._look)
        self._asked.connect(self._want, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Begin to collect."""
        gc.disable()
        collect_with(self._asked.emit)
        self._timer.start()

    def stop(self) -> None:
        """Leave the collection to Python again."""
        self._timer.stop()
        collect_with(gc.collect)
        gc.enable()

    def _want(self) -> None:
        self._wanted = True
        self._look()

    def _look(self) -> None:
        young, middle, old = (count > most for count, most in zip(gc.get_count(), gc.get_threshold(), strict=True))
        seen = self.busy() or QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton
        due = old and time.monotonic() - self._full_at > FULL_SECS
        if (self._wanted or due) and not seen:
            self._wanted = False
            gc.collect()
            self._full_at = time.monotonic()
        elif young or self._wanted:
            gc.collect(1 if middle else 0)
