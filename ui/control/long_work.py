"""Work that the user waits for, such as exports, batches, recordings and trainings. Quitting asks about it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from cvstudio.foundation.lanes import Event

KINDS = frozenset(("export", "export labels", "copy", "accept", "batch", "record", "count", "spatial-export", "world"))
"""First entries of the owners of jobs that are long work."""


@dataclass
class Work:
    """One piece of work.

    Parameters
    ----------
    title : sentence that says what is done
    finish : what ends it and keeps what it has made, for work that goes on until it is told to end; else None
    fraction, message : progress, 0..1 or None where it is not known
    """

    title: str
    finish: Callable[[], object] | None = None
    fraction: float | None = None
    message: str = ""


class LongWork(QObject):
    """The long work that is going on. Jobs of `KINDS` are entered by their events, others by `begin`.

    Signals
    -------
    changed : work has begun, made progress or ended
    failed : work has failed
    """

    changed = Signal()
    failed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._work: dict[int, Work] = {}
        self._numbers = itertools.count(-1, -1)  # jobs have positive ones
        self._finishers: dict[object, Callable[[], object]] = {}

    @property
    def work(self) -> tuple[Work, ...]:
        """All that is going on, the oldest first."""
        return tuple(self._work.values())

    def begin(self, title: str, finish: Callable[[], object] | None = None) -> int:
        """Enter work, and return its number."""
        number = next(self._numbers)
        self._enter(number, Work(title, finish))
        return number

    def report(self, number: int, fraction: float | None, message: str) -> None:
        """Set the progress of work; ignored where it has ended."""
        work = self._work.get(number)
        if work is not None:
            work.fraction, work.message = fraction, message or work.message
            self.changed.emit()

    def end(self, number: int, *, failed: bool = False) -> None:
        """Remove work; harmless where it has ended already."""
        if self._work.pop(number, None) is not None:
            if failed:
                self.failed.emit()
            self.changed.emit()

    def finish_by(self, owner: object, finish: Callable[[], object]) -> None:
        """Set what ends the jobs of `owner`, which go on until they are told to end."""
        self._finishers[owner] = finish

    def job_event(self, event: Event) -> None:
        """Follow the jobs of the pipeline."""
        owner, number = event.job.owner, event.job.number
        if not isinstance(owner, tuple) or not owner or owner[0] not in KINDS:
            return
        if event.kind == "queued":
            self._enter(number, Work(event.job.title, self._finishers.get(owner)))
        elif event.kind == "progress":
            self.report(number, *event.value)
        elif event.kind in ("finished", "failed", "cancelled"):
            self.end(number, failed=event.kind == "failed")

    def _enter(self, number: int, work: Work) -> None:
        self._work[number] = work
        self.changed.emit()
