"""The sound of an exported video: the source's own packets where MP4 can hold them, else encoded again as AAC."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from cvstudio.media.audio import AudioReader
from cvstudio.media.base import Media
from cvstudio.media.container import audio_stream, first_frame, open_container, time_base, video_stream
from cvstudio.media.identity import decoding
from cvstudio.media.sound_choice import chosen_track
from cvstudio.progress import Progress

BLOCK_SAMPLES = 1024


class SoundTrack:
    """Sound that is written up to a time, again and again. Time 0 is the first frame of the picture."""

    def __init__(self, target: Any, blocks: Iterator[tuple[float, Any]], source: Any) -> None:
        self._target = target
        self._blocks = blocks
        self._source = source
        self._next: tuple[float, Any] | None = None

    @classmethod
    def add(cls, target: Any, media: Media) -> SoundTrack | None:
        """Add a stream to the open container `target`; None where `media` has no sound."""
        if not media.has_sound:
            return None
        source = open_container(media.path)
        given = audio_stream(source, chosen_track(media))
        if given is not None and given.codec_context.name == "aac":
            return cls(target, _copied(media, source, given, target.add_stream_from_template(given)), source)
        source.close()
        reader = AudioReader(media)
        mono = reader.channels == 1
        stream = target.add_stream("aac", rate=reader.rate_hz, layout="mono" if mono else "stereo")
        return cls(target, _encoded(reader, stream), reader)

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
        packet.stream = stream
        yield float(packet.pts * tick), packet


def _picture_start_secs(media: Media) -> Fraction:
    """When the first frame is shown, on the clock of the file."""
    with open_container(media.path) as container:
        picture = video_stream(container)
        return first_frame(media.path, container, picture)[0] * time_base(picture) if picture else Fraction(0)


def _encoded(reader: AudioReader, stream: Any) -> Iterator[tuple[float, Any]]:
    import av

    layout = "mono" if reader.channels == 1 else "stereo"
    for start in range(0, reader.n_samples, BLOCK_SAMPLES):
        samples = reader.read(start, start + BLOCK_SAMPLES).samples
        # More than two channels are mixed: AAC in a stereo track is what every player plays.
        mixed = samples if len(samples) <= 2 else np.repeat(samples.mean(axis=0, keepdims=True), 2, axis=0)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mixed), format="fltp", layout=layout)
        frame.sample_rate = reader.rate_hz
        frame.pts = start
        frame.time_base = Fraction(1, reader.rate_hz)
        for packet in stream.encode(frame):
            yield start / reader.rate_hz, packet
    for packet in stream.encode():
        yield reader.n_samples / reader.rate_hz, packet
