"""Delivery of job events on the main thread, by one long-lived object with one queued signal."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from cvstudio.foundation.lanes import Event


class JobsBridge(QObject):
    """Listener of lanes: called from any thread, it runs `handler` on the main thread, in order.

    Events that arrive after the bridge was deleted are dropped: a job may outlive its window.
    """

    _arrived = Signal(object)

    def __init__(self, handler: Callable[[Event], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._handler: Callable[[Event], None] | None = handler
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def __call__(self, event: Event) -> None:
        try:
            self._arrived.emit(event)
        except RuntimeError:  # checked afterwards: the main thread may delete the bridge between a check and the call
            if isValid(self):
                raise

    def close(self) -> None:
        """Stop the delivery: events that are still queued belong to a closed window."""
        self._handler = None

    def _deliver(self, event: Event) -> None:
        if self._handler is not None:
            self._handler(event)
