"""The real dialog before a download from the Hugging Face hub, played by a server on this machine."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from cvstudio.models import MODELS
from cvstudio.models.catalogue.offer import ASKING
from cvstudio.weights import hub
from cvstudio.weights.declaration import Weights
from cvstudio.weights.store import cached_path
from ui.models.checkpoints.consent import ConsentDialog
from ui.window.main_window import MainWindow


@pytest.fixture
def window(qtbot: Any) -> Iterator[MainWindow]:
    made = MainWindow()
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.project.path = None
    made.close()
    made.deleteLater()


@pytest.fixture
def weights(hub_server: Any) -> Iterator[Weights]:
    """Of a registered model; their size is a guess."""
    found: Weights = hub_server.hub_weights(size_bytes=2_000_000)
    spec = dataclasses.replace(MODELS["ssdlite"], key="far", title="Far", weights=(found,))
    with MODELS.lend(spec):
        yield found


@pytest.fixture
def offered(window: MainWindow, weights: Weights) -> Callable[[], ConsentDialog]:
    def offer() -> ConsentDialog:
        window.checkpoints.offer(weights)
        (dialog,) = window.checkpoints.dialogs
        assert isinstance(dialog, ConsentDialog)
        return dialog

    return offer


def texts(dialog: ConsentDialog) -> str:
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible())


def notices(window: MainWindow) -> list[str]:
    return [notice.text for notice in window.notices.shown]


def answered(dialog: ConsentDialog) -> bool:
    return not dialog.asking.isVisible()


def test_asking_then_size_and_hash_and_only_then_a_download(window, weights, offered, hub_server, hostile, qtbot):
    gate = threading.Event()
    answer = hub_server._kind.do_HEAD

    def slow(handler: Any) -> None:
        gate.wait(20)
        answer(handler)

    hub_server._kind.do_HEAD = slow
    dialog = offered()
    assert dialog.asking.isVisible()
    assert "asking the Hugging Face hub" in texts(dialog)
    assert "about 2.0 MB" in texts(dialog)
    assert not dialog.download.isEnabled()
    height = dialog.height()
    gate.set()
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    assert hostile.SHA256 in texts(dialog)
    assert "1.0 MB (1,000,000 bytes)" in texts(dialog)
    assert ASKING not in texts(dialog)
    assert dialog.height() <= height  # nothing moves but the line that ran
    assert hub_server.log.paths == []
    QTest.mouseClick(dialog.download, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: cached_path(weights) is not None, timeout=30_000)
    qtbot.waitUntil(lambda: "Far is downloaded." in notices(window), timeout=30_000)
    assert cached_path(weights).read_bytes() == hostile.CONTENT
    assert window.checkpoints.dialogs == []


def test_a_slow_hub_holds_nothing_up_and_closing_ends_the_question(window, offered, hub_server, monkeypatch, qtbot):
    # More patience than the test has: what ends is ended by closing.
    monkeypatch.setattr("cvstudio.weights.hub.METADATA_SECS", 600.0)
    hub_server.silent = True
    dialog = offered()
    qtbot.waitUntil(lambda: len(hub_server.heads) == 1, timeout=30_000)
    lane = window.controller.pipeline.lanes["hub"]
    assert not lane.idle
    dialog.reject()
    qtbot.waitUntil(lambda: lane.idle)
    assert window.checkpoints.dialogs == []
    assert notices(window) == []
    # Asked anew it is asked anew.
    hub_server.silent = False
    again = offered()
    qtbot.waitUntil(lambda: answered(again), timeout=30_000)
    assert again.download.isEnabled()


def test_closing_the_window_ends_the_question(window, offered, hub_server, qtbot):
    hub_server.silent = True
    offered()
    qtbot.waitUntil(lambda: len(hub_server.heads) == 1, timeout=30_000)
    assert window.controller.close()


def test_no_connection_is_told_in_words_and_asked_again(window, offered, hub_server, hostile, monkeypatch, qtbot):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    dialog = offered()
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    assert "cannot be reached (Connection refused)" in texts(dialog)
    assert "the hub could not be asked" in texts(dialog)
    assert not dialog.download.isVisible()
    assert dialog.again.isVisible()
    assert notices(window) == []
    monkeypatch.setenv("HF_ENDPOINT", hub_server.base)
    QTest.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    assert dialog.asking.isVisible()
    assert not dialog.again.isVisible()
    assert "cannot be reached" not in texts(dialog)
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    assert hostile.SHA256 in texts(dialog)
    assert dialog.download.isEnabled()


def test_a_hub_that_changes_after_the_consent_is_refused_and_offered_anew(
    window, weights, offered, hub_server, hostile, qtbot
):
    dialog = offered()
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    other = hostile.CONTENT[::-1]
    hub_server.etag = hashlib.sha256(other).hexdigest()
    hub_server.plays(hostile.honest(other))
    dialog.download.click()
    qtbot.waitUntil(lambda: bool(notices(window)), timeout=30_000)
    (told,) = notices(window)
    assert hostile.SHA256 in told
    assert hub_server.etag in told
    assert cached_path(weights) is None
    assert hub_server.log.paths == []
    QTest.mouseClick(window.notices.shown[0].action, Qt.MouseButton.LeftButton)
    (dialog,) = window.checkpoints.dialogs
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    assert hub_server.etag in texts(dialog)
    dialog.download.click()
    qtbot.waitUntil(lambda: cached_path(weights) is not None, timeout=30_000)
    assert cached_path(weights).read_bytes() == other


def test_a_hub_that_lies_brings_nothing(window, weights, offered, hub_server, hostile, qtbot):
    dialog = offered()
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    hub_server.plays(hostile.honest(hostile.CONTENT[::-1]))
    dialog.download.click()
    qtbot.waitUntil(lambda: any("not kept" in text for text in notices(window)), timeout=30_000)
    assert cached_path(weights) is None
    assert not [path for path in Path(hub.cache_folder()).rglob("*") if path.is_file()]


def test_one_question_for_one_file(window, weights, offered, hub_server, qtbot):
    dialog = offered()
    assert offered() is dialog
    qtbot.waitUntil(lambda: answered(dialog), timeout=30_000)
    assert len(hub_server.heads) == 1
