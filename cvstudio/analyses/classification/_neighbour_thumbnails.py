"""Thumbnails of the neighbours of a picture: from memory, from the user's cache, or made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.thumbnail_cache import ThumbnailCache
from cvstudio.media.thumbnails import Stamp, stamp_of

MOST_KEPT = 1024
"""In memory: from frame to frame, and from metric to metric, many neighbours are the same."""


class NeighbourThumbnails:
    """The thumbnails in memory, those that were made last; any thread may ask."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, Stamp], NDArray[np.uint8] | None] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, paths: Sequence[Path], progress: Progress) -> tuple[NDArray[np.uint8] | None, ...]:
        """The thumbnail of each file, uint8 RGB (h, w, 3) within `FIT` of `cvstudio.media.thumbnails`; None without
        one."""
        found: list[NDArray[np.uint8] | None] = []
        cache: ThumbnailCache | None = None
        try:
            for path in paths:
                progress.check()
                try:
                    stamp = stamp_of(path)
                    with self._lock:
                        known = (path, stamp) in self._kept
                        picture = self._kept.get((path, stamp))
                    if not known:
                        cache = cache or ThumbnailCache()
                        picture = cache.thumbnail(path, stamp).pixels
                        self._keep((path, stamp), picture)
                except MediaError:
                    picture = None
                found.append(picture)
        finally:
            if cache is not None:
                cache.close()
        return tuple(found)

    def _keep(self, key: tuple[Path, Stamp], picture: NDArray[np.uint8] | None) -> None:
        with self._lock:
            self._kept[key] = picture
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
