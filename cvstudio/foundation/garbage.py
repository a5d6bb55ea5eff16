"""Collection of objects that refer to each other in circles, such as dropped networks.

Python collects them in whatever thread asks for it. A program with a window must do so on the thread of its widgets,
which may be among them and cannot be destroyed by another thread.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

_collect: Callable[[], object] = gc.collect


def collect_garbage() -> None:
    """Collect garbage now or, in a program with a window, as soon as its thread is free."""
    _collect()


def collect_with(collect: Callable[[], object]) -> None:
    """Let `collect` do what `collect_garbage` asks for; it may be called from any thread."""
    global _collect
    _collect = collect
