"""Progress and cancellation, handed down to whatever takes long, and how long it still takes."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cvstudio.foundation.errors import Cancelled


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


class TimeLeft:
    """How long a job still takes, from the fractions that it tells: by its pace since the first of them.

    A job that goes on where an earlier one stopped begins above 0, and the next part of a job begins anew.
    """

    LEAST_SECS = 1.0

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = 0.0

    def __call__(self, fraction: float | None, now_secs: float) -> float | None:
        """Seconds left at `now_secs` of any steady clock; None where that cannot be told."""
        if fraction is None:
            self._first = None
            return None
        if self._first is None or fraction < self._last:
            self._first = (fraction, now_secs)
        self._last = fraction
        done, secs = fraction - self._first[0], now_secs - self._first[1]
        return secs * (1 - fraction) / done if done > 0 and secs >= self.LEAST_SECS else None


def duration_text(secs: float) -> str:
    """`secs` as a person tells them: "45 s", "12 min", "2 h 05 min"."""
    if secs < 90:
        return f"{secs:.0f} s"
    minutes = round(secs / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
