"""Durations by key: the latest, the least, the median and the 95th percentile."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

KEPT = 100
"""Durations kept for each key."""

MOST_KEYS = 256


def ms_text(secs: float, decimals: int = 1) -> str:
    """Milliseconds to three significant figures, without unit, with at most `decimals` (1 or 2) decimal places."""
    ms = secs * 1000
    if decimals > 1 and ms < 9.995:
        return f"{ms:.2f}"
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:,.0f}"


@dataclass(frozen=True)
class Timing:
    """Statistics, in seconds, of the newest `count` durations of one key, at most `KEPT`.

    `p95_secs` is the 95th percentile by the nearest-rank method.
    """

    last_secs: float
    least_secs: float
    median_secs: float
    p95_secs: float
    count: int


class Timings:
    """Durations by key. Thread-safe; one record costs about a microsecond."""

    def __init__(self) -> None:
        self._durations: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def record(self, key: Hashable, secs: float) -> None:
        """Add one duration. Beyond `MOST_KEYS` the least recently used key is dropped."""
        with self._lock:
            self._durations.setdefault(key, deque(maxlen=KEPT)).append(secs)
            self._durations.move_to_end(key)
            if len(self._durations) > MOST_KEYS:
                self._durations.popitem(last=False)

    @contextlib.contextmanager
    def measure(self, key: Hashable) -> Iterator[None]:
        """Record the duration of the block, unless it raises."""
        began = time.perf_counter()
        yield
        self.record(key, time.perf_counter() - began)

    def timed(self, key: Hashable, work: Iterator[T]) -> Iterator[T]:
        """Yield the items of `work` and record its total time at its end, without the time that the caller spends."""
        spent = 0.0
        while True:
            began = time.perf_counter()
            try:
                value = next(work)
            except StopIteration:
                self.record(key, spent + time.perf_counter() - began)
                return
            spent += time.perf_counter() - began
            yield value

    def get(self, key: Hashable) -> Timing | None:
        """Statistics of `key`; None where nothing is recorded."""
        with self._lock:
            durations = self._durations.get(key)
            if not durations:
                return None
            values = list(durations)
        ordered = sorted(values)
        rank = -(-95 * len(ordered) // 100)
        # `statistics` imports fractions and decimals, which the window's first picture does without.
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        return Timing(values[-1], ordered[0], middle, ordered[rank - 1], len(ordered))

    def clear(self) -> None:
        with self._lock:
            self._durations.clear()
