"""Decoding ahead: the next frames are read by a thread of its own while the caller works on the one before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cvstudio.foundation.concurrency import prefetch
from cvstudio.media import Media
from cvstudio.media.reader_pool import Readers, iterate_frames

DEPTH = 4
"""Frames that wait at most: enough for a slow one now and then, and 25 MB at 1080p."""


@contextmanager
def prefetch_frames(
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

    with prefetch(decoded(), depth=depth) as frames:
        yield frames
