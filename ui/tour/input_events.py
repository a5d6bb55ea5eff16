"""Simulated user input, for the tour, the contact sheet and the tests."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QEventLoop, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget


def pause(milliseconds: int) -> None:
    """Run the event loop for a time. `QTest.qWait` would hold the interpreter lock meanwhile, so that workers stand
    still: an import of torch then takes minutes instead of seconds."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()
    # What the display server has been asked for meanwhile is done, and the window knows of it, however busy that is.
    QGuiApplication.sync()


def move_mouse(widget: QWidget, place: QPoint, button: Qt.MouseButton = Qt.MouseButton.NoButton) -> None:
    """Send a mouse move to `place` on `widget` with `button` held down. `QTest.mouseMove` moves the display's pointer
    instead, whose event the display server delivers at an unpredictable time."""
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        QPointF(place),
        QPointF(widget.mapToGlobal(place)),
        Qt.MouseButton.NoButton,
        button,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(widget, event)
