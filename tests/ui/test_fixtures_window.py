"""A window that starts with the settings of a user of version 0.1.0; see `tests/test_fixtures.py`."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui.app import make_application
from ui.base import theme
from ui.tour.input_events import pause
from ui.window.main_window import MainWindow

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
LEAST_WIDTH = 1600
"""Of a screen on which the window finds its size again."""


def _observe() -> ModuleType:
    spec = importlib.util.spec_from_file_location("observe", FIXTURES / "observe.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


observe = _observe()


@pytest.fixture
def user(home: Path, own_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home of a user of version 0.1.0 in place of the test's."""
    from cvstudio.models import MODELS

    observe.unpack(home)
    for name, value in observe.environment(home).items():
        monkeypatch.setenv(name, value)
    assert len(MODELS)
    keys = observe.register(home)
    yield home
    for key in keys:
        MODELS.remove(key)


@pytest.fixture
def started(user: Path, qapp: QApplication, qtbot: QtBot) -> Iterator[MainWindow]:
    """The window as that user's next start shows it."""
    make_application()
    made = MainWindow()
    made.show()
    made.activateWindow()
    with qtbot.waitActive(made):
        pass
    pause(500)
    yield made
    made.project.path = None
    made.close()
    made.deleteLater()
    theme.apply_theme(qapp, "system")


def test_a_start_shows_the_window_as_it_was_left(started: MainWindow) -> None:
    found: dict[str, Any] = observe.window(started)
    expected = dict(EXPECTED["window"])
    assert set(expected.pop("commands")) <= set(found.pop("commands"))
    screen = started.screen().availableGeometry()
    if screen.width() < LEAST_WIDTH:
        for name in ("size", "widths"):
            del found[name], expected[name]
    # A panel that is new has nowhere been before.
    found["docks"] = {key: dock for key, dock in found["docks"].items() if key in expected["docks"]}
    assert found == expected
    assert theme.current() is theme.LIGHT


def test_recent_files_are_offered_and_a_project_opens_in_the_window(
    started: MainWindow, user: Path, qtbot: QtBot
) -> None:
    started.opener.recent_menu.aboutToShow.emit()
    texts = " ".join(action.text() for action in started.opener.recent_menu.actions())
    for name in EXPECTED["window"]["recent"]:
        assert name in texts
    started.project.open(user / "files/studio.cvstudio")
    controller = started.controller
    qtbot.waitUntil(lambda: len(controller.session.state.instances) == len(observe.LAYERS), timeout=60_000)
    qtbot.waitUntil(lambda: not controller.pipeline.busy and controller.current_result() is not None, timeout=60_000)
    assert controller.look().line_width == 4
    assert not controller.session.modified
