"""Letting the window run for a moment."""

from __future__ import annotations

from PySide6.QtCore import QEventLoop, QTimer


def pause(milliseconds: int) -> None:
    """Turn the event loop for a while. `QTest.qWait` would keep the interpreter locked meanwhile, so that no worker
    gets anywhere: an import of torch that takes seconds then takes minutes."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
