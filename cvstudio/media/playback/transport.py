"""The transport: a position in seconds that plays, seeks, loops and stops. Polled; has no thread and no timer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

Clock = Callable[[], float]
Leader = Callable[[], float | None]


class Transport:
    """A position within 0..`duration_secs`, moved by a clock or by a leader. Used by one thread.

    Parameters
    ----------
    duration_secs : length of the medium; 0 for a still one
    clock : a monotonic time in seconds

    Raises
    ------
    ValueError
        The duration is negative or not finite.
    """

    def __init__(self, duration_secs: float, clock: Clock = time.monotonic) -> None:
        if not (math.isfinite(duration_secs) and duration_secs >= 0):
            raise ValueError(f"expected a duration of 0 s or more, found {duration_secs}")
        self.duration_secs = duration_secs
        self._clock = clock
        self._playing = False
        self._speed = 1.0
        self._loop: tuple[float, float] | None = None
        self._leader: Leader | None = None
        self._jump: Callable[[float], None] | None = None
        # The position while paused; while playing, the position at the time `_since` of the clock.
        self._anchor = 0.0
        self._since = 0.0

    @property
    def position_secs(self) -> float:
        """The current position. Reaching the end stops it; reaching the out of the loop goes back to its in."""
        if not self._playing:
            return self._anchor
        now = self._clock()
        led = self._leader() if self._leader is not None else None
        if led is not None:
            # The clock goes on from here should the leader stop leading.
            self._anchor, self._since = max(0.0, led), now
        secs = self._anchor + max(0.0, now - self._since) * self._speed
        if self._loop is not None and secs >= self._loop[1]:
            start, stop = self._loop
            secs = min(start + (secs - start) % (stop - start), stop)
            if self._jump is not None:
                self._anchor, self._since = secs, now
                self._jump(secs)
        elif secs >= self.duration_secs:
            self._anchor = secs = self.duration_secs
            self._playing = False
        return secs

    @property
    def playing(self) -> bool:
        """Whether it plays, after an update of the position, which may have reached the end."""
        _ = self.position_secs
        return self._playing

    @property
    def speed(self) -> float:
        """Seconds of the medium per second of the clock; does not change the pace of a leader."""
        return self._speed

    @speed.setter
    def speed(self, speed: float) -> None:
        if not (math.isfinite(speed) and speed > 0):
            raise ValueError(f"expected a speed above 0, found {speed}")
        self._rebase()
        self._speed = speed

    @property
    def loop(self) -> tuple[float, float] | None:
        """In and out in seconds, between which playing repeats; None plays to the end once.

        An out beyond the end is clamped to it. While playing, a position at or past the out continues within the loop;
        one before the in plays up to it.
        """
        return self._loop

    @loop.setter
    def loop(self, loop: tuple[float, float] | None) -> None:
        self._rebase()
        if loop is None:
            self._loop = None
            return
        start, stop = self._clamped(loop[0]), self._clamped(loop[1])
        if not stop > start:
            raise ValueError(f"expected an in before the out within {self.duration_secs} s, found {loop}")
        self._loop = (start, stop)

    def play(self) -> None:
        """Play from here, or from the beginning (of the loop) where the end is reached. No effect at duration 0."""
        if self._playing or self.duration_secs == 0:
            return
        if self._anchor >= self.duration_secs:
            self._anchor = self._loop[0] if self._loop else 0.0
        self._since = self._clock()
        self._playing = True

    def pause(self) -> None:
        self._rebase()
        self._playing = False

    def toggle(self) -> None:
        if self.playing:
            self.pause()
        else:
            self.play()

    def seek(self, secs: float) -> None:
        """Go to `secs`, clamped to the medium; playing goes on, and the leader is notified."""
        self._anchor = self._clamped(secs)
        self._since = self._clock()
        if self._playing and self._jump is not None:
            self._jump(self._anchor)

    def step(self, secs: float) -> None:
        """Pause and move by `secs`, backwards where negative."""
        self.pause()
        self.seek(self._anchor + secs)

    def follow(self, leader: Leader | None, jump: Callable[[float], None] | None = None) -> None:
        """Take the position from `leader` while playing (the sound card, whose pace no clock matches exactly).

        Parameters
        ----------
        leader : callable -> seconds, or None while it does not lead: the clock then goes on from its last position
        jump : callable (secs), called at a seek and when a loop begins again, so that the leader goes there too
        """
        self._rebase()
        self._leader = leader
        self._jump = jump

    def _rebase(self) -> None:
        self._anchor = self.position_secs
        self._since = self._clock()

    def _clamped(self, secs: float) -> float:
        return min(max(secs, 0.0), self.duration_secs)
