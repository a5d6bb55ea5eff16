"""Least-recently-used cache of stage outputs with a memory budget."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from cvstudio.foundation.progress import Progress

Key = Hashable

_WITHOUT_PARTS = frozenset({str, bytes, int, float, bool, object, type(None)})


def buffers(value: Any) -> dict[int, int]:
    """Memory blocks that the arrays in `value` keep alive, id -> bytes; containers and dataclasses are traversed."""
    blocks: dict[int, int] = {}
    _add_buffers(value, blocks)
    return blocks


def _add_buffers(value: Any, blocks: dict[int, int]) -> None:
    if isinstance(value, np.ndarray):
        # A read-only view keeps its whole base alive.
        base = value if value.base is None else value.base
        blocks[id(base)] = int(base.nbytes) if isinstance(base, np.ndarray) else int(value.nbytes)
        return
    for item in _parts(value):
        # Told by the exact type first: a result has a hundred names of classes, and every frame's results are stored.
        if type(item) not in _WITHOUT_PARTS:
            _add_buffers(item, blocks)


def _parts(value: Any) -> Sequence[Any]:
    if isinstance(value, list | tuple):
        return tuple(value)
    if isinstance(value, Mapping):
        return tuple(value.values())
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__"):
        return tuple(vars(value).values())
    return ()


@dataclass(frozen=True)
class CacheEntry:
    """A cached output and its memory blocks (`buffers`); `complete` is False while its stage still refines it."""

    value: Any
    complete: bool
    buffers: Mapping[int, int]


class Cache:
    """Stage outputs by key; the least recently used are evicted beyond `budget_bytes` or `max_entries`. Thread-safe.

    Outputs may share memory (a stage passes its input on), so a block is counted once, however many entries hold it.
    """

    def __init__(self, *, budget_bytes: int = 1 << 30, max_entries: int = 512) -> None:
        self.budget_bytes = budget_bytes
        self.max_entries = max_entries
        self._entries: OrderedDict[Key, CacheEntry] = OrderedDict()
        self._holders: Counter[int] = Counter()
        self._bytes = 0
        self._lock = threading.Lock()
        self._claimed: set[Key] = set()
        self._released = threading.Condition()

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under `key`, which becomes the most recently used; None where there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: Key, value: Any, *, complete: bool = True) -> None:
        """Store `value` and evict the least recently used entries until the budget holds; the newest always stays."""
        entry = CacheEntry(value, complete, buffers(value))
        with self._lock:
            old = self._entries.pop(key, None)
            self._entries[key] = entry
            self._hold(entry)
            if old is not None:
                self._drop(old)
            while len(self._entries) > 1 and (self._bytes > self.budget_bytes or len(self._entries) > self.max_entries):
                self._drop(self._entries.popitem(last=False)[1])

    def finish(self, key: Key, value: Any) -> None:
        """Mark `value`, stored under `key`, as the final output of its stage."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is value:
                self._entries[key] = dataclasses.replace(entry, complete=True)
                return
        self.put(key, value)  # evicted meanwhile

    @contextmanager
    def claimed(self, key: Key, progress: Progress) -> Iterator[None]:
        """A block that one thread at a time runs for `key`: who comes second looks for the first one's entry in it.

        Raises
        ------
        Cancelled
            Through `progress`, while another thread is in the block.
        """
        with self._released:
            while key in self._claimed:
                self._released.wait(0.1)
                progress.check()
            self._claimed.add(key)
        try:
            yield
        finally:
            with self._released:
                self._claimed.remove(key)
                self._released.notify_all()

    def _hold(self, entry: CacheEntry) -> None:
        for block, size in entry.buffers.items():
            self._bytes += 0 if self._holders[block] else size
            self._holders[block] += 1

    def _drop(self, entry: CacheEntry) -> None:
        for block, size in entry.buffers.items():
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                self._bytes -= size

    def resize(self, budget_bytes: int) -> None:
        """Change the budget; what exceeds it is evicted at once, the least recently used first."""
        with self._lock:
            self.budget_bytes = budget_bytes
            while len(self._entries) > 1 and self._bytes > budget_bytes:
                self._drop(self._entries.popitem(last=False)[1])

    def discard(self, key: Key) -> None:
        """Remove the entry under `key`; no effect without one."""
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is not None:
                self._drop(entry)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._holders.clear()
            self._bytes = 0

    @property
    def used_bytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)
