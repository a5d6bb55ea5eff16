"""Taps deliver every frame of a camera, for recording; a `CameraReader` gives the newest one only."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Iterator

from cvstudio.data.samples import Frame
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.memory import available_bytes

WAITING_BYTES = 2 << 30
"""Most memory for queued frames, where a third of what is free is as much; further frames are dropped and counted."""
LEAST_WAITING_BYTES = 512 << 20
"""So much memory is used for them on any machine."""
LEAST_WAITING = 4
LATE_SECS = 0.1
"""A frame that is later than this has waited for the processor."""
POLL_SECS = 0.1
BEHIND_FRAMES = 6
"""Number of queued frames from which a recording is behind."""
BEHIND_SECS = 0.5
"""Time for which it counts as behind after a frame was lost or late."""

_taps: dict[str, Tap] = {}
_ending: dict[str, Tap] = {}
"""Closed taps whose frames are still being taken."""
_lock = threading.Lock()
_numbers = itertools.count(1)


class Tap(Closeable):
    """Queue of the frames that the camera `identity` captures from now on, until it stops or the tap is closed.

    Parameters
    ----------
    identity : id of the medium
    only_new : ignore a reader that is open already, as it is about to be closed

    Attributes
    ----------
    dropped : number of frames that were dropped because the queue was full
    missed : number of frames between its own ones that were not taken from the camera in time
    newest_pts : presentation time of the newest frame, in seconds; None before the first
    error : why the camera stopped; None where it was closed
    """

    def __init__(self, identity: str, *, only_new: bool = False) -> None:
        self._identity = identity
        self._first = new_source() if only_new else 0
        self._frames: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._most_bytes = min(WAITING_BYTES, max(LEAST_WAITING_BYTES, available_bytes() // 3))
        self._source: int | None = None
        self._ended = False
        self._condition = threading.Condition()
        self.dropped = self.missed = 0
        self._lost_secs = -BEHIND_SECS
        self.newest_pts: float | None = None
        self.error: MediaError | None = None
        with _lock:
            _taps[identity] = self

    def next(self) -> Frame | None:
        """The next frame; None where none arrives within `POLL_SECS` (see `ended`)."""
        with self._condition:
            self._condition.wait_for(lambda: self._frames or self._ended, POLL_SECS)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._waiting_bytes -= frame.pixels.nbytes
            taken = self._ended and not self._frames
        if taken:
            self._forget()
        return frame

    def __iter__(self) -> Iterator[Frame | None]:
        """Frames up to the end; None whenever none arrives in time, so that the consumer can do other work."""
        while not self.ended:
            yield self.next()

    @property
    def behind(self) -> bool:
        """Whether frames wait, or were lost or late just now: other work had better leave it the processor."""
        with self._condition:
            return len(self._frames) >= BEHIND_FRAMES or time.monotonic() - self._lost_secs < BEHIND_SECS

    @property
    def ended(self) -> bool:
        """Whether capturing has ended and the queue is empty."""
        with self._condition:
            return self._ended and not self._frames

    def close(self) -> None:
        """Accept no more frames; queued ones can still be taken."""
        with _lock:
            if _taps.get(self._identity) is self:
                del _taps[self._identity]
                _ending[self._identity] = self
        with self._condition:
            self._ended = True
            taken = not self._frames
            self._condition.notify_all()
        if taken:
            self._forget()

    def _forget(self) -> None:
        """No more frames wait."""
        with _lock:
            if _ending.get(self._identity) is self:
                del _ending[self._identity]

    def put(self, source: int, frame: Frame, missed: int = 0, late_secs: float = 0.0) -> None:
        """Queue a new frame of the reader `source`, or drop it. Never waits.

        `missed` were not taken before it; it was itself taken `late_secs` after it was captured.
        """
        if source < self._first:
            return
        with self._condition:
            if self._source == source:
                self.missed += missed
                if missed or late_secs > LATE_SECS:
                    self._lost_secs = time.monotonic()
            self._source = source
            full = self._waiting_bytes + frame.pixels.nbytes > self._most_bytes and len(self._frames) >= LEAST_WAITING
            if full:
                self.dropped += 1
                self._lost_secs = time.monotonic()
            elif not self._ended:
                self.newest_pts = frame.pts
                self._frames.append(frame)
                self._waiting_bytes += frame.pixels.nbytes
                self._condition.notify_all()

    def end(self, source: int, error: MediaError | None) -> None:
        """Close the tap when the reader `source` ends; a reader that gave it no frame counts only where it failed."""
        failed = self._source is None and source >= self._first and error is not None
        if self._source == source or failed:
            self.error = error
            self.close()


def new_source() -> int:
    """A number for a reader that captures, larger than all before."""
    return next(_numbers)


def tap_of(identity: str) -> Tap | None:
    """The open tap of the camera `identity`; None where there is none."""
    with _lock:
        return _taps.get(identity)


def recording_behind(identity: str) -> bool:
    """Whether the camera `identity` is or was recorded, and frames wait or were lost just now."""
    with _lock:
        taps = [taps[identity] for taps in (_taps, _ending) if identity in taps]
    return any(tap.behind for tap in taps)
