"""Working ahead: what comes next is made by a thread of its own while the caller works on the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from cvstudio.media import Media
from cvstudio.readers import Readers, iterate_frames

T = TypeVar("T")

DEPTH = 4
"""Frames that wait at most: enough for a slow one now and then, and 25 MB at 1080p."""
_LOOK_SECS = 0.1

_END = object()


@contextmanager
def ahead(source: Iterator[T], *, depth: int = DEPTH) -> Iterator[Iterator[T]]:
    """What `source` gives, made in a thread of its own, at most `depth` items early; leaving the block ends the thread
    and closes `source` there, where it is a generator.

    Raises
    ------
    BaseException
        From the iterator, what `source` raises.
    """
    waiting: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Any) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=_LOOK_SECS)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            try:
                for item in source:
                    if not put((item, None)):
                        return
            finally:
                close = getattr(source, "close", None)
                if close is not None:
                    close()
            put((_END, None))
        except BaseException as error:  # a thread ends here: the error is raised where the items are taken
            put((_END, error))

    def taken() -> Iterator[T]:
        while True:
            item, error = waiting.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item

    thread = threading.Thread(target=make, name="cvstudio-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()


@contextmanager
def frames_ahead(
    media: Media, *, start_secs: float = 0.0, stop_secs: float | None = None, depth: int = DEPTH
) -> Iterator[Iterator[Any]]:
    """The frames of `media` in order, decoded ahead: from the one that is shown at `start_secs` to the last that begins
    before `stop_secs`.

    Raises
    ------
    MediaError
        From the iterator, where the file is damaged, or was removed or changed.
    """

    def decoded() -> Iterator[Any]:
        with Readers() as readers:
            yield from iterate_frames(media, readers, start_secs=start_secs, stop_secs=stop_secs)

    with ahead(decoded(), depth=depth) as frames:
        yield frames
