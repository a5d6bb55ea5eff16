"""What a stage is given for what is in a slot."""

from __future__ import annotations

from typing import Any

from cvstudio.analyses.binding import Binding, MediaList, MediaSamples, ResultOf, TextInput
from cvstudio.foundation.cache import Cache
from cvstudio.media import Media
from cvstudio.media.reader_pool import Readers, read_sample


def read_input(bound: Binding, pts: float | None, readers: Readers, cache: Cache, *, streamed: bool = False) -> Any:
    """What a stage is given for what is in a slot: see `Inputs.samples`.

    A `streamed` medium is an open reader of its sound. The result of another analysis is not read but run: see
    `Runner.samples`.

    Raises
    ------
    MediaError
    """
    if isinstance(bound, Media):
        if streamed:
            return readers.get(bound, sound=True)
        return read_sample(bound, pts if bound.moving else None, readers, cache)
    if isinstance(bound, TextInput):
        return bound.text
    if isinstance(bound, MediaList):
        return MediaSamples(bound.media)
    if isinstance(bound, ResultOf):
        raise TypeError("the result of another analysis is not read from a file")
    key = ("labels", *bound.key(None))
    entry = cache.get(key)
    if entry is None:
        cache.put(key, labels := bound.read())
        return labels
    return entry.value
