"""Garbage is collected on the main thread, which the window's objects belong to."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from cvstudio.foundation.garbage import collect_garbage
from cvstudio.models.runtime import host
from ui.base import garbage as module
from ui.base.garbage import MainThreadGarbage
from ui.tour.input_events import pause


class Circle:
    """Refers to itself; tells the thread that destroys it."""

    def __init__(self, threads: list[threading.Thread]) -> None:
        self.itself = self
        self._threads = threads

    def __del__(self) -> None:
        self._threads.append(threading.current_thread())


@pytest.fixture
def garbage(qapp: Any) -> Iterator[MainThreadGarbage]:
    made = MainThreadGarbage()
    gc.collect()
    made.start()
    yield made
    made.stop()
    made.deleteLater()


def in_a_worker(work: Callable[[], object]) -> None:
    worker = threading.Thread(target=work)
    worker.start()
    worker.join()


@pytest.mark.parametrize("ask", [collect_garbage, host._free_memory])
def test_what_a_worker_asks_to_collect_is_destroyed_on_the_main_thread(
    garbage: MainThreadGarbage, ask: Callable[[], object], qtbot: QtBot
) -> None:
    pytest.importorskip("torch")
    threads: list[threading.Thread] = []
    Circle(threads)
    in_a_worker(ask)
    assert threads == []
    qtbot.waitUntil(lambda: threads == [threading.main_thread()])


def test_what_a_worker_allocates_collects_nothing_there(garbage: MainThreadGarbage, qtbot: QtBot) -> None:
    threads: list[threading.Thread] = []
    Circle(threads)
    kept: list[list[int]] = []
    in_a_worker(lambda: kept.extend([number] for number in range(50_000)))
    assert threads == []
    qtbot.waitUntil(lambda: threads == [threading.main_thread()], timeout=5000)


def test_a_full_collection_waits_until_it_is_not_seen(garbage: MainThreadGarbage, qtbot: QtBot) -> None:
    threads: list[threading.Thread] = []
    circle = Circle(threads)
    gc.collect()  # it is old now
    del circle
    garbage.busy = lambda: True
    in_a_worker(collect_garbage)
    pause(700)
    assert threads == []
    garbage.busy = lambda: False
    qtbot.waitUntil(lambda: threads == [threading.main_thread()])


def test_what_was_kept_once_is_looked_at_again_only_when_asked_for(
    garbage: MainThreadGarbage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    circle = Circle(threads)
    before = garbage._full_at
    in_a_worker(collect_garbage)
    qtbot.waitUntil(lambda: garbage._full_at > before)
    del circle
    monkeypatch.setattr(module, "FULL_SECS", 0.0)
    monkeypatch.setattr(gc, "get_count", lambda: (1000, 100, 100))
    before = garbage._full_at
    qtbot.waitUntil(lambda: garbage._full_at > before)
    assert threads == []
    in_a_worker(collect_garbage)
    qtbot.waitUntil(lambda: threads == [threading.main_thread()])


def test_in_time_everything_is_looked_at(
    garbage: MainThreadGarbage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    circle = Circle(threads)
    gc.collect()
    gc.freeze()
    del circle
    monkeypatch.setattr(module, "FULL_SECS", 0.0)
    monkeypatch.setattr(module, "KEPT_SECS", 0.0)
    monkeypatch.setattr(gc, "get_count", lambda: (1000, 100, 100))
    qtbot.waitUntil(lambda: threads == [threading.main_thread()])


def test_without_a_window_it_is_collected_at_once() -> None:
    threads: list[threading.Thread] = []
    Circle(threads)
    in_a_worker(collect_garbage)
    assert len(threads) == 1
