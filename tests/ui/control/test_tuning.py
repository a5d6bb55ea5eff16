"""The window answers at once, and finds out while nobody waits how its networks compute quickest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.media.examples.files import sample_path
from cvstudio.models.runtime.precision import UNTUNED, Precision
from cvstudio.results.detections import Detections
from ui.control import tuning as measuring
from ui.window.main_window import MainWindow

WAY = Precision(channels_last=False, reason="It was found so.")
KEY = "pyramid-lite0"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The models that were measured; as if nothing were known yet and there were more ways than one."""
    found: list[str] = []

    def beside(model: str, weights: Path | None, device: str, progress: Any) -> Iterator[Precision | None]:
        found.append(model)
        yield None
        yield WAY

    monkeypatch.setattr("cvstudio.models.runtime.precision.user_cache_dir", lambda: tmp_path)
    monkeypatch.setattr("cvstudio.models.runtime.host.choice", lambda network: True)
    monkeypatch.setattr(measuring, "measured_beside", beside)
    monkeypatch.setattr(measuring, "IDLE_MS", 50)
    return found


def look_at(qtbot: QtBot, window: MainWindow, name: str) -> Detections:
    controller = window.controller
    path = sample_path(name)
    window.open_paths([path])
    qtbot.waitUntil(lambda: getattr(controller.session.state.active_media, "path", None) == path, timeout=30000)
    if controller.session.state.instance.model != KEY:
        controller.use_analysis("detect")
        controller.set_model(KEY)
    qtbot.waitUntil(lambda: isinstance(controller.current_result(), Detections), timeout=60000)
    found = controller.current_result()
    assert isinstance(found, Detections)
    return found


def test_what_is_shown_stays_and_what_comes_next_is_quicker(asked: list[str], window: MainWindow, qtbot: QtBot) -> None:
    controller, host = window.controller, window.controller.pipeline.host
    first = look_at(qtbot, window, "cat")
    spec = controller.session.state.instance.model_spec
    assert host.precision_of(spec) == UNTUNED
    qtbot.waitUntil(lambda: bool(asked) and not host.untuned, timeout=20000)
    qtbot.waitUntil(lambda: not controller.pipeline.busy, timeout=20000)
    # A slider acts on what is there, in the way that it was made.
    controller.set_value("score", 0.9)
    qtbot.waitUntil(lambda: controller.current_result() is not first, timeout=5000)
    assert host.precision_of(spec) == UNTUNED
    look_at(qtbot, window, "coffee")
    qtbot.waitUntil(lambda: host.precision_of(spec) == WAY, timeout=20000)
    window.show_panel("performance")
    panel = window.docks["performance"].widget()
    panel.refresh()
    assert str(WAY) in panel.facts["device"].text()
    assert WAY.reason in panel.facts["device"].toolTip()
    assert asked == [KEY]


def test_nothing_is_measured_while_something_plays(asked: list[str], window: MainWindow, qtbot: QtBot) -> None:
    playing = [True]
    window.controller.precision_tuning._busy = lambda: playing[0]
    look_at(qtbot, window, "cat")
    qtbot.waitUntil(lambda: not window.controller.pipeline.busy, timeout=20000)
    qtbot.wait(300)
    assert asked == []
    playing.clear()
    playing.append(False)
    qtbot.waitUntil(lambda: asked == [KEY], timeout=5000)
