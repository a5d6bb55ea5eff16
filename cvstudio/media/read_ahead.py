"""Read-ahead: a separate thread decodes the next frames while the caller processes the current one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cvstudio.foundation.concurrency import prefetch
from cvstudio.media import Media
from cvstudio.media.reader_pool import Readers, iterate_frames

DEPTH = 4
"""Most frames decoded ahead: enough to even out slow ones, and 25 MB at 1080p."""


@contextmanager
def prefetch_frames(
    media: Media, *, start_secs: float = 0.0, stop_secs: float | None = None, depth: int = DEPTH
) -> Iterator[Iterator[Any]]:
    """Frames of `media` in order, decoded ahead: from the one shown at `start_secs` to the last that begins before
    `stop_secs`.

    Parameters
    ----------
    media : a video
    depth : most frames decoded ahead

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
