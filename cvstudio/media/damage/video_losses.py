"""What is lost of a damaged video and its sound, found by reading all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import mean, median
from typing import TYPE_CHECKING

from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.media.container import audio_streams, decode_video, open_container, time_base, video_stream
from cvstudio.media.damage.avi_index import IndexedTimes
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.damage.sound_losses import find_silence
from cvstudio.media.file_identity import decoding
from cvstudio.media.formats.audio import AudioReader
from cvstudio.media.sound_tracks import chosen_track
from cvstudio.media.spliced import format_name

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_MOST_PIXELS = 250_000_000
"""Pixels of all frames up to which a video is decoded for its facts: a second of work."""
_USUAL_RATE = 25
_BETWEEN = -1
"""Stands for the time of all sound that is missing between packets."""
_READ_BYTES = 256 << 20
_WITHOUT_TABLE = ("matroska,webm", "avi", "flv", "ogg", "mpeg")
"""FFmpeg's names of formats that it reads on behind damage, without a word; in a transport stream it marks packets."""
_LEAP, _EVEN = 1.5, 0.8
"""A gap of so many usual intervals lacks frames, where that share of all intervals is usual: the rate is constant."""
_AROUND = 17
"""Frames before and behind a gap that may be stored on its other side, as they are in the order of decoding."""
_LEAST_BYTES = 0.25
"""Bytes that belong to no packet and stand for one that is missing, as a share of the usual packet."""


def find_losses(media: Media, progress: Progress | None = None, *, most_pixels: int | None = None) -> None:
    """Find what cannot be decoded of the video `media`, and tell `LOSSES`; what is long is not decoded.

    Parameters
    ----------
    most_pixels : pixels of all frames up to which the video is decoded; None for what takes a second

    Raises
    ------
    MediaError
        The file is damaged, or was removed.
    """
    if LOSSES.searched(media):
        return
    find_undecoded(media, progress)
    size, secs = media.size, media.duration_secs or 0
    most_pixels = _MOST_PIXELS if most_pixels is None else most_pixels
    if size is None or size.width * size.height * secs * (media.frame_rate or _USUAL_RATE) > most_pixels:
        return
    with open_container(media.path) as container, decoding(media.path):
        stream = video_stream(container)
        if stream is not None:
            stream.thread_type = "AUTO"
            for _ in decode_video(container, stream, partial(LOSSES.add_frames, media)):
                if progress is not None:
                    progress.check()
    LOSSES.add_searched(media)


def find_undecoded(media: Media, progress: Progress | None = None) -> None:
    """As `find_losses`, for what is missing between the packets, and for the chosen sound track: no frame is decoded.

    Raises
    ------
    MediaError
        The file is damaged, or was removed.
    """
    _find_gaps(media)
    if media.has_sound:
        with AudioReader(media) as sound:
            find_silence(media, sound, progress)


@dataclass(frozen=True)
class _Place:
    """A packet of a stream.

    Parameters
    ----------
    time : in ticks
    n_bytes : its length
    unread : largest number of bytes in a row that belong to no packet, since the one before it in its stream
    corrupt : whether the container is known to be damaged in front of it
    """

    time: int
    n_bytes: int
    unread: int
    corrupt: bool


def _find_gaps(media: Media) -> None:
    """Tell of frames of a constant rate, and of sound, whose data are missing where the file is damaged."""
    if media.path.stat().st_size > _READ_BYTES:
        return
    with open_container(media.path) as container, decoding(media.path):
        name, frames = format_name(container), video_stream(container)
        if (name not in _WITHOUT_TABLE and name != "mpegts") or container.format.name == "concat":
            return
        sounds = audio_streams(container)
        places = _places(container, [*([] if frames is None else [frames]), *sounds], by_bytes=name in _WITHOUT_TABLE)
        # Asked for here: a closed container has no streams.
        shown = [] if frames is None else places[frames.index]
        heard = [(places[sound.index], time_base(sound)) for sound in sounds]
    absent, _ = _absent(shown)
    if absent:
        LOSSES.add_absent(media, absent, len(shown) + absent)
    for number, (packets, tick) in enumerate(heard, 1):
        _, ticks = _absent(packets)
        if ticks and number == chosen_track(media):
            LOSSES.add_sound(media, number, _BETWEEN, float(ticks * tick))


def _places(
    container: InputContainer, streams: Sequence[VideoStream | AudioStream], *, by_bytes: bool
) -> dict[int, list[_Place]]:
    """The packets of each of `streams`, by its index, in the order of their times."""
    places: dict[int, list[_Place]] = {stream.index: [] for stream in streams}
    times = {stream.index: IndexedTimes(container, stream) for stream in streams}
    unread = dict.fromkeys(places, 0)
    corrupt = dict.fromkeys(places, False)
    end = 0
    for packet in container.demux(list(streams)):
        times[packet.stream_index].correct(packet)
        if packet.is_corrupt:
            corrupt = dict.fromkeys(places, True)
        if packet.size and packet.pos is not None:
            if by_bytes and end:
                hole = max(0, packet.pos - end)
                unread = {index: max(largest, hole) for index, largest in unread.items()}
            end = max(end, packet.pos + packet.size)
        time = packet.dts if packet.pts is None else packet.pts
        index = packet.stream_index
        if packet.size and time is not None:
            places[index].append(_Place(time, packet.size, unread[index], corrupt[index]))
            unread[index], corrupt[index] = 0, False
    return {index: sorted(there, key=lambda place: place.time) for index, there in places.items()}


def _absent(places: Sequence[_Place]) -> tuple[int, int]:
    """How many packets are missing between `places`, and how many ticks they would last."""
    intervals = [after.time - before.time for before, after in pairwise(places) if after.time > before.time]
    if not intervals:
        return 0, 0
    usual, usual_bytes = median(intervals), mean(place.n_bytes for place in places)
    if sum(interval <= _LEAP * usual for interval in intervals) < _EVEN * len(intervals):
        return 0, 0
    absent = 0
    for number, (before, after) in enumerate(pairwise(places), 1):
        missing = round((after.time - before.time) / usual) - 1
        if missing < 1 or after.time - before.time <= _LEAP * usual:
            continue
        around = places[max(0, number - _AROUND) : number + _AROUND]
        unread = max(place.unread for place in around)
        if any(place.corrupt for place in around) or unread >= _LEAST_BYTES * usual_bytes * missing:
            absent += missing
    return absent, round(absent * usual)
