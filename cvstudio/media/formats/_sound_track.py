"""Decoder of one sound track of a container, addressed by sample index on the clock of the medium."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media.container import audio_stream, first_frame, open_container, seeks_exactly, time_base, video_stream
from cvstudio.media.damage.avi_index import demuxed
from cvstudio.media.file_identity import damaged, decoding, quoted
from cvstudio.media.spliced import format_name, parts_facts

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

# Up to this far ahead, decoding on is cheaper than a seek.
_AHEAD_SECS = 1
# Seeks aim this far before the target sample: AAC overlaps blocks, and its SBR and Opus need some to converge.
_BACK_SECS = (0.5, 4)
_PREROLL_SECS = 0.1
_WRONG_SECS = 1
"""Difference of a stated length that is told."""


class Track:
    """Decodes a sound track of a file.

    Sample 0 coincides with the first frame of the video, or is the first of the track where there is no video.

    Parameters
    ----------
    path : of the file
    number : of the track, from 1
    lost : callable (number, ticks, seconds) that is told of sound that cannot be decoded, which begins at `ticks`

    Raises
    ------
    MediaError
        The file has no such sound track, or it is damaged.
    """

    def __init__(self, path: Path, number: int = 1, lost: Callable[[int, int, float], None] | None = None) -> None:
        self._path = path
        self._lost = lost
        self._number = number
        self._origin_secs = _video_start(path)
        self._alone = self._origin_secs is None  # without a video
        self._blocks: Iterator[tuple[int, NDArray[np.float32]]]
        self._block: tuple[int, NDArray[np.float32]] | None
        # True up to the second block: nothing precedes the first one, so reading may begin before it.
        self._fresh: bool
        self._open()
        context = self._stream.codec_context
        self.rate_hz = int(context.sample_rate)
        self.channels = int(context.layout.nb_channels)
        self.details = {"format": format_name(self._container).split(",")[0], "codec": context.name}
        parts, left = parts_facts(path, self._container)
        self.details |= {key: text for key, text in (("parts", parts), ("left", left)) if text}
        # Where the clock does not count samples, block times are rounded by up to a tick.
        ticks = 1 / (self._tick * self.rate_hz)
        self._slack = 0 if ticks.denominator == 1 else math.ceil(1 / ticks)
        self._grid: tuple[int, int] | None = None
        try:
            with decoding(path):
                first = list(islice(self._blocks, 3))
                if not first:
                    raise damaged(path)
                self._rewind(first)
                self.n_samples = self._length()
        except MediaError:
            self._container.close()
            raise

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples `start` to `stop`, float32 (channels, stop - start); 0 where the track has none."""
        if not self._reaches(start):
            self._seek(start)
        samples = np.zeros((self.channels, stop - start), np.float32)
        while self._block is not None:
            index, block = self._block
            low, high = max(start, index), min(stop, index + block.shape[1])
            if low < high:
                samples[:, low - start : high - start] = block[:, low - index : high - index]
            following = next(self._blocks, None) if index + block.shape[1] < stop else None
            if following is None:
                break  # keep the block: it gives the decoder's position, and the next read may begin in it
            self._block = following
            self._fresh = False
        return samples

    def unread_samples(self) -> int:
        """Number of samples between the decoder's position and the stated end."""
        return self.n_samples if self._block is None else self.n_samples - self._block[0] - self._block[1].shape[1]

    def close(self) -> None:
        self._blocks = iter(())
        self._container.close()

    def _open(self) -> None:
        self._container = open_container(self._path)
        stream = audio_stream(self._container, self._number)
        if stream is None:
            self._container.close()
            raise MediaError(f"{quoted(self._path)} has no sound that can be decoded; choose another file.")
        self._stream = stream
        self._tick = time_base(stream)
        self._blocks = self._decode()
        self._fresh = True

    def _rewind(self, first: list[tuple[int, NDArray[np.float32]]]) -> None:
        """Return to the first block after decoding the `first` blocks, and derive the block grid from them."""
        self._block, self._blocks = first[0], chain(first[1:], self._blocks)
        self._first_sample = first[0][0]
        # The first block may be shortened by the encoder's delay; all later blocks are equally long.
        if self._slack and len(first) == 3 and first[1][1].shape == first[2][1].shape:
            self._grid = first[1][0], first[1][1].shape[1]

    def _length(self) -> int:
        """Number of samples of the track."""
        name = format_name(self._container)
        if name == "mp3" or (name == "mpeg" and self._alone):
            # FFmpeg guesses the duration from the bit rate; in program streams it leaves out the last packet.
            end = _end_of_packets(self._path, self._number)
        elif self._stream.duration is not None:
            end = ((self._stream.start_time or 0) + self._stream.duration) * self._tick
        else:
            end = Fraction((self._container.start_time or 0) + (self._container.duration or 0), 1_000_000)
        length = max(0, round((end - (self._origin_secs or 0)) * self.rate_hz))
        if self._stream.duration is None or name == "aac":
            # Matroska states the duration of the file, in ms; that of raw AAC is guessed from its bit rate.
            self._seek(length - self.rate_hz)
            last = next(iter(deque(self._blocks, 1)), self._block)
            stated, length = length, last[0] + last[1].shape[1] if last is not None else length
            if name != "aac" and stated - length > _WRONG_SECS * self.rate_hz:
                self.details["length"] = f"{stated / self.rate_hz:,.2f} s stated, but the sound ends before"
            self._restart()
        return length

    def _restart(self) -> None:
        self._container.close()
        self._open()
        self._block = next(self._blocks, None)

    def _reaches(self, start: int) -> bool:
        """Whether decoding on from the current block reaches `start` without a seek."""
        if self._block is None:
            return False
        index, block = self._block
        near = start <= index + block.shape[1] + _AHEAD_SECS * self.rate_hz
        return (self._fresh or index <= start) and (near or not seeks_exactly(self._container))

    def _seek(self, start: int) -> None:
        """Position at a block far enough before `start` for the decoder to have converged there."""
        import av

        for back in _BACK_SECS:
            target = start - int(back * self.rate_hz)
            if target <= self._first_sample or not seeks_exactly(self._container):
                break
            ticks = ((self._origin_secs or 0) + Fraction(target, self.rate_hz)) / self._tick
            try:
                self._container.seek(math.floor(ticks), stream=self._stream)
            except av.FFmpegError:
                break  # a file without an index
            self._fresh = False
            self._blocks = self._decode()
            self._block = next(self._blocks, None)
            if self._block is not None and self._block[0] <= start - _PREROLL_SECS * self.rate_hz:
                return
        self._restart()

    def _decode(self) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Blocks of samples from the container's position, each with the index of its first sample."""
        import av

        expected: int | None = None
        for packet in demuxed(self._container, self._stream):
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                # A damaged packet is a moment of silence, not the end of the sound.
                if self._lost is not None and (ticks := packet.dts if packet.pts is None else packet.pts) is not None:
                    self._lost(self._number, ticks, float((packet.duration or 0) * self._tick))
                continue
            except av.error.UndefinedError:
                # The decoder of AC-3 has numbers of its own for what is no frame, such as a tag; `sound_frames` tells.
                continue
            for frame in frames:
                if frame.sample_rate != self.rate_hz or frame.layout.nb_channels != self.channels:
                    raise MediaError(
                        f"{quoted(self._path)} changes its sample rate or channels midway; convert it, e.g. to WAV."
                    )
                index = self._first_index(frame.pts, expected)
                block = _planar_float(frame)
                expected = index + block.shape[1]
                yield index, block

    def _first_index(self, pts: int | None, expected: int | None) -> int:
        """Index of the first sample of a block that begins at `pts` ticks and follows a sample before `expected`."""
        if pts is None:
            return expected or 0
        secs = pts * self._tick
        if self._origin_secs is None:
            self._origin_secs = secs
        index = round((secs - self._origin_secs) * self.rate_hz)
        if expected is None and self._grid is not None:
            # After a seek the rounding of the time is unknown, but blocks of one length lie on a grid.
            start, length = self._grid
            expected = start + round((index - start) / length) * length
        return expected if expected is not None and abs(index - expected) <= self._slack else index


def _end_of_packets(path: Path, number: int) -> Fraction:
    """End in seconds of the last packet of sound track `number`; nothing is decoded."""
    with open_container(path) as container:
        stream = audio_stream(container, number)
        if stream is None:
            raise damaged(path)
        ends = (p.pts + (p.duration or 0) for p in container.demux(stream) if p.pts is not None)
        return max(ends, default=0) * time_base(stream)


def _video_start(path: Path) -> Fraction | None:
    """Time of the first video frame in seconds of the container's clock; None without a video."""
    with open_container(path) as container:
        stream = video_stream(container)
        return None if stream is None else first_frame(path, container, stream)[0] * time_base(stream)


def _planar_float(frame: AudioFrame) -> NDArray[np.float32]:
    """The samples of a frame as float32 (channels, n), full scale at 1."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    if samples.dtype == np.uint8:
        return ((samples.astype(np.float32) - 128) / 128).astype(np.float32)
    if samples.dtype.kind == "i":
        return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    return samples.astype(np.float32, copy=False)
