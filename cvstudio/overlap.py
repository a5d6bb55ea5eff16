"""Work that overlaps: several parts at once, and no more between them than fits."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from cvstudio.errors import Cancelled

T = TypeVar("T")

DEPTH = 3
"""Items that wait between two parts: enough for both to go on, few enough for frames of 4K."""

_POLL_SECS = 0.1


class _Channel:
    """A bounded row of items from one thread to another, which either may break off."""

    def __init__(self, depth: int) -> None:
        self._queue: queue.Queue[tuple[bool, Any]] = queue.Queue(depth)
        self._broken = threading.Event()

    def put(self, item: Any, *, last: bool = False) -> bool:
        """Wait for room; False where the reader broke off."""
        while not self._broken.is_set():
            try:
                self._queue.put((last, item), timeout=_POLL_SECS)
                return True
            except queue.Full:
                continue
        return False

    def close(self) -> None:
        """The reader wants no more, or the writer has no more to give."""
        self._broken.set()

    def __iter__(self) -> Iterator[Any]:
        """The items; ends with the last one. Raises Cancelled where the writer broke off."""
        while True:
            try:
                last, item = self._queue.get(timeout=_POLL_SECS)
            except queue.Empty:
                if self._broken.is_set():
                    raise Cancelled from None
                continue
            if last:
                return
            yield item


def fan_out(source: Iterable[T], readers: Sequence[Callable[[Iterator[T]], None]], *, depth: int = DEPTH) -> None:
    """Run `source` in this thread, and each of `readers` in a thread of its own on all of its items.

    Parameters
    ----------
    source : what takes a thread of its own, such as a network; closed at the end where it is a generator
    readers : callables (iterator of the items); one that returns early is left out from then on
    depth : items that wait for each reader; memory stays flat

    Raises
    ------
    BaseException
        The first error of a reader, or that of the source. The others' iterators then raise Cancelled, so that they
        leave nothing half written.
    """
    channels = [_Channel(depth) for _ in readers]
    failures: list[BaseException] = []

    def run(reader: Callable[[Iterator[T]], None], channel: _Channel) -> None:
        try:
            reader(iter(channel))
        except BaseException as error:  # handed to the thread that waits
            failures.append(error)
        finally:
            channel.close()

    threads = [
        threading.Thread(target=run, args=pair, name=f"cvstudio-fan-{number}", daemon=True)
        for number, pair in enumerate(zip(readers, channels, strict=True))
    ]
    for thread in threads:
        thread.start()
    whole = False
    try:
        for item in source:
            for channel in channels:
                channel.put(item)
            if failures or not any(thread.is_alive() for thread in threads):
                break
        else:
            whole = True
    finally:
        for channel in channels:
            if whole:
                channel.put(None, last=True)
            else:
                channel.close()
        for thread in threads:
            thread.join()
        close = getattr(source, "close", None)
        if close is not None:
            close()
    if failures:
        raise failures[0]
