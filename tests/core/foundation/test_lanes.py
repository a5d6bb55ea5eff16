from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from cvstudio.foundation.lanes import Event, Job, Lane, Lanes
from cvstudio.foundation.progress import Progress


@pytest.fixture
def lane():
    events: queue.Queue[Event] = queue.Queue()
    made = Lane("test", events.put)
    made.events = events  # type: ignore[attr-defined]
    yield made
    assert made.close()
    assert not any(thread.name == "cvstudio-test" for thread in threading.enumerate())


def until(lane: Any, kind: str, owner: Any, seconds: float = 30.0) -> list[Event]:
    found = []
    end = time.monotonic() + seconds
    while True:
        event = lane.events.get(timeout=max(0.01, end - time.monotonic()))
        found.append(event)
        if event.kind == kind and event.job.owner == owner:
            return found


def values(items: list[Any]) -> Any:
    def work(progress: Progress) -> Iterator[Any]:
        yield from items

    return work


def test_outputs_arrive_in_order_and_then_the_end(lane):
    lane.submit(Job("a", "A", values([1, 2, 3])))
    events = until(lane, "finished", "a")
    assert [event.value for event in events if event.kind == "output"] == [1, 2, 3]
    assert [event.kind for event in events][:2] == ["queued", "started"]


def test_a_job_is_told_as_queued_before_it_can_begin():
    events: list[str] = []
    ended = threading.Event()

    def slow_listener(event: Event) -> None:
        if event.kind == "queued":
            # Time enough for the lane's thread to run it, were it in the queue by now.
            ended.wait(0.3)
        events.append(event.kind)
        if event.kind == "finished":
            ended.set()

    lane = Lane("order", slow_listener)
    lane.submit(Job("a", "A", values([1, 2])))
    assert ended.wait(30)
    assert lane.close()
    assert events == ["queued", "started", "output", "output", "finished"]


def test_the_newest_wish_replaces_the_waiting_one_but_not_the_running_one(lane):
    release = threading.Event()

    def slow(progress: Progress) -> Iterator[Any]:
        release.wait(30)
        yield "first"

    lane.submit(Job("a", "", slow))
    until(lane, "started", "a")
    for number in range(100):
        lane.submit(Job("a", "", values([number]), tag=number))
    release.set()
    outputs = [event.value for event in until(lane, "finished", "a") if event.kind == "output"]
    outputs += [event.value for event in until(lane, "finished", "a") if event.kind == "output"]
    assert outputs == ["first", 99]


def test_cancel_stops_what_runs_and_drops_what_waits(lane):
    def endless(progress: Progress) -> Iterator[Any]:
        while True:
            time.sleep(0.001)
            progress.check()
            yield None

    lane.submit(Job("a", "", endless))
    until(lane, "started", "a")
    lane.submit(Job("a", "", values([1]), tag="waiting"))
    lane.cancel("a")
    until(lane, "cancelled", "a")
    until(lane, "cancelled", "a")
    assert lane.idle


def test_a_job_that_is_cancelled_just_as_it_begins_does_not_run():
    """Between the waiting room and its first step."""
    events: queue.Queue[Event] = queue.Queue()

    class Slow(Lane):
        def _run(self, *taken: Any) -> None:
            self.cancel("a")
            super()._run(*taken)

    lane: Any = Slow("test", events.put)
    lane.events = events
    ran = threading.Event()

    def work(progress: Progress) -> Iterator[Any]:
        ran.set()
        yield 1

    lane.submit(Job("a", "", work))
    until(lane, "cancelled", "a")
    assert not ran.is_set()
    assert lane.close()


def test_an_interactive_job_passes_between_the_outputs_of_a_long_one(lane):
    order: list[str] = []
    first, go = threading.Event(), threading.Event()

    def long(progress: Progress) -> Iterator[Any]:
        for number in range(3):
            order.append(f"long {number}")
            first.set()
            go.wait(30)
            yield None

    def quick(progress: Progress) -> Iterator[Any]:
        order.append("quick")
        yield None

    lane.submit(Job("long", "", long, background=True))
    assert first.wait(30)
    lane.submit(Job("quick", "", quick))
    go.set()
    until(lane, "finished", "long")
    assert order == ["long 0", "quick", "long 1", "long 2"]


def test_a_failing_job_is_reported_and_the_lane_goes_on(lane):
    def broken(progress: Progress) -> Iterator[Any]:
        raise ValueError("no")
        yield

    lane.submit(Job("a", "A", broken))
    assert isinstance(until(lane, "failed", "a")[-1].value, ValueError)
    lane.submit(Job("b", "B", values([1])))
    until(lane, "finished", "b")


def test_progress_carries_fraction_and_message(lane):
    def work(progress: Progress) -> Iterator[Any]:
        progress(0.5, "half")
        yield 1

    lane.submit(Job("a", "A", work))
    told = [event.value for event in until(lane, "finished", "a") if event.kind == "progress"]
    assert told == [(0.5, "half")]


def test_closing_cancels_and_joins():
    events: queue.Queue[Event] = queue.Queue()
    closed = threading.Event()
    lane = Lane("closing", events.put, on_close=closed.set)

    def endless(progress: Progress) -> Iterator[Any]:
        while True:
            progress.check()
            yield None

    lane.submit(Job("a", "", endless))
    assert lane.close()
    assert closed.is_set()
    lane.submit(Job("b", "", values([1])))
    assert lane.idle


def test_running_and_waiting_jobs_are_counted(lane):
    release = threading.Event()

    def slow(progress: Progress) -> Iterator[Any]:
        release.wait(30)
        yield 1

    assert lane.counts == (0, 0)
    lane.submit(Job("a", "", slow))
    until(lane, "started", "a")
    for number in range(5):
        lane.submit(Job("b", "", values([number])))
    lane.submit(Job("c", "", values([0])))
    assert lane.counts == (1, 2)
    release.set()
    until(lane, "finished", "c")
    assert lane.counts == (0, 0)


def test_an_abandoned_lane_is_told_to_end_and_neither_waited_for_nor_tidied_up():
    events: queue.Queue[Event] = queue.Queue()
    tidied: list[str] = []
    free = threading.Event()

    def stuck(progress: Progress) -> Iterator[Any]:
        yield 1
        free.wait()
        progress.check()

    def brief(progress: Progress) -> Iterator[Any]:
        yield 2

    lanes = Lanes(events.put, {"network": lambda: tidied.append("network"), "export": lambda: tidied.append("export")})
    lanes["network"].submit(Job("a", "", stuck))
    lanes["export"].submit(Job("b", "", brief))
    wanted = {("output", "a"), ("finished", "b")}
    while wanted:
        event = events.get(timeout=30)
        wanted.discard((event.kind, event.job.owner))
    assert lanes.close(30, abandoned=("network", "not begun"))
    assert tidied == ["export"]
    (thread,) = (item for item in threading.enumerate() if item.name == "cvstudio-network")
    assert thread.is_alive()
    free.set()
    thread.join(30)
    assert not thread.is_alive()
    assert tidied == ["export"]
    assert list(events.queue)[-1].kind == "cancelled"
