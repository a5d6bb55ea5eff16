"""The next batches are made while the network learns from this one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


def prefetch(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """`items` in their order, made on a thread of their own, at most `depth` ahead.

    Who stops early closes the generator (or lets go of it), and the thread ends. What `items` raises is raised here.
    """
    waiting: queue.Queue[T | object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()
    failed: list[BaseException] = []

    def put(item: T | object) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as error:  # it is raised again where the items are taken
            failed.append(error)
        put(_END)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (item := waiting.get()) is not _END:
            yield item  # type: ignore[misc]
        if failed:
            raise failed[0]
    finally:
        stopped.set()
        thread.join()
