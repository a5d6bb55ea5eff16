"""The sound of an exported video: the source's own packets where MP4 can hold them, else encoded again as AAC."""

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
    """Sound that is written up to a time, again and again. Time 0 is the first frame of the picture."""

    def __init__(self, target: Any, blocks: Iterator[tuple[float, Any]], source: Any) -> None:
        self._target = target
        self._blocks = blocks
        self._source = source
        self._next: tuple[float, Any] | None = None

    @classmethod
    def add(
        cls, target: Any, media: Media, *, start_secs: float = 0.0, stop_secs: float | None = None
    ) -> SoundWriter | None:
        """Add a stream to the open container `target`; None where `media` has no sound.

        A part is cut to the sample, for which it is encoded again.
        """
        if not media.has_sound:
            return None
        if start_secs <= 0 and stop_secs is None:
            source = open_container(media.path)
            given = audio_stream(source, chosen_track(media))
            if given is not None and given.codec_context.name == "aac":
                return cls(target, _copied(media, source, given, target.add_stream_from_template(given)), source)
            source.close()
        reader = AudioReader(media)
        mono = reader.channels == 1
        stream = target.add_stream("aac", rate=reader.rate_hz, layout="mono" if mono else "stereo")
        first = min(round(start_secs * reader.rate_hz), reader.n_samples)
        last = reader.n_samples if stop_secs is None else min(round(stop_secs * reader.rate_hz), reader.n_samples)
        return cls(target, _encoded(reader, stream, first, last), reader)

    def write(self, until_secs: float | None, progress: Progress) -> None:
        """Write the packets that begin before `until_secs`; None writes the rest."""
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


def _copied(media: Media, source: Any, given: Any, stream: Any) -> Iterator[tuple[float, Any]]:
    """The packets as they are, on the clock of the picture."""
    tick = time_base(given)
    zero = round(_picture_start_secs(media) / tick)
    packets = source.demux(given)
    # A clock that does not count samples, as Matroska's of 1 ms, rounds the time of each packet; on the finer clock of
    # MP4 that would be small gaps and overlaps, which are heard. Packets that follow each other do so exactly.
    rate = given.codec_context.sample_rate
    coarse = (1 / (tick * rate)).denominator != 1
    length = Fraction(given.codec_context.frame_size or BLOCK_SAMPLES, rate)
    expected: Fraction | None = None
    while True:
        with decoding(media.path):
            packet = next(packets, None)
        if packet is None:
            return
        if packet.dts is None or packet.pts is None:
            continue
        packet.pts -= zero
        packet.dts -= zero
        # What ends before the first frame is never heard, but a decoder needs one packet to begin with; players cut
        # it off, as the edit list says.
        if packet.pts + 2 * (packet.duration or 0) <= 0:
            continue
        begins = packet.pts * tick
        if coarse:
            if expected is None or abs(begins - expected) > tick:
                expected = begins
            begins, expected = expected, expected + length
            packet.time_base = Fraction(1, rate)
            packet.pts = packet.dts = round(begins * rate)
            packet.duration = round(length * rate)
        packet.stream = stream
        yield float(begins), packet


def _picture_start_secs(media: Media) -> Fraction:
    """When the first frame is shown, on the clock of the file."""
    with open_container(media.path) as container:
        picture = video_stream(container)
        return first_frame(media.path, container, picture)[0] * time_base(picture) if picture else Fraction(0)


def _encoded(reader: AudioReader, stream: Any, first: int, last: int) -> Iterator[tuple[float, Any]]:
    """The samples from `first` up to `last`, at 0 and on."""
    import av

    layout = "mono" if reader.channels == 1 else "stereo"
    for start in range(first, last, BLOCK_SAMPLES):
        samples = reader.read(start, min(start + BLOCK_SAMPLES, last)).samples
        # More than two channels are mixed: AAC in a stereo track is what every player plays.
        mixed = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mixed), format="fltp", layout=layout)
        frame.sample_rate = reader.rate_hz
        frame.pts = start - first
        frame.time_base = Fraction(1, reader.rate_hz)
        for packet in stream.encode(frame):
            yield (start - first) / reader.rate_hz, packet
    for packet in stream.encode():
        yield (last - first) / reader.rate_hz, packet
