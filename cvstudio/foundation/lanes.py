"""Lanes: when work runs. A lane is one thread; the newest wish of each owner wins; work can be cancelled.

A running job is not cancelled by a newer wish (cancelling on every tick of a slider starves the display): the
newer one waits in its owner's only slot, replacing what waited there. The caller cancels when the medium or the
model changes. Long background work is a generator, and between two of its outputs interactive jobs pass in front.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress

log = logging.getLogger(__name__)

EventKind = Literal["queued", "started", "progress", "output", "finished", "failed", "cancelled"]
NICENESS = 5
"""Enough for the window to go first; more, and a machine that is busy otherwise would starve the work."""

Work = Callable[[Progress], Iterator[Any]]

_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Job:
    """Something to do.

    Parameters
    ----------
    owner : hashable
        Whose wish it is; one job of an owner runs and one waits.
    title : shown while it runs; empty for what is too short to be shown
    work : callable (progress) -> iterator of outputs; yields None to let others pass
    tag : handed back with every event
    background : interactive jobs pass in front of it
    """

    owner: Hashable
    title: str
    work: Work
    tag: Any = None
    background: bool = False
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, eq=False)
class Event:
    """What became of a job. `value` is the output, the error, or (fraction, message).

    Those of a job come in the order queued, started, progress and output, and one of finished, failed and cancelled.
    One that is dropped while it waits is never started.
    """

    kind: EventKind
    job: Job
    value: Any = None
    elapsed_secs: float = 0.0


Listener = Callable[[Event], None]


class Lane:
    """One thread that runs jobs, the newest wish of each owner first come first served."""

    def __init__(self, name: str, listener: Listener, *, on_close: Callable[[], None] | None = None) -> None:
        self.name = name
        self._listener = listener
        self._on_close = on_close
        self._pending: OrderedDict[Hashable, Job] = OrderedDict()
        self._running: list[tuple[Job, Progress]] = []
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name=f"cvstudio-{name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue `job`, replacing what waits for the same owner (which gets a "cancelled" event)."""
        with self._condition:
            if self._closing:
                return
        # Before it can be taken: the events of a job come as queued, started, outputs, and its end.
        self._listener(Event("queued", job))
        with self._condition:
            if self._closing:
                return
            replaced = self._pending.get(job.owner)
            # The owner keeps its place in the queue, so that a busy slider cannot push others back.
            self._pending[job.owner] = job
            self._condition.notify()
        if replaced is not None:
            self._listener(Event("cancelled", replaced))

    def cancel(self, owner: Hashable) -> None:
        """Drop what waits for `owner` and stop what runs for it."""
        with self._condition:
            dropped = self._pending.pop(owner, None)
            for job, progress in self._running:
                if job.owner == owner:
                    progress.cancel()
        if dropped is not None:
            self._listener(Event("cancelled", dropped))

    @property
    def idle(self) -> bool:
        with self._condition:
            return not self._pending and not self._running

    @property
    def counts(self) -> tuple[int, int]:
        """How many jobs run and how many wait."""
        with self._condition:
            return len(self._running), len(self._pending)

    def close(self, timeout_secs: float = 10.0) -> bool:
        """Cancel everything and join the thread; False where it did not end in time."""
        with self._condition:
            self._closing = True
            self._pending.clear()
            for _, progress in self._running:
                progress.cancel()
            self._condition.notify()
        self._thread.join(timeout_secs)
        return not self._thread.is_alive()

    def _take(self, *, interactive_only: bool) -> tuple[Job, Progress] | None:
        """The next job, which runs from now on: between waiting and running a cancel would not find it."""
        with self._condition:
            for owner, job in () if self._closing else self._pending.items():
                if not (interactive_only and job.background):
                    del self._pending[owner]
                    taken = job, Progress(self._reporter(job))
                    self._running.append(taken)
                    return taken
            return None

    def _reporter(self, job: Job) -> Callable[[float | None, str], None]:
        return lambda fraction, message: self._listener(Event("progress", job, (fraction, message)))

    @staticmethod
    def _step_back() -> None:
        """Let the window's thread go first. Linux has a priority for each thread, and the thread pools that a network
        starts from here inherit it; with cores to spare nothing becomes slower."""
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)

    def _loop(self) -> None:
        self._step_back()
        try:
            while True:
                with self._condition:
                    while not self._pending and not self._closing:
                        self._condition.wait()
                    if self._closing:
                        return
                taken = self._take(interactive_only=False)
                if taken is not None:
                    self._run_and_go_on(*taken)
        finally:
            if self._on_close is not None:
                self._on_close()

    def _run_and_go_on(self, job: Job, progress: Progress) -> None:
        """Run a job; where a listener raises, that is told as of any thread, and the lane goes on."""
        try:
            self._run(job, progress)
        except Exception as error:
            current = threading.current_thread()
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, current)))

    def _run(self, job: Job, progress: Progress) -> None:
        began = time.perf_counter()
        self._listener(Event("started", job))
        last: Event
        try:
            progress.check()
            for output in job.work(progress):
                if output is not None:
                    self._listener(Event("output", job, output, time.perf_counter() - began))
                progress.check()
                if job.background:
                    while (urgent := self._take(interactive_only=True)) is not None:
                        self._run(*urgent)
            last = Event("finished", job, None, time.perf_counter() - began)
        except Cancelled:
            last = Event("cancelled", job, None, time.perf_counter() - began)
        except Exception as error:  # a job ends here: the listener tells the user
            log.info("job '%s' failed", job.title or job.owner, exc_info=True)
            last = Event("failed", job, error, time.perf_counter() - began)
        finally:
            with self._condition:
                self._running = [entry for entry in self._running if entry[0] is not job]
        self._listener(last)


class Lanes:
    """The lanes by name, started when first asked for."""

    def __init__(self, listener: Listener, on_close: dict[str, Callable[[], None]] | None = None) -> None:
        self._listener = listener
        self._on_close = on_close or {}
        self._lanes: dict[str, Lane] = {}

    def __getitem__(self, name: str) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(name, self._listener, on_close=self._on_close.get(name))
        return self._lanes[name]

    def cancel(self, owner: Hashable) -> None:
        """Cancel `owner` on every lane."""
        for lane in self._lanes.values():
            lane.cancel(owner)

    @property
    def idle(self) -> bool:
        return all(lane.idle for lane in self._lanes.values())

    @property
    def counts(self) -> tuple[int, int]:
        """How many jobs run and how many wait on all lanes."""
        found = [lane.counts for lane in tuple(self._lanes.values())]
        return sum(running for running, _ in found), sum(waiting for _, waiting in found)

    def close(self) -> bool:
        """Cancel and join all lanes; False where one did not end in time."""
        ended = [lane.close() for lane in self._lanes.values()]
        return all(ended)
