"""Job events on their way to the main thread, also when nobody waits for them any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from cvstudio.foundation.lanes import Event, Job, Lane
from cvstudio.foundation.progress import Progress
from ui.base.jobs_bridge import JobsBridge

WAIT_SECS = 20.0


def test_events_arrive_on_the_main_thread_in_order(qtbot: QtBot) -> None:
    arrivals: list[tuple[str, threading.Thread]] = []
    bridge = JobsBridge(lambda event: arrivals.append((event.kind, threading.current_thread())))
    lane = Lane("test", bridge)
    lane.submit(Job("owner", "", lambda progress: iter([1])))
    qtbot.waitUntil(lambda: len(arrivals) == 4)
    lane.close()
    assert [kind for kind, _ in arrivals] == ["queued", "started", "output", "finished"]
    assert {thread for _, thread in arrivals} == {threading.main_thread()}


def test_a_job_may_end_after_its_bridge_was_deleted(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", errors.append)
    started, deleted, ended = threading.Event(), threading.Event(), threading.Event()

    def work(progress: Progress) -> Iterator[Any]:
        started.set()
        assert deleted.wait(WAIT_SECS)
        yield "output"
        ended.set()

    window = QObject()
    arrivals: list[Event] = []
    lane = Lane("test", JobsBridge(arrivals.append, window))
    lane.submit(Job("owner", "", work))
    assert started.wait(WAIT_SECS)
    shiboken6.delete(window)
    deleted.set()
    assert ended.wait(WAIT_SECS), "the job stopped at the event that nobody received"
    lane.close()
    assert not errors
    assert not [event for event in arrivals if event.kind in ("output", "finished")]


def test_an_error_of_a_live_bridge_is_not_hidden(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def emit(self, event: Event) -> None:
            raise RuntimeError("a defect")

    bridge = JobsBridge(lambda event: None)
    monkeypatch.setattr(bridge, "_arrived", Broken())
    with pytest.raises(RuntimeError, match="a defect"):
        bridge(Event("started", Job("owner", "", lambda progress: iter(()))))
