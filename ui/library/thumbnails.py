"""Thumbnails for lists: created on worker threads, for visible files only, and cached within a memory budget."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job, Lane, close_lanes
from cvstudio.foundation.progress import Progress
from cvstudio.media.thumbnails import Stamp, Thumbnail, stamp_of
from ui.base.jobs_bridge import JobsBridge

if TYPE_CHECKING:
    from cvstudio.media.thumbnail_cache import ThumbnailCache

BUDGET_BYTES = 48 << 20
MAX_ENTRIES = 5000
MAX_THREADS = 3


@dataclass(frozen=True, eq=False)
class CachedPreview:
    """Preview of a file in a list: its thumbnail, or the reason for its absence.

    Parameters
    ----------
    stamp : of the file when it was read
    picture : None for a kind without one and for a file that cannot be read
    facts : kind, size and duration; None for a file that cannot be read
    error : sentence for a file that cannot be read, else ""
    read_as : key of what it was read as; "" for the likeliest
    """

    stamp: Stamp | None
    picture: QPixmap | None
    facts: Thumbnail | None
    error: str = ""
    read_as: str = ""

    @property
    def cost_bytes(self) -> int:
        return self.picture.width() * self.picture.height() * 4 if self.picture is not None else 256


@dataclass(frozen=True, eq=False)
class _Outcome:
    """Result of a worker; all fields but `path` are empty where the file has not changed."""

    path: Path
    stamp: Stamp | None = None
    thumbnail: Thumbnail | None = None
    error: str = ""
    read_as: str = ""


CLOSING_SECS = 0.5
"""Longest time that closing waits for a thumbnail that is being made."""


class Thumbnails(QObject):
    """Cache of thumbnails. Its public methods are called on the main thread; the wish list is shared with the workers.

    Signals
    -------
    arrived : path of a file whose preview has changed
    """

    arrived = Signal(object)

    def __init__(self, parent: QObject, *, budget_bytes: int = BUDGET_BYTES) -> None:
        super().__init__(parent)
        self._budget_bytes = budget_bytes
        self._used_bytes = 0
        self._cached: OrderedDict[Path, CachedPreview] = OrderedDict()
        self._unchecked: set[Path] = set()
        self._lock = threading.Lock()
        self._wishes: deque[tuple[Path, str, Stamp | None]] = deque()
        self._working: set[int] = set()
        self._bridge = JobsBridge(self._handle, self)
        self._local = threading.local()
        self._lanes: list[Lane] = []

    def get(self, path: Path) -> CachedPreview | None:
        """The cached preview of a file, or None. Takes microseconds and starts no work."""
        return self._cached.get(path)

    def want(self, paths: Sequence[Path], readings: Mapping[Path, str] | None = None) -> None:
        """Request the missing previews of `paths`, in this order, in place of all earlier requests.

        Parameters
        ----------
        readings : keys of what files are read as where that is not the likeliest; an old preview is shown until the
            new one is there
        """
        readings = readings or {}
        for path in paths:
            if path in self._cached:
                self._cached.move_to_end(path)
        wishes = [
            (path, read_as, cached.stamp if cached is not None and cached.read_as == read_as else None)
            for path in paths
            for read_as in (readings.get(path, ""),)
            if (cached := self._cached.get(path)) is None or path in self._unchecked or cached.read_as != read_as
        ]
        with self._lock:
            self._wishes = deque(wishes)
            free = [number for number in range(self._threads()) if number not in self._working][: len(wishes)]
            self._working.update(free)
        for number in free:
            self._lane(number).submit(Job(number, "", partial(self._process_wishes, number)))

    def check_again(self) -> None:
        """Check each file for changes at its next request; its old preview is shown until then."""
        self._unchecked.update(self._cached)

    @property
    def idle(self) -> bool:
        """Whether no request is waiting or in progress."""
        with self._lock:
            return not self._wishes and not self._working

    @property
    def used_bytes(self) -> int:
        """Memory of the cached thumbnails in bytes."""
        return self._used_bytes

    def close(self) -> bool:
        """Stop and join the threads; False if one did not end within `CLOSING_SECS`."""
        self._bridge.close()
        with self._lock:
            self._wishes.clear()
        return close_lanes(self._lanes, CLOSING_SECS)

    # Workers --------------------------------------------------------------------------------------------------------

    @staticmethod
    def _threads() -> int:
        # One core is left for the window and one for the current picture.
        return max(1, min(MAX_THREADS, (os.cpu_count() or 1) - 2))

    def _lane(self, number: int) -> Lane:
        while len(self._lanes) <= number:
            name = f"thumbnails-{len(self._lanes)}"
            self._lanes.append(Lane(name, self._bridge, on_close=self._close_cache))
        return self._lanes[number]

    def _cache(self) -> ThumbnailCache:
        if not hasattr(self._local, "cache"):
            # Imported with the first thumbnail, so that the window's start does not wait for it.
            from cvstudio.media.thumbnail_cache import ThumbnailCache

            self._local.cache = ThumbnailCache()
        cache: ThumbnailCache = self._local.cache
        return cache

    def _close_cache(self) -> None:
        if hasattr(self._local, "cache"):
            self._local.cache.close()

    def _process_wishes(self, number: int, progress: Progress) -> Iterator[Any]:
        """Load one requested preview after the other, without those that `want` has dropped meanwhile."""
        try:
            while True:
                progress.check()
                with self._lock:
                    if not self._wishes:
                        self._working.discard(number)
                        return
                    path, read_as, cached_stamp = self._wishes.popleft()
                yield self._load(path, read_as, cached_stamp)
        except BaseException:
            with self._lock:
                self._working.discard(number)
            raise

    def _load(self, path: Path, read_as: str, cached_stamp: Stamp | None) -> _Outcome:
        stamp = None
        try:
            stamp = stamp_of(path)
            if stamp == cached_stamp:
                return _Outcome(path)
            return _Outcome(path, stamp, self._cache().thumbnail(path, stamp, read_as), read_as=read_as)
        except UserError as error:
            return _Outcome(path, stamp, None, str(error), read_as)

    # Main thread ----------------------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if event.kind != "output":
            return
        outcome: _Outcome = event.value
        self._unchecked.discard(outcome.path)
        if outcome.thumbnail is None and not outcome.error:
            return
        pixels = outcome.thumbnail.pixels if outcome.thumbnail is not None else None
        picture = None
        if pixels is not None:
            height, width = pixels.shape[:2]
            image = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
            picture = QPixmap.fromImage(image)
        preview = CachedPreview(outcome.stamp, picture, outcome.thumbnail, outcome.error, outcome.read_as)
        self._store(outcome.path, preview)
        self.arrived.emit(outcome.path)

    def _store(self, path: Path, preview: CachedPreview) -> None:
        replaced = self._cached.pop(path, None)
        self._used_bytes += preview.cost_bytes - (replaced.cost_bytes if replaced is not None else 0)
        self._cached[path] = preview
        while self._used_bytes > self._budget_bytes or len(self._cached) > MAX_ENTRIES:
            dropped_path, dropped = self._cached.popitem(last=False)
            self._used_bytes -= dropped.cost_bytes
            self._unchecked.discard(dropped_path)
