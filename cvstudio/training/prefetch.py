"""Preparation of the next batches in a thread, while the network is trained on this one."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeVar

from cvstudio.foundation import concurrency

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """Iterate over `items` in a separate thread, at most `depth` ahead, and yield them in order.

    Closing the generator ends the thread. Errors of `items` are raised here.
    """
    with concurrency.prefetch(items, depth=depth) as made:
        yield from made
