"""What tests of the whole window share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from cvstudio.session.session import State
from ui.library import thumbnails
from ui.tour.input_events import move_mouse
from ui.window import main_window
from ui.window.main_window import MainWindow

Drag = Callable[..., None]

PATIENCE_MS = 60_000
"""How long a test waits for what it expects: on a machine that many share everything may take many times as long. What
does not come is seen late then, but what comes late is no failure."""


class PatientQtBot(QtBot):
    """Waits at least `PATIENCE_MS` for what a test expects, however short a time the test names."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE_MS) -> None:
        super().waitUntil(callback, timeout=max(timeout, PATIENCE_MS))

    def waitActive(self, widget: QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitActive(widget, timeout=max(timeout, PATIENCE_MS))

    def waitExposed(self, widget: QWidget, *, timeout: int = PATIENCE_MS) -> Any:
        return super().waitExposed(widget, timeout=max(timeout, PATIENCE_MS))

    def waitSignal(self, signal: Any, *, timeout: int = PATIENCE_MS, raising: bool | None = None, **how: Any) -> Any:
        # One that may stay away, such as for `assertNotEmitted`, is given the time that the test names.
        least = 0 if raising is False else PATIENCE_MS
        return super().waitSignal(signal, timeout=max(timeout, least), raising=raising, **how)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> PatientQtBot:
    """As the plugin's, with more patience."""
    return PatientQtBot(request)


@pytest.fixture(autouse=True, scope="session")
def on_its_own_display(display: None) -> None:
    """Also for what a test starts before it asks for the application."""


@pytest.fixture(autouse=True)
def time_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window of a test waits for its threads; the program ends without those that cannot be interrupted.

    The import of torch is one: it takes 3 s on a machine of its own, and on one that many share more than 20.
    """
    monkeypatch.setattr(main_window, "CLOSING_SECS", 60.0)
    monkeypatch.setattr(thumbnails, "CLOSING_SECS", 60.0)


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
    # Without a project, edited labels and work closing asks nothing: a question would wait for ever.
    made.project.path = None
    made.quit_guard.quits_now = True
    if made.controller.labelling.unsaved:
        made.controller.session.load(State())
    made.close()
    made.deleteLater()


@pytest.fixture
def drag() -> Drag:
    """`drag(widget, start, *stops, button)`: press at a point, move through the others, let go at the last."""

    def act(widget: QWidget, start: QPoint, *stops: QPoint, button: Any = Qt.MouseButton.LeftButton) -> None:
        QTest.mousePress(widget, button, Qt.KeyboardModifier.NoModifier, start)
        for stop in stops:
            move_mouse(widget, stop, button)
        QTest.mouseRelease(widget, button, Qt.KeyboardModifier.NoModifier, stops[-1])

    return act


@pytest.fixture
def shown(qtbot: Any) -> Callable[..., Any]:
    """Show a widget, by default at a given size, and wait until it is on screen."""

    def show(widget: QWidget, width: int = 0, height: int = 0) -> Any:
        qtbot.addWidget(widget)
        if width:
            widget.resize(width, height or widget.sizeHint().height())
        with qtbot.waitExposed(widget):
            widget.show()
        return widget

    return show
