"""Preparation of the next batches in a thread, while the network is trained on this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


def prefetch(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """Iterate over `items` in a separate thread, at most `depth` ahead, and yield them in order.

    Closing the generator ends the thread. Errors of `items` are raised here.
    """
    ready: queue.Queue[T | object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    errors: list[BaseException] = []

    def put(item: T | object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # raised again in the consuming thread
            errors.append(error)
        put(_END)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            yield item  # type: ignore[misc]
        if errors:
            raise errors[0]
    finally:
        stopped.set()
        thread.join()
