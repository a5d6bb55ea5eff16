"""Threads that go first, though a thread with a lowered priority starts them."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from cvstudio.foundation.lanes import NICENESS, Job, Lane
from cvstudio.foundation.priority import Starter, start_first

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="priorities of threads are those of Linux")


def niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def started_by_a_lane(start) -> tuple[int, int]:
    """Priority offsets of a lane's thread and of the thread that it starts."""
    found: list[int] = []

    def work(progress):
        found.append(niceness())
        thread = threading.Thread(target=lambda: found.append(niceness()))
        start(thread)
        thread.join()
        yield None

    done = threading.Event()
    lane = Lane("test", lambda event: done.set() if event.kind == "finished" else None)
    lane.submit(Job("a", "", work))
    assert done.wait(20)
    assert lane.close()
    return found[0], found[1]


def test_a_thread_inherits_the_lowered_priority_and_a_starter_gives_that_of_the_program():
    usual = niceness()
    lane, thread = started_by_a_lane(threading.Thread.start)
    assert lane == thread
    with Starter():
        lane, thread = started_by_a_lane(start_first)
    assert thread == usual
    assert lane == max(usual, NICENESS)


def test_without_a_starter_it_is_started_as_usual():
    lane, thread = started_by_a_lane(start_first)
    assert lane == thread
    Starter().close()
    assert started_by_a_lane(start_first) == (lane, thread)


def test_a_lane_may_go_before_the_others():
    usual = niceness()
    found: list[int] = []

    def work(progress):
        found.append(niceness())
        yield None

    done = threading.Event()
    lane = Lane("test", lambda event: done.set() if event.kind == "finished" else None, niceness=1)
    lane.submit(Job("a", "", work))
    assert done.wait(20)
    assert lane.close()
    assert found == [max(1, usual)]
