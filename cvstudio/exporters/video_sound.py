"""Sound of an exported video: packets of the source are copied where they are AAC, otherwise encoded as AAC."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.container import audio_stream, first_frame, open_container, time_base, video_stream
from cvstudio.media.damage.avi_index import demuxed
from cvstudio.media.file_identity import decoding
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.sound_channels import chosen_part
from cvstudio.media.sound_tracks import chosen_track
from cvstudio.media.stem_mix import SoundReader

BLOCK_SAMPLES = 1024


class ReadableChannels(SoundReader, Protocol):
    """An open reader of sound that says how many channels it has."""

    channels: int


class SoundWriter(ABC):
    """Writes sound up to a given time, repeatedly. Time 0 is the first frame of the exported video."""

    @staticmethod
    def add(target: Any, media: Media, *, start_secs: float = 0.0, whole: bool = True) -> SoundWriter | None:
        """Add a sound stream to the open container `target`; None where `media` has no sound.

        A part of the video is cut at exact samples and therefore encoded again.

        Parameters
        ----------
        start_secs : time of the first exported frame in the video
        whole : whether the video is exported to its end, so that its sound is kept to its own end
        """
        if not media.has_sound:
            return None
        if start_secs <= 0 and whole and not chosen_part(media):
            source = open_container(media.path)
            source_stream = audio_stream(source, chosen_track(media))
            if source_stream is not None and source_stream.codec_context.name == "aac":
                stream = target.add_stream_from_template(source_stream)
                return _CopiedSound(target, _copied(media, source, source_stream, stream), source)
            source.close()
        return _EncodedSound(target, AudioReader(media), start_secs)

    @staticmethod
    def encoding(target: Any, reader: ReadableChannels) -> SoundWriter:
        """Add a sound stream with the whole of what `reader`, which is closed with it, reads."""
        return _EncodedSound(target, reader, 0.0)

    @abstractmethod
    def write(self, until_secs: float, progress: Progress) -> None:
        """Write the sound before `until_secs`, as far as it fills packets."""

    @abstractmethod
    def finish(self, end_secs: float | None, progress: Progress) -> None:
        """Write the remaining sound up to `end_secs`; None writes all."""

    @abstractmethod
    def close(self) -> None:
        """Close the source."""


class _CopiedSound(SoundWriter):
    """Packets of the source, unchanged. `packets` are (start in seconds, packet)."""

    def __init__(self, target: Any, packets: Iterator[tuple[float, Any]], source: Any) -> None:
        self._target = target
        self._packets = packets
        self._source = source
        self._next: tuple[float, Any] | None = None

    def write(self, until_secs: float, progress: Progress) -> None:
        self._write(until_secs, progress)

    def finish(self, end_secs: float | None, progress: Progress) -> None:
        self._write(math.inf if end_secs is None else end_secs, progress)

    def _write(self, until_secs: float, progress: Progress) -> None:
        while True:
            if self._next is None:
                self._next = next(self._packets, None)
            if self._next is None or self._next[0] >= until_secs:
                return
            progress.check()
            self._target.mux(self._next[1])
            self._next = None

    def close(self) -> None:
        self._source.close()


class _EncodedSound(SoundWriter):
    """Samples of the source from `start_secs` on, encoded as AAC."""

    def __init__(self, target: Any, reader: ReadableChannels, start_secs: float) -> None:
        self._target = target
        self._reader = reader
        self._layout = "mono" if reader.channels == 1 else "stereo"
        self._stream = target.add_stream("aac", rate=reader.rate_hz, layout=self._layout)
        self._first = self._position = min(round(start_secs * reader.rate_hz), reader.n_samples)

    def write(self, until_secs: float, progress: Progress) -> None:
        # Whole blocks only: the end of the sound is not known before the last frame.
        while self._position + BLOCK_SAMPLES <= self._sample(until_secs):
            progress.check()
            self._encode(self._position + BLOCK_SAMPLES)

    def finish(self, end_secs: float | None, progress: Progress) -> None:
        last = self._reader.n_samples if end_secs is None else self._sample(end_secs)
        while self._position < last:
            progress.check()
            self._encode(min(self._position + BLOCK_SAMPLES, last))
        self._target.mux(self._stream.encode())

    def _sample(self, secs: float) -> int:
        """The sample at `secs` after the first frame, at most the number of samples."""
        return min(self._first + round(secs * self._reader.rate_hz), self._reader.n_samples)

    def _encode(self, stop: int) -> None:
        """Encode the samples up to `stop`."""
        import av

        samples = self._reader.read(self._position, stop).samples
        # More than two channels are mixed down: every player supports stereo AAC.
        mixed = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mixed), format="fltp", layout=self._layout)
        frame.sample_rate = self._reader.rate_hz
        frame.pts = self._position - self._first
        frame.time_base = Fraction(1, self._reader.rate_hz)
        self._target.mux(self._stream.encode(frame))
        self._position = stop

    def close(self) -> None:
        self._reader.close()


def _copied(media: Media, source: Any, source_stream: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Copied packets with their start in seconds, relative to the first frame of the video."""
    tick = time_base(source_stream)
    picture_start = round(_picture_start_secs(media) / tick)
    packets = demuxed(source, source_stream)
    # Where a sample is not a whole number of ticks, as in Matroska's time base of 1 ms, packet times are rounded.
    # In MP4 that would become audible gaps and overlaps, so consecutive packets are made exactly contiguous.
    rate = source_stream.codec_context.sample_rate
    coarse = (1 / (tick * rate)).denominator != 1
    length = Fraction(source_stream.codec_context.frame_size or BLOCK_SAMPLES, rate)
    expected: Fraction | None = None
    while True:
        with decoding(media.path):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.dts is None or packet.pts is None:
            continue
        packet.pts -= picture_start
        packet.dts -= picture_start
        # Packets that end before the first frame are dropped, except for one that a decoder needs as preroll and that
        # players cut by the edit list.
        if packet.pts + 2 * (packet.duration or 0) <= 0:
            continue
        start = packet.pts * tick
        if coarse:
            if expected is None or abs(start - expected) > tick:
                expected = start
            start, expected = expected, expected + length
            packet.time_base = Fraction(1, rate)
            packet.pts = packet.dts = round(start * rate)
            packet.duration = round(length * rate)
        packet.stream = stream
        yield float(start), packet


def _picture_start_secs(media: Media) -> Fraction:
    """Presentation time of the first frame in seconds, in the time of the file."""
    with open_container(media.path) as container:
        picture = video_stream(container)
        return first_frame(media.path, container, picture)[0] * time_base(picture) if picture else Fraction(0)
