"""What tests of the whole window share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QCursor, QGuiApplication
from pytestqt.qtbot import QtBot

from ui.window.main_window import MainWindow


@pytest.fixture(autouse=True, scope="session")
def on_its_own_display(display: None) -> None:
    """Also for what a test starts before it asks for the application."""


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    """The window at its usual size, on screen and active."""
    # The pointer belongs to this display alone. Where the test before left it, it would hover over something.
    QCursor.setPos(QGuiApplication.primaryScreen().geometry().bottomRight())
    made = MainWindow()
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    # Shortcuts only reach an active window.
    with qtbot.waitActive(made):
        pass
    # The window manager may answer with another size first.
    qtbot.waitUntil(lambda: made.size() == QSize(1280, 800))
    yield made
    # Without a project closing asks nothing.
    made.project.path = None
    made.close()
    made.deleteLater()
