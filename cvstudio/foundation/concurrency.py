"""Work that overlaps: several parts at once, and no more between them than fits."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from cvstudio.foundation.errors import Cancelled

T = TypeVar("T")
R = TypeVar("R")

DEPTH = 3
"""Items that wait between two parts: enough for both to go on, few enough for frames of 4K."""

_POLL_SECS = 0.1


class Channel(Generic[T]):
    """A bounded row of items from one thread to another, which either may break off."""

    def __init__(self, depth: int = DEPTH) -> None:
        self._queue: queue.Queue[tuple[T] | None] = queue.Queue(depth)
        self._broken = threading.Event()
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Wait for room; False where the reader broke off."""
        return self._put((item,))

    def end(self, error: BaseException | None = None) -> None:
        """The writer has no more to give; `error`, if any, is raised where the items are taken."""
        self._error = error
        self._put(None)

    def close(self) -> None:
        """The reader wants no more, or the writer breaks off."""
        self._broken.set()

    def _put(self, entry: tuple[T] | None) -> bool:
        while not self._broken.is_set():
            try:
                self._queue.put(entry, timeout=_POLL_SECS)
                return True
            except queue.Full:
                continue
        return False

    def __iter__(self) -> Iterator[T]:
        """The items up to the end. Raises the writer's error, and Cancelled where it broke off."""
        while True:
            try:
                entry = self._queue.get(timeout=_POLL_SECS)
            except queue.Empty:
                if self._broken.is_set():
                    raise Cancelled from None
                continue
            if entry is None:
                if self._error is not None:
                    raise self._error
                return
            yield entry[0]


@contextmanager
def prefetch(source: Iterable[T], *, depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """What `source` gives, made in a thread of its own, at most `depth` items early; leaving the block ends the thread
    and closes `source` there, where it is a generator.

    Raises
    ------
    BaseException
        From the iterator, what `source` raises.
    """
    channel: Channel[T] = Channel(depth)

    def make() -> None:
        try:
            try:
                for item in source:
                    if not channel.put(item):
                        return
            finally:
                _close(source)
            channel.end()
        except BaseException as error:  # a thread ends here: the error is raised where the items are taken
            channel.end(error)

    thread = threading.Thread(target=make, name="cvstudio-prefetch", daemon=True)
    thread.start()
    try:
        yield iter(channel)
    finally:
        channel.close()
        thread.join()


def map_ordered(
    source: Iterable[T], work: Callable[[T], R], streams: int, *, begin: Callable[[], None] | None = None
) -> Generator[R]:
    """``map(work, source)`` in order, with `streams` threads at work; `source` is read in the calling thread.

    Who stops early closes the generator (or lets go of it), and the threads end.

    Parameters
    ----------
    begin : called first in each of the threads
    """
    pool = ThreadPoolExecutor(streams, "cvstudio-map", initializer=begin)
    waiting: deque[Future[R]] = deque()
    try:
        for item in source:
            waiting.append(pool.submit(work, item))
            # One waits, so that no thread does.
            if len(waiting) > streams:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        _close(source)


def _close(source: object) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


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
    channels: list[Channel[T]] = [Channel(depth) for _ in readers]
    failures: list[BaseException] = []

    def run(reader: Callable[[Iterator[T]], None], channel: Channel[T]) -> None:
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
                channel.end()
            else:
                channel.close()
        for thread in threads:
            thread.join()
        _close(source)
    if failures:
        raise failures[0]
