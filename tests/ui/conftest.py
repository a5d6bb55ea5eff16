"""What tests of the whole window share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from ui.main_window import MainWindow


@pytest.fixture(autouse=True, scope="session")
def on_its_own_display(display: None) -> None:
    """Also for what a test starts before it asks for the application."""


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    """The window at its usual size, on screen and active."""
    made = MainWindow()
    made.resize(1280, 800)
    made.show()
    made.activateWindow()
    # Shortcuts only reach an active window.
    with qtbot.waitActive(made):
        pass
    yield made
    # Without a project closing asks nothing.
    made.project.path = None
    made.close()
    made.deleteLater()
