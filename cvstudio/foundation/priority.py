"""Threads that go first, started from threads whose priority was lowered.

On Linux a thread inherits the priority of the one that starts it, and may lower it but never raise it again.
"""

from __future__ import annotations

import queue
import threading

from cvstudio.foundation.closing import Closeable


class Starter(Closeable):
    """Starts threads for others, with the priority of the thread that makes it; `start_first` uses it until `close`."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[threading.Thread, threading.Event] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="cvstudio-starter", daemon=True)
        self._thread.start()
        with _lock:
            _starters.append(self)

    def start(self, thread: threading.Thread) -> None:
        """Start `thread`, and return when it runs."""
        started = threading.Event()
        self._waiting.put((thread, started))
        started.wait()

    def close(self) -> None:
        """End; calling it again is harmless."""
        with _lock:
            if self not in _starters:
                return
            _starters.remove(self)
        self._waiting.put(None)
        self._thread.join()

    def _loop(self) -> None:
        while (entry := self._waiting.get()) is not None:
            thread, started = entry
            thread.start()
            started.set()


_lock = threading.Lock()
_starters: list[Starter] = []


def start_first(thread: threading.Thread) -> None:
    """Start `thread` with the priority of the program, whatever that of the calling thread; without a `Starter` as
    usual."""
    with _lock:
        if _starters:
            _starters[-1].start(thread)
            return
    thread.start()
