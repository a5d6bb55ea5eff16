"""Packets that are missing from a damaged container, over whose place FFmpeg reads on without a word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean, median
from typing import TYPE_CHECKING

from cvstudio.media.base import Media
from cvstudio.media.container import audio_streams, open_container, time_base, video_stream
from cvstudio.media.damage.avi_index import IndexedTimes
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.file_identity import decoding
from cvstudio.media.sound_tracks import chosen_track
from cvstudio.media.spliced import format_name

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

_BETWEEN = -1
"""Stands for the time of all sound that is missing between packets."""
_READ_BYTES = 256 << 20
_WITHOUT_TABLE = ("matroska,webm", "avi", "flv", "ogg", "mpeg", "flac")
"""FFmpeg's names of formats that it reads on behind damage, without a word; in a transport stream it marks packets."""
_LEAP, _EVEN = 1.5, 0.8
"""A gap of so many usual intervals lacks frames, where that share of all intervals is usual: the rate is constant."""
_AROUND = 17
"""Frames before and behind a gap that may be stored on its other side, as they are in the order of decoding."""
_MARGIN_BYTES = 64
"""More than the headers of a frame of FLAC."""
_LEAST_BYTES = 0.25
"""Bytes that belong to no packet and stand for one that is missing, as a share of the usual packet."""


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


def find_gaps(media: Media) -> None:
    """Tell of frames of a constant rate, and of sound, whose data are missing where the file is damaged.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    if media.path.stat().st_size > _READ_BYTES:
        return
    with open_container(media.path) as container, decoding(media.path):
        name, frames = format_name(container), video_stream(container)
        if (name not in _WITHOUT_TABLE and name != "mpegts") or container.format.name == "concat":
            return
        sounds = audio_streams(container)
        streams: list[VideoStream | AudioStream] = [*([] if frames is None else [frames]), *sounds]
        places, end = _places(container, streams, by_bytes=name in _WITHOUT_TABLE)
        # Asked for here: a closed container has no streams.
        shown = [] if frames is None else places[frames.index]
        listed = sum(entry.size > 0 for entry in frames.index_entries) if frames is not None and name == "avi" else 0
        heard = [(places[sound.index], time_base(sound)) for sound in sounds]
        raw = sum(sound.codec_context.format.bytes * sound.codec_context.layout.nb_channels for sound in sounds)
    # Behind damage FFmpeg may not find what the index of an AVI lists.
    absent = max(listed - len(shown), _absent(shown)[0])
    if absent:
        LOSSES.add_absent(media, absent, len(shown) + absent)
    for number, (packets, tick) in enumerate(heard, 1):
        _, ticks = _absent(packets)
        if name == "flac" and _leaves_out(packets, media.path.stat().st_size - end, raw):
            LOSSES.add_content(media, "some of its frames are damaged and left out")
        if ticks and number == chosen_track(media):
            LOSSES.add_sound(media, number, _BETWEEN, float(ticks * tick))


def _places(
    container: InputContainer, streams: Sequence[VideoStream | AudioStream], *, by_bytes: bool
) -> tuple[dict[int, list[_Place]], int]:
    """The packets of each of `streams`, by its index, in the order of their times; and where the last one ends."""
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
    return {index: sorted(there, key=lambda place: place.time) for index, there in places.items()}, end


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


def _leaves_out(places: Sequence[_Place], behind: int, raw: int) -> bool:
    """Whether bytes of a FLAC stream belong to no frame: FFmpeg goes on counting as if nothing were missing.

    They are between `places`, or `behind` the last one, or in a packet that is longer than its samples, which take
    `raw` bytes each.
    """
    if len(places) < 2:
        return False
    n_bytes = max([behind, *(place.unread for place in places)])
    longest = _MARGIN_BYTES + raw * max(after.time - before.time for before, after in pairwise(places))
    largest = max(place.n_bytes for place in places)
    return largest > longest or n_bytes >= _LEAST_BYTES * mean(place.n_bytes for place in places)
