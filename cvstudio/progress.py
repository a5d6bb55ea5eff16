"""Progress and cancellation, handed down to whatever takes long."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cvstudio.errors import Cancelled


class Progress:
    """Reports how far a job is and learns that it is to stop.

    Parameters
    ----------
    report : callable (fraction, message), optional
        Called from the job's own thread; fraction is 0..1 or None where it is not known.
    """

    def __init__(self, report: Callable[[float | None, str], None] | None = None) -> None:
        self._report = report
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the job to stop; it does so at its next `check`."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled where the job was asked to stop. Call it at least every 100 ms of work."""
        if self._cancelled.is_set():
            raise Cancelled

    def __call__(self, fraction: float | None, message: str = "") -> None:
        """Report `fraction` (0..1, None where unknown) and check for cancellation."""
        self.check()
        if self._report is not None:
            self._report(fraction, message)
