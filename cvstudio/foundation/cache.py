"""A cache of stage outputs within a budget of memory."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Key = Hashable


def buffers(value: Any) -> dict[int, int]:
    """The memory blocks that the arrays in `value` keep alive: id -> bytes (containers and dataclasses are walked)."""
    if isinstance(value, np.ndarray):
        # A read-only view keeps its base alive, and that is what is held.
        base = value if value.base is None else value.base
        return {id(base): int(base.nbytes) if isinstance(base, np.ndarray) else int(value.nbytes)}
    found: dict[int, int] = {}
    items: Iterable[Any] = ()
    if isinstance(value, Mapping):
        items = value.values()
    elif isinstance(value, list | tuple):
        items = value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__"):
        items = vars(value).values()
    for item in list(items):
        found.update(buffers(item))
    return found


@dataclass(frozen=True)
class CacheEntry:
    """A cached output; `complete` is False while its stage still yields better ones."""

    value: Any
    complete: bool
    buffers: Mapping[int, int]


class Cache:
    """Stage outputs, least recently used out first, within a budget. Safe to use from every thread.

    Outputs share memory (a stage hands on what it was given), so a block counts once whoever holds it.
    """

    def __init__(self, *, budget_bytes: int = 1 << 30, max_entries: int = 512) -> None:
        self.budget_bytes = budget_bytes
        self.max_entries = max_entries
        self._entries: OrderedDict[Key, CacheEntry] = OrderedDict()
        self._holders: Counter[int] = Counter()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> CacheEntry | None:
        """The entry under `key`, marked as just used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: Key, value: Any, *, complete: bool = True) -> None:
        """Store `value`; whatever was used longest ago leaves until the budget holds (the newest always stays)."""
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
        """`value`, which was put under `key`, was the last and best one."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.value is value:
                self._entries[key] = dataclasses.replace(entry, complete=True)
                return
        self.put(key, value)  # something pushed it out meanwhile

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
