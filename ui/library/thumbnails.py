"""Thumbnails for lists: made on worker threads, of what is visible only, and kept within a budget."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage, QPixmap

from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Event, Job, Lane
from cvstudio.foundation.progress import Progress
from cvstudio.media.thumbnails import Stamp, Thumbnail, stamp_of
from ui.base.jobs_bridge import JobsBridge

if TYPE_CHECKING:
    from cvstudio.media.thumbnail_cache import ThumbnailCache

BUDGET_BYTES = 48 << 20
MAX_ENTRIES = 5000
MAX_THREADS = 3


@dataclass(frozen=True, eq=False)
class Shown:
    """What a list knows of a file: its thumbnail, or why there is none.

    `picture` is None for a kind without one and for a file that cannot be read; `error` is the sentence then.
    """

    stamp: Stamp | None
    picture: QPixmap | None
    facts: Thumbnail | None
    error: str = ""

    @property
    def cost_bytes(self) -> int:
        return self.picture.width() * self.picture.height() * 4 if self.picture is not None else 256


@dataclass(frozen=True, eq=False)
class _Made:
    """What a worker hands over; all None but `path` where the file is still the one that is shown."""

    path: Path
    stamp: Stamp | None = None
    thumbnail: Thumbnail | None = None
    error: str = ""


class Thumbnails(QObject):
    """All methods run on the main thread; the wish list is shared with the workers.

    Signals
    -------
    arrived : the path of a file about which there is more to show
    """

    arrived = Signal(object)

    def __init__(self, parent: QObject, *, budget_bytes: int = BUDGET_BYTES) -> None:
        super().__init__(parent)
        self._budget_bytes = budget_bytes
        self._used_bytes = 0
        self._kept: OrderedDict[Path, Shown] = OrderedDict()
        self._unchecked: set[Path] = set()
        self._lock = threading.Lock()
        self._wishes: deque[tuple[Path, Stamp | None]] = deque()
        self._working: set[int] = set()
        self._bridge = JobsBridge(self._handle, self)
        self._local = threading.local()
        self._lanes: list[Lane] = []

    def get(self, path: Path) -> Shown | None:
        """What is known of a file by now. Takes microseconds; asks for nothing."""
        return self._kept.get(path)

    def want(self, paths: Sequence[Path]) -> None:
        """Make what is missing of `paths`, in this order, and nothing that was wanted before."""
        for path in paths:
            if path in self._kept:
                self._kept.move_to_end(path)
        missing = [
            (path, kept.stamp if kept is not None else None)
            for path in paths
            if (kept := self._kept.get(path)) is None or path in self._unchecked
        ]
        with self._lock:
            self._wishes = deque(missing)
            free = [number for number in range(self._threads()) if number not in self._working][: len(missing)]
            self._working.update(free)
        for number in free:
            self._lane(number).submit(Job(number, "", partial(self._work, number)))

    def check_again(self) -> None:
        """Files may have changed: look at each again when it is next wanted, and show the old one until then."""
        self._unchecked.update(self._kept)

    @property
    def idle(self) -> bool:
        """Whether nothing is being made."""
        with self._lock:
            return not self._wishes and not self._working

    @property
    def used_bytes(self) -> int:
        """Memory of the thumbnails that are kept."""
        return self._used_bytes

    def close(self) -> bool:
        """Stop and join the threads; False where one did not end in time."""
        self._bridge.close()
        with self._lock:
            self._wishes.clear()
        ended = [lane.close() for lane in self._lanes]
        return all(ended)

    # Workers --------------------------------------------------------------------------------------------------------

    @staticmethod
    def _threads() -> int:
        # One core is left for the window and one for the picture that is looked at.
        return max(1, min(MAX_THREADS, (os.cpu_count() or 1) - 2))

    def _lane(self, number: int) -> Lane:
        while len(self._lanes) <= number:
            name = f"thumbnails-{len(self._lanes)}"
            self._lanes.append(Lane(name, self._bridge, on_close=self._close_cache))
        return self._lanes[number]

    def _cache(self) -> ThumbnailCache:
        if not hasattr(self._local, "cache"):
            # Imported with the first thumbnail: the window must not wait for it.
            from cvstudio.media.thumbnail_cache import ThumbnailCache

            self._local.cache = ThumbnailCache()
        cache: ThumbnailCache = self._local.cache
        return cache

    def _close_cache(self) -> None:
        if hasattr(self._local, "cache"):
            self._local.cache.close()

    def _work(self, number: int, progress: Progress) -> Iterator[Any]:
        """Take one wish after the other: what has scrolled out meanwhile is not among them any more."""
        try:
            while True:
                progress.check()
                with self._lock:
                    if not self._wishes:
                        self._working.discard(number)
                        return
                    path, known = self._wishes.popleft()
                yield self._make(path, known)
        except BaseException:
            with self._lock:
                self._working.discard(number)
            raise

    def _make(self, path: Path, known: Stamp | None) -> _Made:
        stamp = None
        try:
            stamp = stamp_of(path)
            if stamp == known:
                return _Made(path)
            return _Made(path, stamp, self._cache().thumbnail(path, stamp))
        except UserError as error:
            return _Made(path, stamp, None, str(error))

    # Main thread ----------------------------------------------------------------------------------------------------

    def _handle(self, event: Event) -> None:
        if event.kind != "output":
            return
        made: _Made = event.value
        self._unchecked.discard(made.path)
        if made.thumbnail is None and not made.error:
            return
        pixels = made.thumbnail.pixels if made.thumbnail is not None else None
        picture = None
        if pixels is not None:
            height, width = pixels.shape[:2]
            image = QImage(pixels.data, width, height, width * 3, QImage.Format.Format_RGB888)
            picture = QPixmap.fromImage(image)
        self._keep(made.path, Shown(made.stamp, picture, made.thumbnail, made.error))
        self.arrived.emit(made.path)

    def _keep(self, path: Path, shown: Shown) -> None:
        old = self._kept.pop(path, None)
        self._used_bytes += shown.cost_bytes - (old.cost_bytes if old is not None else 0)
        self._kept[path] = shown
        while self._used_bytes > self._budget_bytes or len(self._kept) > MAX_ENTRIES:
            gone, forgotten = self._kept.popitem(last=False)
            self._used_bytes -= forgotten.cost_bytes
            self._unchecked.discard(gone)
