"""Job scheduling. A lane is one thread with a queue that holds the latest job of each owner; jobs can be cancelled.

A newer job does not cancel the running one of its owner (cancelling on every tick of a slider starves the display):
it waits in the owner's only slot and replaces the job that waited there. The caller cancels when the medium or the
model changes. Long background work is a generator: interactive jobs run between two of its outputs.
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
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress

log = logging.getLogger(__name__)

EventKind = Literal["queued", "started", "progress", "output", "finished", "failed", "cancelled"]
NICENESS = 5
"""Priority offset of worker threads: enough for the window to go first; more would starve them on a busy machine."""

CLOSE_SECS = 10.0
"""Longest time that closing waits for running jobs."""

Work = Callable[[Progress], Iterator[Any]]

_numbers = itertools.count(1)


@dataclass(frozen=True, eq=False)
class Job:
    """A unit of work for a lane.

    Parameters
    ----------
    owner : hashable
        Who requests it; at most one job of an owner runs and one waits.
    title : shown while it runs; empty for a job too short to be shown
    work : callable (progress) -> iterator of outputs; yields None to let interactive jobs run
    tag : returned with every event
    background : whether interactive jobs go first
    """

    owner: Hashable
    title: str
    work: Work
    tag: Any = None
    background: bool = False
    number: int = field(default_factory=lambda: next(_numbers))


@dataclass(frozen=True, eq=False)
class Event:
    """A change in the state of a job. `value` is the output, the error, or (fraction, message).

    The events of a job come in this order: queued, started, progress and output, then one of finished, failed and
    cancelled. A job that is dropped while it waits is cancelled without having started.
    """

    kind: EventKind
    job: Job
    value: Any = None
    elapsed_secs: float = 0.0


Listener = Callable[[Event], None]


class Lane:
    """One thread that runs the latest job of each owner, first come, first served.

    Parameters
    ----------
    name : of the thread, after "cvstudio-"
    listener : called with every event, in the thread that causes it
    on_close : called in the lane's thread when it ends
    niceness : priority offset of its thread
    """

    def __init__(
        self,
        name: str,
        listener: Listener,
        *,
        on_close: Callable[[], None] | None = None,
        niceness: int = NICENESS,
    ) -> None:
        self.name = name
        self._listener = listener
        self._on_close = on_close
        self._niceness = niceness
        self._pending: OrderedDict[Hashable, Job] = OrderedDict()
        self._running: list[tuple[Job, Progress]] = []
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name=f"cvstudio-{name}", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue `job` in place of the waiting job of the same owner, which gets a "cancelled" event."""
        with self._condition:
            if self._closing:
                return
        # Reported before the job can be taken, so that its events come in order.
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
        """Drop the waiting job of `owner` and cancel its running one."""
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
        """Numbers of running and of waiting jobs."""
        with self._condition:
            return len(self._running), len(self._pending)

    def stop(self) -> None:
        """Cancel all jobs, and take no more."""
        with self._condition:
            self._closing = True
            self._pending.clear()
            for _, progress in self._running:
                progress.cancel()
            self._condition.notify()

    def close(self, timeout_secs: float = CLOSE_SECS) -> bool:
        """Cancel all jobs and join the thread; False where it does not end within `timeout_secs`."""
        self.stop()
        self._thread.join(timeout_secs)
        return not self._thread.is_alive()

    def abandon(self) -> None:
        """Cancel all jobs, and leave the thread to the end of the process, which frees what `on_close` would."""
        self._on_close = None
        self.stop()

    def _take(self, *, interactive_only: bool) -> tuple[Job, Progress] | None:
        """Move the next job from waiting to running, at once: in between, `cancel` would not find it."""
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

    def _lower_priority(self) -> None:
        """Lower the priority of this thread below the window's. On Linux priorities are per thread and inherited by the
        thread pools that a network starts from here; with idle cores nothing becomes slower."""
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)

    def _loop(self) -> None:
        self._lower_priority()
        try:
            while True:
                with self._condition:
                    while not self._pending and not self._closing:
                        self._condition.wait()
                    if self._closing:
                        return
                job_and_progress = self._take(interactive_only=False)
                if job_and_progress is not None:
                    self._run_safely(*job_and_progress)
        finally:
            if self._on_close is not None:
                self._on_close()

    def _run_safely(self, job: Job, progress: Progress) -> None:
        """Run a job; an exception of a listener goes to `threading.excepthook`, and the lane continues."""
        try:
            self._run(job, progress)
        except Exception as error:
            current = threading.current_thread()
            threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, current)))

    def _run(self, job: Job, progress: Progress) -> None:
        began = time.perf_counter()
        self._listener(Event("started", job))
        outcome: Event
        try:
            progress.check()
            for output in job.work(progress):
                if output is not None:
                    self._listener(Event("output", job, output, time.perf_counter() - began))
                progress.check()
                if job.background:
                    while (urgent := self._take(interactive_only=True)) is not None:
                        self._run(*urgent)
            outcome = Event("finished", job, None, time.perf_counter() - began)
        except Cancelled:
            outcome = Event("cancelled", job, None, time.perf_counter() - began)
        except Exception as error:  # a job ends here: the listener informs the user
            log.info("job '%s' failed", job.title or job.owner, exc_info=True)
            outcome = Event("failed", job, error, time.perf_counter() - began)
        finally:
            with self._condition:
                self._running = [entry for entry in self._running if entry[0] is not job]
        self._listener(outcome)


class Lanes:
    """Lanes by name, each started at its first use; `niceness` by name, where it differs from the usual."""

    def __init__(
        self,
        listener: Listener,
        on_close: Mapping[str, Callable[[], None]] | None = None,
        niceness: Mapping[str, int] | None = None,
    ) -> None:
        self._listener = listener
        self._on_close = on_close or {}
        self._niceness = niceness or {}
        self._lanes: dict[str, Lane] = {}

    def __getitem__(self, name: str) -> Lane:
        if name not in self._lanes:
            niceness = self._niceness.get(name, NICENESS)
            self._lanes[name] = Lane(name, self._listener, on_close=self._on_close.get(name), niceness=niceness)
        return self._lanes[name]

    def cancel(self, owner: Hashable) -> None:
        """Cancel the jobs of `owner` on every lane."""
        for lane in self._lanes.values():
            lane.cancel(owner)

    @property
    def idle(self) -> bool:
        return all(lane.idle for lane in self._lanes.values())

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of running and of waiting jobs on all lanes."""
        counts = [lane.counts for lane in tuple(self._lanes.values())]
        return sum(running for running, _ in counts), sum(waiting for _, waiting in counts)

    def close(self, timeout_secs: float = CLOSE_SECS, *, abandoned: Collection[str] = ()) -> bool:
        """Cancel and join all lanes but those that are `abandoned`, by name (see `Lane.abandon`); False where one does
        not end within `timeout_secs`."""
        for name in abandoned:
            if name in self._lanes:
                self._lanes[name].abandon()
        return close_lanes(tuple(lane for name, lane in self._lanes.items() if name not in abandoned), timeout_secs)


def close_lanes(lanes: Sequence[Lane], timeout_secs: float = CLOSE_SECS) -> bool:
    """Cancel the jobs of all `lanes` first, then join their threads; False where one does not end in that time."""
    for lane in lanes:
        lane.stop()
    end = time.monotonic() + timeout_secs
    ended = [lane.close(max(0.0, end - time.monotonic())) for lane in lanes]
    return all(ended)
