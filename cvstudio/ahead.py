"""Decoding ahead: the frames of a video, decoded by a thread of its own while the caller works on the one before."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cvstudio.media import Media
from cvstudio.readers import Readers

DEPTH = 4
"""Frames that wait at most: enough for a slow one now and then, and 25 MB at 1080p."""
_LOOK_SECS = 0.1

_END = object()


@contextmanager
def frames_ahead(
    media: Media, *, start_secs: float = 0.0, stop_secs: float | None = None, depth: int = DEPTH
) -> Iterator[Iterator[Any]]:
    """The frames of `media` in order, from the one that is shown at `start_secs` to the last that begins before
    `stop_secs`; leaving the block ends the thread.

    Raises
    ------
    MediaError
        From the iterator, where the file is damaged, or was removed or changed.
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

    def decode() -> None:
        try:
            with Readers() as readers:
                reader = readers.get(media)
                frame = reader.at(start_secs)
                while frame is not None and (stop_secs is None or frame.pts < stop_secs):
                    if not put(frame):
                        return
                    frame = reader.next()
            put(_END)
        except Exception as error:  # a thread ends here: the error is raised where the frames are taken
            put(error)

    def taken() -> Iterator[Any]:
        while (item := waiting.get()) is not _END:
            if isinstance(item, Exception):
                raise item
            yield item

    thread = threading.Thread(target=decode, name="cvstudio-ahead", daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stopped.set()
        thread.join()
