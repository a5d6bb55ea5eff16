"""The next batches are made while the network learns from this one."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import TypeVar

from cvstudio.foundation import concurrency

T = TypeVar("T")


def prefetch(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """`items` in their order, made on a thread of their own, at most `depth` ahead.

    Who stops early closes the generator (or lets go of it), and the thread ends. What `items` raises is raised here.
    """
    with concurrency.prefetch(items, depth=depth) as made:
        yield from made
