"""A project names a model that nobody has registered yet: it is asked for on a worker, and the window goes on."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.errors import UnknownKeyError
from cvstudio.media.examples.files import sample_path
from cvstudio.models import MODELS, ModelSpec
from cvstudio.session.project import models_to_ask_for
from ui.window.main_window import MainWindow

WAIT_MS = 30_000
KEY = "slow-one"


class Answering:
    """Answers for keys that begin with "slow-", when it is told to."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.closed = False
        self.asked: list[tuple[str, threading.Thread]] = []

    def __call__(self, key: str) -> ModelSpec:
        self.asked.append((key, threading.current_thread()))
        self.gate.wait(20)
        if self.closed or key != KEY:
            raise UnknownKeyError(f"The slow library has no '{key}'; choose another.")
        return dataclasses.replace(MODELS["hog"], key=key, title="Slow")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    made = Answering()
    with MODELS.lend():
        # The window closes after this fixture: what its workers still ask for must not be registered for later tests.
        with monkeypatch.context() as resolving:
            resolving.setitem(MODELS._resolvers, "slow-", made)
            yield made
        made.closed = True
        made.gate.set()


@pytest.fixture
def project(window: MainWindow, qtbot: QtBot, answering: Answering, tmp_path: Path) -> Callable[..., Path]:
    """A saved project whose model is another one."""

    def make(model: str = KEY, name: str = "p") -> Path:
        if not window.controller.session.state.media:
            window.open_paths([sample_path("astronaut")])
            qtbot.waitUntil(lambda: bool(window.controller.session.state.media), timeout=WAIT_MS)
            window.controller.use_analysis("detect")
            window.controller.set_model("hog")
        path = tmp_path / f"{name}.cvstudio"
        window.project.path = path
        assert window.project.save()
        saved = json.loads(path.read_text(encoding="utf-8"))
        for instance in saved["instances"]:
            instance["model"] = model
        path.write_text(json.dumps(saved), encoding="utf-8")
        return path

    return make


def models(window: MainWindow) -> list[str]:
    return [instance.model for instance in window.controller.session.state.instances]


def test_the_window_goes_on_while_it_is_asked_for(window, project, answering, qtbot):
    path = project()
    assert models_to_ask_for(path) == (KEY,)
    window.open_paths([path])
    qtbot.waitUntil(lambda: bool(answering.asked), timeout=WAIT_MS)
    # The library still thinks, and this thread works on.
    assert models(window) == ["hog"]
    assert answering.asked[0][1] is not threading.main_thread()
    answering.gate.set()
    qtbot.waitUntil(lambda: models(window) == [KEY], timeout=WAIT_MS)
    assert [key for key, _ in answering.asked] == [KEY]
    assert models_to_ask_for(path) == ()
    assert window.project.path == path


def test_what_nobody_has_is_one_sentence_and_what_is_open_stays(window, project, answering, qtbot):
    answering.gate.set()
    window.open_paths([project("slow-two")])
    told = "The slow library has no 'slow-two'; choose another."
    qtbot.waitUntil(lambda: told in [notice.text for notice in window.notices.shown], timeout=WAIT_MS)
    assert models(window) == ["hog"]
    assert all(thread is not threading.main_thread() for _, thread in answering.asked)


def test_another_project_that_was_opened_meanwhile_stays(window, project, answering, qtbot):
    slow, other = project(), project("haar-face", "other")
    window.open_paths([slow])
    qtbot.waitUntil(lambda: bool(answering.asked), timeout=WAIT_MS)
    window.open_paths([other])
    # It does not wait for the one before.
    qtbot.waitUntil(lambda: models(window) == ["haar-face"], timeout=WAIT_MS)
    assert not answering.gate.is_set()
    answering.gate.set()
    qtbot.waitUntil(lambda: KEY in MODELS, timeout=WAIT_MS)
    qtbot.waitUntil(lambda: window.controller.pipeline.lanes["projects"].idle, timeout=WAIT_MS)
    qtbot.wait(50)
    assert models(window) == ["haar-face"]
    assert window.project.path == other


def test_a_file_that_is_no_project_is_left_to_who_opens_it(tmp_path):
    assert models_to_ask_for(tmp_path / "nowhere.cvstudio") == ()
    for content in ("", "[]", '{"format": "cvstudio-project", "version": 1, "instances": [3]}'):
        (tmp_path / "p.cvstudio").write_text(content)
        assert models_to_ask_for(tmp_path / "p.cvstudio") == ()


def test_two_threads_that_ask_get_the_same_model(answering):
    found: list[ModelSpec] = []
    threads = [threading.Thread(target=lambda: found.append(MODELS[KEY])) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len(answering.asked) < 2:
        assert any(thread.is_alive() for thread in threads)
    answering.gate.set()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert found[0] is found[1] is MODELS[KEY]
