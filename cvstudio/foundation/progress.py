"""Progress, cancellation and remaining time of long work."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cvstudio.foundation.errors import Cancelled


class Progress:
    """Progress report and cancellation flag of a job, passed down to everything that takes long.

    Parameters
    ----------
    report : callable (fraction, message), optional
        Called in the job's own thread; fraction is 0..1, or None where it is unknown.
    """

    def __init__(self, report: Callable[[float | None, str], None] | None = None) -> None:
        self._report = report
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Request cancellation; it takes effect at the next `check`."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def check(self) -> None:
        """Raise Cancelled after `cancel` was called. To be called at least every 100 ms of work."""
        if self._cancelled.is_set():
            raise Cancelled

    def __call__(self, fraction: float | None, message: str = "") -> None:
        """Report `fraction` (0..1, None where unknown) and check for cancellation."""
        self.check()
        if self._report is not None:
            self._report(fraction, message)


class PartProgress(Progress):
    """Progress of one part of a job, which is cancelled with the whole.

    Parameters
    ----------
    whole : progress of the whole job
    span : fractions of the whole at which the part begins and ends; None reports nothing
    """

    def __init__(self, whole: Progress, span: tuple[float, float] | None) -> None:
        super().__init__(None if span is None else self._report_to(whole, span))
        self._whole = whole

    @staticmethod
    def _report_to(whole: Progress, span: tuple[float, float]) -> Callable[[float | None, str], None]:
        start, stop = span

        def report(fraction: float | None, message: str) -> None:
            whole(None if fraction is None else start + fraction * (stop - start), message)

        return report

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set() or self._whole.cancelled

    def check(self) -> None:
        super().check()
        self._whole.check()


class TimeLeft:
    """Remaining time of a job, from its mean pace since the first reported fraction.

    The first fraction may be above 0 (a resumed job); a fraction that decreases starts a new estimate (the next part
    of a job).
    """

    LEAST_SECS = 1.0

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last = 0.0

    def __call__(self, fraction: float | None, now_secs: float) -> float | None:
        """Remaining seconds at `now_secs`, of any monotonic clock; None while they cannot be estimated."""
        if fraction is None:
            self._first = None
            return None
        if self._first is None or fraction < self._last:
            self._first = (fraction, now_secs)
        self._last = fraction
        done, secs = fraction - self._first[0], now_secs - self._first[1]
        return secs * (1 - fraction) / done if done > 0 and secs >= self.LEAST_SECS else None


def duration_text(secs: float) -> str:
    """A duration in seconds as text: "45 s", "12 min", "2 h 05 min"."""
    if secs < 90:
        return f"{secs:.0f} s"
    minutes = round(secs / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
