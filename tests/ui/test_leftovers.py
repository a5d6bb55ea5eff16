"""The watch over leaked widgets, timers and threads sees each of them, and lets go what goes by itself."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel


@pytest.fixture(autouse=True)
def short_wait(leftovers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "WAIT_SECS", 0.1)


def test_a_widget_is_seen_until_it_is_deleted(leftovers: Any) -> None:
    before = leftovers()
    label = QLabel("left")
    assert before.since() == ["widget QLabel ''"]
    label.deleteLater()
    assert before.since() == []


def test_a_running_timer_is_seen_until_it_stops(leftovers: Any) -> None:
    before = leftovers()
    timer = QTimer()
    timer.start(5000)
    assert before.since() == ["timer of nobody, 5000 ms"]
    timer.stop()
    assert before.since() == []


@pytest.mark.parametrize(("name", "daemon", "counts"), [("a", False, 1), ("cvstudio-x", True, 1), ("b", True, 0)])
def test_a_thread_is_seen_until_it_ends(leftovers: Any, name: str, daemon: bool, counts: int) -> None:
    before = leftovers()
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name=name, daemon=daemon)
    thread.start()
    try:
        assert len(before.since()) == counts
    finally:
        stop.set()
        thread.join()
    assert before.since() == []


def test_what_only_a_cycle_holds_does_not_count(leftovers: Any) -> None:
    before = leftovers()
    label = QLabel("in a cycle")
    label.itself = label  # type: ignore[attr-defined]
    del label
    assert before.since() == []
