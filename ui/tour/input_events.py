"""Driving the window as a user would, for the tour, the contact sheet and the tests."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QEventLoop, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget


def pause(milliseconds: int) -> None:
    """Turn the event loop for a while. `QTest.qWait` would keep the interpreter locked meanwhile, so that no worker
    gets anywhere: an import of torch that takes seconds then takes minutes."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def move_mouse(widget: QWidget, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """Move to `place` on `widget` with `button` held. `QTest.mouseMove` moves the pointer of
    the display instead, whose event comes whenever the display server finds the time."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        button,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
