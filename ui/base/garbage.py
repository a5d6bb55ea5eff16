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

INTERVAL_MS = 100
"""Often, so that few objects are young at a time: a collection of those of half a second is seen."""
FULL_SECS = 20.0
"""Least time between two collections of old objects."""
KEPT_SECS = 600.0
"""Least time between two collections of those, too, that earlier ones have kept: with torch loaded there are so many
that it takes two tenths of a second."""


class MainThreadGarbage(QObject):
    """Collects garbage in place of Python from `start` on.

    What a collection of old objects has kept, mostly modules and what they hold, later ones pass over. It is looked at
    again where somebody asks for a collection, as something large was dropped, and every `KEPT_SECS`.

    `busy` tells whether a pause would be seen now; then only young objects are collected.
    """

    _asked = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.busy: Callable[[], bool] = lambda: False
        self._full_at = self._kept_at = time.monotonic()
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
            now = time.monotonic()
            if self._wanted or now - self._kept_at > KEPT_SECS:
                gc.unfreeze()
                self._kept_at = now
            self._wanted = False
            gc.collect()
            gc.freeze()
            self._full_at = time.monotonic()
        elif young or self._wanted:
            gc.collect(1 if middle else 0)
