"""Something that holds while a key is held down, whatever has the focus meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent

HOLD_SECS = 0.35
"""A key that is down for longer is held, not tapped."""


class HoldKey(QObject):
    """Begins with a shortcut and ends when its key is let go, or the window is left.

    Parameters
    ----------
    key : of the shortcut
    begin : called when it is pressed
    end : callable (held), called when it is let go; `held` is False for a tap
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
        """The shortcut was pressed."""
        if self.active:
            return
        self._since = time.monotonic()
        self._begin()
        application = QCoreApplication.instance()
        assert application is not None
        # The release goes to whatever has the focus then.
        application.installEventFilter(self)

    def stop(self) -> None:
        """The key is up."""
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
