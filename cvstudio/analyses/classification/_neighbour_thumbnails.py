"""Thumbnails of the neighbours of a picture, cached in memory and in the user's thumbnail cache."""

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
"""Thumbnails in memory: many neighbours stay the same from frame to frame, and from metric to metric."""


class NeighbourThumbnails:
    """Cache of the most recent thumbnails. Thread-safe."""

    def __init__(self) -> None:
        self._cache: OrderedDict[tuple[Path, Stamp], NDArray[np.uint8] | None] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, paths: Sequence[Path], progress: Progress) -> tuple[NDArray[np.uint8] | None, ...]:
        """The thumbnail of each file, uint8 RGB (h, w, 3) within `FIT` of `cvstudio.media.thumbnails`; None without
        one."""
        thumbnails: list[NDArray[np.uint8] | None] = []
        disk_cache: ThumbnailCache | None = None
        try:
            for path in paths:
                progress.check()
                try:
                    stamp = stamp_of(path)
                    with self._lock:
                        cached = (path, stamp) in self._cache
                        picture = self._cache.get((path, stamp))
                    if not cached:
                        disk_cache = disk_cache or ThumbnailCache()
                        picture = disk_cache.thumbnail(path, stamp).pixels
                        self._keep((path, stamp), picture)
                except MediaError:
                    picture = None
                thumbnails.append(picture)
        finally:
            if disk_cache is not None:
                disk_cache.close()
        return tuple(thumbnails)

    def _keep(self, key: tuple[Path, Stamp], picture: NDArray[np.uint8] | None) -> None:
        with self._lock:
            self._cache[key] = picture
            while len(self._cache) > MOST_KEPT:
                self._cache.popitem(last=False)
