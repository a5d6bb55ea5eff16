"""Every frame of a camera, for who records it: who looks through it gets the newest one only."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator

from cvstudio.data.samples import Frame
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.errors import MediaError

WAITING_BYTES = 256 << 20
"""Frames that wait to be written, at most; what comes then is left out and counted."""
LEAST_WAITING = 4
POLL_SECS = 0.1

_taps: dict[str, Tap] = {}
_lock = threading.Lock()
_numbers = itertools.count(1)


class Tap(Closeable):
    """The frames that the camera `identity` captures from now on, until it stops or the tap is closed.

    Parameters
    ----------
    identity : id of the medium
    only_new : leave out a reader that is open already, as it is about to be closed

    Attributes
    ----------
    dropped : frames that came too fast for who takes them
    error : why the camera stopped, where it did not do so because it was told to
    """

    def __init__(self, identity: str, *, only_new: bool = False) -> None:
        self._identity = identity
        self._first = new_source() if only_new else 0
        self._frames: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._source: int | None = None
        self._ended = False
        self._condition = threading.Condition()
        self.dropped = 0
        self.error: MediaError | None = None
        with _lock:
            _taps[identity] = self

    def next(self) -> Frame | None:
        """The next frame; None where none comes within a moment, see `ended`."""
        with self._condition:
            self._condition.wait_for(lambda: self._frames or self._ended, POLL_SECS)
            if not self._frames:
                return None
            frame = self._frames.popleft()
            self._waiting_bytes -= frame.pixels.nbytes
            return frame

    def __iter__(self) -> Iterator[Frame | None]:
        """Frames up to the end; None where none came for a moment, so that the taker can look after other things."""
        while not self.ended:
            yield self.next()

    @property
    def ended(self) -> bool:
        """Whether nothing comes any more and everything was taken."""
        with self._condition:
            return self._ended and not self._frames

    def close(self) -> None:
        """Take no more frames; those that wait can still be taken."""
        with _lock:
            if _taps.get(self._identity) is self:
                del _taps[self._identity]
        with self._condition:
            self._ended = True
            self._condition.notify_all()

    def put(self, source: int, frame: Frame) -> None:
        """`source`, which captures, has a new frame. Never waits."""
        if source < self._first:
            return
        with self._condition:
            self._source = source
            full = self._waiting_bytes + frame.pixels.nbytes > WAITING_BYTES and len(self._frames) >= LEAST_WAITING
            if full:
                self.dropped += 1
            elif not self._ended:
                self._frames.append(frame)
                self._waiting_bytes += frame.pixels.nbytes
                self._condition.notify_all()

    def end(self, source: int, error: MediaError | None) -> None:
        """`source` captures no more. One that was closed before this began to listen does not count."""
        failed = self._source is None and source >= self._first and error is not None
        if self._source == source or failed:
            self.error = error
            self.close()


def new_source() -> int:
    """A number for who captures: later ones have larger ones."""
    return next(_numbers)


def tap_of(identity: str) -> Tap | None:
    """Who listens to the camera `identity`."""
    with _lock:
        return _taps.get(identity)
