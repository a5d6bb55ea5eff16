"""Sound of an exported video: packets of the source are copied where they are AAC, otherwise encoded as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.container import audio_stream, first_frame, open_container, time_base, video_stream
from cvstudio.media.file_identity import decoding
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.sound_tracks import chosen_track

BLOCK_SAMPLES = 1024


class SoundWriter:
    """Writes sound up to a given time, repeatedly. Time 0 is the first frame of the exported video."""

    def __init__(self, target: Any, blocks: Iterator[tuple[float, Any]], source: Any) -> None:
        self._target = target
        self._blocks = blocks
        self._source = source
        self._next: tuple[float, Any] | None = None

    @classmethod
    def add(
        cls, target: Any, media: Media, *, start_secs: float = 0.0, stop_secs: float | None = None
    ) -> SoundWriter | None:
        """Add a sound stream to the open container `target`; None where `media` has no sound.

        A part of the video is cut at exact samples and therefore encoded again.
        """
        if not media.has_sound:
            return None
        if start_secs <= 0 and stop_secs is None:
            source = open_container(media.path)
            source_stream = audio_stream(source, chosen_track(media))
            if source_stream is not None and source_stream.codec_context.name == "aac":
                return cls(
                    target,
                    _copied(media, source, source_stream, target.add_stream_from_template(source_stream)),
                    source,
                )
            source.close()
        reader = AudioReader(media)
        mono = reader.channels == 1
        stream = target.add_stream("aac", rate=reader.rate_hz, layout="mono" if mono else "stereo")
        first = min(round(start_secs * reader.rate_hz), reader.n_samples)
        last = reader.n_samples if stop_secs is None else min(round(stop_secs * reader.rate_hz), reader.n_samples)
        return cls(target, _encoded(reader, stream, first, last), reader)

    def write(self, until_secs: float | None, progress: Progress) -> None:
        """Write the packets that start before `until_secs`; None writes all remaining ones."""
        while True:
            if self._next is None:
                self._next = next(self._blocks, None)
            if self._next is None or (until_secs is not None and self._next[0] >= until_secs):
                return
            progress.check()
            self._target.mux(self._next[1])
            self._next = None

    def close(self) -> None:
        self._source.close()


def _copied(media: Media, source: Any, source_stream: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """Copied packets with their start in seconds, relative to the first frame of the video."""
    tick = time_base(source_stream)
    picture_start = round(_picture_start_secs(media) / tick)
    packets = source.demux(source_stream)
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


def _encoded(reader: AudioReader, stream: Any, first: int, last: int) -> Iterator[tuple[float, Any]]:
    """Encoded packets of samples `first`..`last`, with their start in seconds from `first`."""
    import av

    layout = "mono" if reader.channels == 1 else "stereo"
    for start in range(first, last, BLOCK_SAMPLES):
        samples = reader.read(start, min(start + BLOCK_SAMPLES, last)).samples
        # More than two channels are mixed down: every player supports stereo AAC.
        mixed = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mixed), format="fltp", layout=layout)
        frame.sample_rate = reader.rate_hz
        frame.pts = start - first
        frame.time_base = Fraction(1, reader.rate_hz)
        for packet in stream.encode(frame):
            yield (start - first) / reader.rate_hz, packet
    for packet in stream.encode():
        yield (last - first) / reader.rate_hz, packet
