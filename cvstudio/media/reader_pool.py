"""Pool of the open readers of one thread."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from cvstudio.data.samples import Image, Sample
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, open_reader


class Readers(Closeable):
    """Keeps the most recently used readers open. Owned by one thread, as readers are.

    Parameters
    ----------
    keep : most readers that stay open
    """

    def __init__(self, *, keep: int = 4) -> None:
        self._keep = keep
        self._open: OrderedDict[tuple[str, bool], Any] = OrderedDict()

    def get(self, media: Media, *, sound: bool = False) -> Any:
        """An open reader of `media`, or of its sound. Raises MediaError."""
        key = (media.id, sound)
        if key not in self._open:
            from cvstudio.media.formats.audio import AudioReader

            self._open[key] = AudioReader(media) if sound else open_reader(media)
            while len(self._open) > self._keep:
                self._open.popitem(last=False)[1].close()
        self._open.move_to_end(key)
        return self._open[key]

    def drop(self, media: Media) -> None:
        """Close the reader of `media`, where it is open."""
        reader = self._open.pop((media.id, False), None)
        if reader is not None:
            reader.close()

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()


def sample_key(media: Media, pts: float | None) -> tuple[str, str, float | None]:
    """Cache key of the decoded sample of `media` at `pts` seconds."""
    return ("sample", media.id, pts)


def read_sample(media: Media, pts: float | None, readers: Readers, cache: Cache) -> Sample:
    """The sample of `media` (of a video the frame at `pts` seconds), from `cache` or decoded and stored there.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed; or the frame of a camera is no longer in the cache.
    """
    key = sample_key(media, pts)
    entry = cache.get(key)
    if entry is None:
        if media.kind is MediaKind.CAMERA:
            raise MediaError(f"{media.name} shows what is now, and that frame is gone; press play for a new one.")
        reader = readers.get(media)
        value = reader.at(pts or 0.0) if media.kind is MediaKind.VIDEO else reader.read()
        if isinstance(value, Image):
            _ = value.rgb8  # converted here, off the main thread; the image keeps it
        cache.put(key, value)
        return value  # type: ignore[no-any-return]
    return entry.value  # type: ignore[no-any-return]


def iterate_frames(
    media: Media, readers: Readers, *, start_secs: float = 0.0, stop_secs: float | None = None
) -> Iterator[Any]:
    """Frames of a video in order, from the one shown at `start_secs` to the last that begins before `stop_secs`."""
    reader = readers.get(media)
    frame = reader.at(start_secs)
    while frame is not None and (stop_secs is None or frame.pts < stop_secs):
        yield frame
        frame = reader.next()
