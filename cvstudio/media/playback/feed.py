"""The samples that are played one after the other: around a loop without a gap, faster or slower at the same pitch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cvstudio.data.samples import Waveform

if TYPE_CHECKING:
    from numpy.typing import NDArray

CHUNK_SECS = 0.1
LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's names of so many channels."""

KEPT_PARTS = 63
"""Rounds of a loop that are remembered: more than lie between what is read and what is heard."""

SLOWEST, FASTEST = 0.5, 100.0
"""Tempo of one filter; several follow each other beyond that."""


class Sound(Protocol):
    """The sound to play: an open audio reader.

    One with tracks that are mixed while they play has a `matrix` besides, float32 (channels, 2): how loud each channel
    is on the left and on the right.
    """

    rate_hz: int
    channels: int
    n_samples: int

    def read(self, start: int, stop: int) -> Waveform: ...

    def close(self) -> None: ...


class Feed:
    """Samples from a place of a sound on, in chunks.

    Parameters
    ----------
    sound : open reader
    place : first sample
    loop : first sample and the one after the last of what repeats; None plays to the end
    speed : samples of the sound for each sample played; the pitch stays
    channels : of the output; where the sound has more, each is their mean

    Attributes
    ----------
    parts : (number of an output sample, sample of the sound that it plays), at each place from which samples follow
        each other; a loop adds one for each round
    stop : sample that a loop does not reach; infinite without one
    done : whether the end of the sound has been given out
    """

    def __init__(self, sound: Sound, place: int, loop: tuple[int, int] | None, speed: float, channels: int) -> None:
        self._sound, self._loop, self._speed, self._channels = sound, loop, speed, channels
        if loop is not None and place >= loop[1]:
            place = loop[0]
        self.stop = np.inf if loop is None else loop[1]
        self._place = place
        self._consumed = 0
        self._stretch = Stretcher(sound.rate_hz, channels, speed) if speed != 1 else None
        self._chunk = max(1, round(CHUNK_SECS * sound.rate_hz * min(1.0, speed)))
        self.parts: tuple[tuple[int, int], ...] = ((0, place),)
        self.done = False

    def next(self) -> NDArray[np.float32]:
        """The next samples, float32 (n, channels); may be none. Raises MediaError."""
        stop = self._sound.n_samples if self._loop is None else min(self._loop[1], self._sound.n_samples)
        count = min(self._chunk, stop - self._place)
        frames = interleaved(self._sound.read(self._place, self._place + count), self._channels)
        short = len(frames) < count
        self._place += len(frames)
        self._consumed += len(frames)
        over = self._place >= stop or short
        self.done = over and (self._loop is None or not len(frames))
        if self._stretch is not None:
            frames = self._stretch.push(frames, last=self.done)
        if over and not self.done and self._loop is not None:
            self._place = self._loop[0]
            self.parts = (*self.parts[-KEPT_PARTS:], (round(self._consumed / self._speed), self._place))
        return frames


class Stretcher:
    """Another tempo at the same pitch, by FFmpeg's `atempo` (waveform similarity overlap-add).

    Parameters
    ----------
    speed : of the output, from 0.1 on
    """

    def __init__(self, rate_hz: int, channels: int, speed: float) -> None:
        import av
        from av.filter import Graph

        self._av = av
        self._rate_hz, self._channels = rate_hz, channels
        self._layout = LAYOUTS[channels]
        graph = self._graph = Graph()
        last: Any = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout=self._layout)
        self._source = last
        rest = speed
        while rest != 1:
            tempo = min(max(rest, SLOWEST), FASTEST)
            rest = rest / tempo if abs(rest / tempo - 1) > 1e-9 else 1
            tempo_filter = graph.add("atempo", f"{tempo:.6f}")
            last.link_to(tempo_filter)
            last = tempo_filter
        self._sink = graph.add("abuffersink")
        last.link_to(self._sink)
        graph.configure()
        self._pushed = 0

    def push(self, frames: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """Add frames float32 (n, channels), and get what is ready of the output; with `last` all that is left."""
        if len(frames):
            packed = np.ascontiguousarray(frames, np.float32).reshape(1, -1)
            frame = self._av.AudioFrame.from_ndarray(packed, format="flt", layout=self._layout)
            frame.sample_rate = self._rate_hz
            frame.pts = self._pushed
            self._pushed += len(frames)
            self._source.push(frame)
        if last:
            self._source.push(None)
        ready = []
        while True:
            try:
                pulled: Any = self._sink.pull()
                ready.append(pulled.to_ndarray().reshape(-1, self._channels))
            except (self._av.error.BlockingIOError, self._av.error.EOFError):
                break
        return np.concatenate(ready).astype(np.float32) if ready else np.zeros((0, self._channels), np.float32)


def interleaved(sound: Waveform, channels: int) -> NDArray[np.float32]:
    """Samples (n, `channels`) for the card; more channels than these become their mean, NaN and infinity silence."""
    samples = sound.samples
    if len(samples) > channels:
        samples = np.broadcast_to(samples.mean(axis=0), (channels, samples.shape[1]))
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
    return np.ascontiguousarray(samples.T)
