"""Playback of sound: a thread reads ahead into a ring buffer, and the card's callback only copies from it.

Three threads, each the only writer of its own state, so that the callback never waits for a lock:

* the caller (main thread) requests: play from here, pause, louder;
* the feeder thread opens the file and the device, starts and stops the device, and writes ahead into the ring;
* the callback reads the ring and records how far it has read, from which the position is computed.

A seek begins a new `_Segment`; samples that an older one has left in the ring are skipped, never played. A loop and
another speed are the feed's (`feed.py`), so that nothing is skipped where a loop begins again. A sound with tracks is
mixed by the callback: a gain is heard with the next block.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.foundation.errors import UserError
from cvstudio.media.playback.feed import Feed, Sound
from cvstudio.media.playback.sound_card import Backend, Output, PlaybackError, SoundDevice

if TYPE_CHECKING:
    from numpy.typing import NDArray

AHEAD_SECS = 1.0
"""Length of the ring: longer than the longest stall of the interpreter (a large import)."""
POLL_SECS = 0.01
JOIN_SECS = 5.0


class _Segment:
    """Sound that was asked for at once: ring count `origin` holds sample `first` of it.

    `parts`, which the feeder replaces, holds the places of a loop (`Feed.parts`), counted from `origin` on; a position
    stays below `stop`, the end of the loop.
    """

    def __init__(self, origin: int, first: int, speed: float, stop: float) -> None:
        self.origin, self.first, self.speed, self.stop = origin, first, speed, stop
        self.parts: tuple[tuple[int, int], ...] = ((0, first),)

    def sample_at(self, count: float) -> float:
        """Sample of the sound that ring count `count` holds."""
        offset = count - self.origin
        begin, first = next((part for part in reversed(self.parts) if part[0] <= offset), self.parts[0])
        return min(first + (offset - begin) * self.speed, self.stop - 1)


@dataclass(frozen=True, eq=False)
class _Mark:
    """Record of the callback: it handed out counts `begin`..`end`, the first heard `delay_secs` after time `at`."""

    segment: _Segment
    begin: int
    end: int
    at: float
    delay_secs: float


class Ring:
    """Ring buffer of sound between one writer and one reader; neither waits for the other.

    Counts of samples only grow; count c is stored at c modulo the capacity. float32 (capacity, channels).
    """

    def __init__(self, capacity: int, channels: int) -> None:
        self._frames = np.zeros((capacity, channels), np.float32)
        self.capacity = capacity
        self.channels = channels
        self.written = 0
        self.taken = 0

    @property
    def free(self) -> int:
        return self.capacity - (self.written - self.taken)

    def write(self, frames: NDArray[np.float32]) -> None:
        """Append (n, channels), n <= `free`."""
        place = self.written % self.capacity
        first = min(len(frames), self.capacity - place)
        self._frames[place : place + first] = frames[:first]
        self._frames[: len(frames) - first] = frames[first:]
        # Last, as it allows the reader to take them.
        self.written += len(frames)

    def read(self, out: NDArray[np.float32], gain: float | NDArray[np.float32]) -> int:
        """Fill `out` (n, outputs) with sound times `gain`, then silence; returns the number of samples of sound.

        gain : a factor, or a matrix float32 (channels, outputs)
        """
        count = min(len(out), self.written - self.taken)
        place = self.taken % self.capacity
        first = min(count, self.capacity - place)
        for begin, end, source in ((0, first, self._frames[place:]), (first, count, self._frames)):
            if isinstance(gain, float):
                np.multiply(source[: end - begin], gain, out=out[begin:end])
            else:
                np.matmul(source[: end - begin], gain, out=out[begin:end])
        out[count:] = 0
        self.taken += count
        return count


class Player:
    """Plays one sound. Used by one thread; only the first `play` waits, until the device is open.

    Parameters
    ----------
    open_reader : callable -> open audio reader
        Called once in the player's own thread, which also closes the reader. More than two channels are played as
        their mean.
    backend : the sound card; replaced in tests
    clock : callable -> seconds, to interpolate between two blocks of the card
    """

    def __init__(
        self,
        open_reader: Callable[[], Sound],
        *,
        backend: Backend | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._open_reader = open_reader
        self._backend = backend if backend is not None else SoundDevice()
        self._clock = clock
        self._request = threading.Condition()
        self._opened = threading.Event()
        # Written under `_request`.
        self._closing = False
        self._playing = False
        self._target_secs: float | None = None
        self._segment: _Segment | None = None
        self._end: int | None = None
        # Written by the caller.
        self._volume = 1.0
        self._muted = False
        self._gain: float | NDArray[np.float32] = 1.0
        self._matrix: NDArray[np.float32] | None = None
        self._loop_secs: tuple[float, float] | None = None
        self._speed = 1.0
        self._position_secs = 0.0
        self._heard = 0.0
        # Written by the callback.
        self._mark: _Mark | None = None
        self._peaks: tuple[float, ...] = ()
        # Written by the feeder, before `_opened` is set but for the error.
        self._error: UserError | None = None
        self._rate_hz = 1
        self._n_samples = 0
        self._ring = Ring(1, 1)
        self._thread = threading.Thread(target=self._feed, name="cvstudio-playback", daemon=True)
        self._thread.start()

    # The caller's side ------------------------------------------------------------------------------------------

    @property
    def playing(self) -> bool:
        """Whether sound is playing: not paused, not at its end, not failed."""
        return self._playing and self._error is None and not self.ended

    @property
    def ended(self) -> bool:
        """Whether the last sample was heard."""
        segment, end = self._segment, self._end
        return segment is not None and end is not None and self._heard_count(segment) >= end

    @property
    def error(self) -> UserError | None:
        """Why it cannot play, or no longer does."""
        return self._error

    @property
    def position_secs(self) -> float:
        """Position of the sound heard now: samples handed to the device less those not yet played."""
        segment = self._segment
        if self._playing and segment is not None:
            # The delay that the device reports varies from block to block; sound does not go backwards.
            heard = self._heard_count(segment)
            if heard > max(self._heard, segment.origin):
                self._heard = heard
                self._position_secs = segment.sample_at(heard) / self._rate_hz
        return self._position_secs

    def clock(self) -> float | None:
        """`position_secs` while playing, else None: the leader that a transport follows."""
        position = self.position_secs
        return position if self.playing else None

    def play(self, from_secs: float | None = None) -> None:
        """Play from `from_secs`, or from the current position.

        Raises
        ------
        UserError
            The sound cannot be read (MediaError), or the device cannot be used (PlaybackError).
        """
        self._opened.wait()
        if self._error is not None:
            raise self._error
        self._seek(self.position_secs if from_secs is None else from_secs, playing=True)

    def pause(self) -> None:
        """Stop the sound at once; the position stays."""
        self._seek(self.position_secs, playing=False)

    def seek(self, secs: float) -> None:
        """Go to `secs`; playing goes on, also where the end had been reached."""
        self._seek(secs, playing=self._playing)

    def set_volume(self, volume: float) -> None:
        """Loudness 0..1, as a factor of the amplitude."""
        self._volume = min(max(volume, 0.0), 1.0)
        gain = 0.0 if self._muted else self._volume
        self._gain = gain if self._matrix is None else self._matrix * np.float32(gain)

    def mute(self, muted: bool = True) -> None:
        """Play silence, without losing the volume."""
        self._muted = muted
        self.set_volume(self._volume)

    def set_mix(self, matrix: NDArray[np.float32]) -> None:
        """Mix the tracks of the sound otherwise, from the next block on: float32 (channels, 2), see `Sound`."""
        self._matrix = matrix
        self.set_volume(self._volume)

    def set_loop(self, loop_secs: tuple[float, float] | None) -> None:
        """Repeat what is between two times, without a gap; None plays to the end."""
        if loop_secs != self._loop_secs:
            self._loop_secs = loop_secs
            if self._playing:
                self.seek(self.position_secs)

    def set_speed(self, speed: float) -> None:
        """Play so many times as fast, at the same pitch."""
        if speed != self._speed:
            self._speed = speed
            if self._playing:
                self.seek(self.position_secs)

    def take_peaks(self) -> tuple[float, ...]:
        """Largest magnitude of each output since the last call, as it goes to the device."""
        peaks, self._peaks = self._peaks, ()
        return peaks

    def close(self) -> None:
        """Stop, close file and device and end the thread; closing twice is allowed."""
        with self._request:
            self._closing = True
            self._segment = None
            self._request.notify()
        self._thread.join(JOIN_SECS)

    def _seek(self, secs: float, *, playing: bool) -> None:
        with self._request:
            self._playing = playing
            self._target_secs = max(secs, 0.0)
            # Without a segment the callback is silent from here on.
            self._segment = None
            self._end = None
            self._heard = 0.0
            self._position_secs = max(secs, 0.0)
            self._request.notify()

    def _heard_count(self, segment: _Segment) -> float:
        """The ring count heard now."""
        mark = self._mark
        if mark is None or mark.segment is not segment:
            return segment.origin
        since = self._clock() - mark.at - mark.delay_secs
        return min(max(mark.begin + since * self._rate_hz, segment.origin), mark.end)

    # The device's thread ----------------------------------------------------------------------------------------

    def _fill(self, out: NDArray[np.float32], delay_secs: float) -> None:
        """Copy the next frames into `out`; their first is heard `delay_secs` from now."""
        segment, ring = self._segment, self._ring
        if segment is None:
            out[:] = 0
            return
        if ring.taken < segment.origin:
            ring.taken = segment.origin
        begin = ring.taken
        ring.read(out, self._gain)
        peaks = np.maximum(out.max(axis=0, initial=0.0), -out.min(axis=0, initial=0.0))
        self._peaks = tuple(np.maximum(peaks, self._peaks).tolist() if self._peaks else peaks.tolist())
        self._mark = _Mark(segment, begin, ring.taken, self._clock(), delay_secs)

    # The feeder thread ------------------------------------------------------------------------------------------

    def _feed(self) -> None:
        reader: Sound | None = None
        output: Output | None = None
        try:
            reader = self._open_reader()
            self._rate_hz, self._n_samples = reader.rate_hz, reader.n_samples
            matrix: NDArray[np.float32] | None = getattr(reader, "matrix", None)
            outputs = min(reader.channels, 2) if matrix is None else 2
            channels = outputs if matrix is None else reader.channels
            self._ring = Ring(max(1, round(AHEAD_SECS * reader.rate_hz)), channels)
            if matrix is not None and self._matrix is None:
                self.set_mix(matrix)
            output = self._backend.open(reader.rate_hz, outputs, self._fill)
            self._opened.set()
            self._serve(reader, output)
        except UserError as error:
            self._error = error
        except Exception as error:  # the thread ends here; `error` keeps the exception
            self._error = PlaybackError(f"The sound cannot be played ({error}); play without sound or open it again.")
        finally:
            self._opened.set()
            if output is not None:
                output.close()
            if reader is not None:
                reader.close()

    def _serve(self, reader: Sound, output: Output) -> None:
        """Serve requests until `close`. Raises UserError."""
        ring = self._ring
        place, fresh, started = 0, False, False
        feed: Feed | None = None
        pending: NDArray[np.float32] | None = None
        while True:
            with self._request:
                if self._closing:
                    return
                if self._target_secs is not None:
                    place = min(round(self._target_secs * self._rate_hz), self._n_samples)
                    self._target_secs, fresh = None, True
                done = self._playing and self.ended
                idle = done or not self._playing
                if idle and not started:
                    self._request.wait()
                    continue
            if idle:
                output.stop(drain=done)
                started = False
                continue
            if started and not output.running:
                raise PlaybackError("The sound device has stopped answering; connect it again, or play without sound.")
            if fresh:
                if not started:
                    # The callback is not running: samples of an older segment are dropped here instead.
                    ring.taken = ring.written
                feed, pending = Feed(reader, place, self._loop(), self._speed, ring.channels), None
                fresh = not self._begin_segment(feed)
                continue
            if feed is None or self._end is not None:
                self._wait_for_room()
                continue
            if pending is None:
                pending = feed.next()
            # A chunk that is longer than the ring, of a very slow speed, goes in pieces.
            room = min(len(pending), ring.capacity // 2)
            if ring.free < room:
                self._wait_for_room()
                continue
            piece, rest = pending[:room], pending[room:]
            if self._append(piece, feed, last=feed.done and not len(rest)):
                pending = rest if len(rest) else None
                if not started and len(piece):
                    output.start()
                    started = True

    def _loop(self) -> tuple[int, int] | None:
        """The loop in samples; None where there is none."""
        if self._loop_secs is None:
            return None
        start, stop = (min(round(secs * self._rate_hz), self._n_samples) for secs in self._loop_secs)
        return (start, stop) if start < stop else None

    def _superseded(self) -> bool:
        """Whether there is a newer request. The caller holds `_request`."""
        return self._closing or self._target_secs is not None

    def _begin_segment(self, feed: Feed) -> bool:
        """Begin a segment of the samples of `feed`; False where there is a newer request."""
        with self._request:
            if self._superseded():
                return False
            self._end = None
            self._segment = _Segment(self._ring.written, feed.parts[0][1], self._speed, feed.stop)
            return True

    def _append(self, frames: NDArray[np.float32], feed: Feed, *, last: bool) -> bool:
        """Write `frames` to the ring; False where a newer request has superseded them."""
        with self._request:
            if self._superseded():
                return False
            if self._segment is not None:
                self._segment.parts = feed.parts
            self._ring.write(frames)
            if last:
                self._end = self._ring.written
            return True

    def _wait_for_room(self) -> None:
        """Wait for room in the ring, or a request. Polls, as the callback must not wake other threads."""
        with self._request:
            if not self._superseded():
                self._request.wait(POLL_SECS)
