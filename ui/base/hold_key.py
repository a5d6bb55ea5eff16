"""An action that lasts as long as its key is held down, whichever widget has the focus meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

HOLD_SECS = 0.35
"""Seconds from which a key counts as held down, not tapped."""


class HoldKey(QObject):
    """Action that starts with a shortcut and ends when its key is released or the window loses the focus.

    Parameters
    ----------
    key : key of the shortcut
    begin : called when the key is pressed
    end : callable (held), called when the key is released; `held` is False for a tap
    """

    def __init__(
        self, parent: QObject, key: Qt.Key, begin: Callable[[], object], end: Callable[[bool], object]
    ) -> None:
        super().__init__(parent)
        self._key = key
        self._begin = begin
        self._end = end
        self._since: float | None = None

    @property
    def active(self) -> bool:
        return self._since is not None

    def start(self) -> None:
        """Start the action: the shortcut was pressed."""
        if self.active:
            return
        self._since = time.monotonic()
        self._begin()
        application = QCoreApplication.instance()
        assert application is not None
        # The widget that has the focus at that time gets the key's release.
        application.installEventFilter(self)

    def stop(self) -> None:
        """End the action: the key was released."""
        if self._since is None:
            return
        held = time.monotonic() - self._since >= HOLD_SECS
        self._since = None
        application = QCoreApplication.instance()
        assert application is not None
        application.removeEventFilter(self)
        self._end(held)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            if event.key() == self._key and not event.isAutoRepeat():
                self.stop()
        elif kind in (QEvent.Type.WindowDeactivate, QEvent.Type.ApplicationDeactivate):
            self.stop()
        return False
