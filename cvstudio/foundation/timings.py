"""How long things take: the last of each, their median and what 95 of a hundred stay below."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

KEPT = 100
MOST_KEYS = 256


def ms_text(secs: float, decimals: int = 1) -> str:
    """Milliseconds, without their unit, in three figures of which up to `decimals`, 1 or 2, stand behind the point."""
    ms = secs * 1000
    if decimals > 1 and ms < 9.995:
        return f"{ms:.2f}"
    return f"{ms:.1f}" if ms < 99.95 else f"{ms:,.0f}"


@dataclass(frozen=True)
class Timing:
    """Durations in seconds of the newest `count` runs of one thing, at most `KEPT`.

    `p95_secs` is the smallest of them that at least 95 of a hundred do not exceed (nearest rank).
    """

    last_secs: float
    median_secs: float
    p95_secs: float
    count: int


class Timings:
    """Keeps durations by key. Every thread may record and read; one record costs about a microsecond."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def record(self, key: Hashable, secs: float) -> None:
        """Add one duration. The key that was not used for longest leaves where there are too many."""
        with self._lock:
            kept = self._found.setdefault(key, deque(maxlen=KEPT))
            kept.append(secs)
            self._found.move_to_end(key)
            if len(self._found) > MOST_KEYS:
                self._found.popitem(last=False)

    @contextlib.contextmanager
    def measure(self, key: Hashable) -> Iterator[None]:
        """Record how long the block takes, unless it raises."""
        began = time.perf_counter()
        yield
        self.record(key, time.perf_counter() - began)

    def timed(self, key: Hashable, work: Iterator[T]) -> Iterator[T]:
        """What `work` yields; its own time is recorded when it ends, without what its caller does in between."""
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
        """What is known of `key`; None where nothing is."""
        with self._lock:
            found = self._found.get(key)
            if not found:
                return None
            values = list(found)
        ordered = sorted(values)
        rank = -(-95 * len(ordered) // 100)
        return Timing(values[-1], statistics.median(ordered), ordered[rank - 1], len(ordered))

    def clear(self) -> None:
        with self._lock:
            self._found.clear()
