"""Length of a video: where its last frame ends, and how many of its frames are shown."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.media.container import open_container, time_base, video_stream
from cvstudio.media.file_identity import decoding
from cvstudio.media.spliced import format_name

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


_UNSEEKABLE = ("mpegvideo", "gif", "apng")
"""FFmpeg's names of formats in which a seek does not reach the end."""
_ENDS = 64
"""Entries at either end of an index that tell whether an edit list trims the video."""
_LAST_TICK = (1 << 62) - 1
_BACK_SECS = (0, 1, 4, 16)
"""How far before the stated end a seek aims; the next larger one is tried where nothing was found behind it."""
_UNSTATED = ("mpeg", "mpegts")
"""Formats that state no length: FFmpeg guesses it."""
_READ_BYTES = 64 << 20
"""Program streams up to this size are read whole: they time only some frames, and after a seek the others are guessed
differently."""
WRONG_SECS = 1.0
"""Difference of a stated length that is told: sound and frames of one film end at slightly different times."""


@dataclass(frozen=True)
class VideoLength:
    """Length of a video.

    Parameters
    ----------
    duration_secs : from the first frame to the end of the last one; 0 where it is not known
    frame_count : number of frames that are shown; 0 where it is not known
    cut_frames : number of stored frames that the edit list of the file leaves out
    stated_secs : what the file states instead, where it is wrong by more than `WRONG_SECS`; else 0
    """

    duration_secs: float
    frame_count: int
    cut_frames: int
    stated_secs: float = 0.0


def video_length(path: Path, container: InputContainer, stream: VideoStream, first: int) -> VideoLength:
    """Length of the video `stream`, whose first frame is at `first` ticks. The position of `container` is lost.

    The video ends where the file states it, or with its last frame where that is later. Where a statement is wrong, or
    there is none for the video alone, as in Matroska, it ends with the last packet of the file. Where nothing is stated
    at all, as in a live recording, all packets are read. Nothing is decoded.

    Raises
    ------
    MediaError
        The file cannot be read.
    """
    name = format_name(container)
    iso = name.startswith("mov")
    shown, cut, alone = stream.frames, 0, False
    if iso and shown and _is_edited(stream):
        # FFmpeg's index follows the edit list: frames as often as they are shown, and those that are only decoded.
        shown = sum(not entry.is_discard for entry in stream.index_entries)
        cut = max(0, stream.frames - shown)
    stated = file_end = end = Fraction(0)
    if stream.duration:
        stated = ((stream.start_time or 0) + stream.duration) * time_base(stream)
    elif container.duration:
        file_end = Fraction((container.start_time or 0) + container.duration, 1_000_000)
    with decoding(path):
        untimed = name == "mpeg" and path.stat().st_size <= _READ_BYTES
        if untimed or not (stated or file_end):
            with open_container(path) as unread:
                again = video_stream(unread)
                if again is not None:
                    end, _, count = _packets_behind(unread, again, None)
                    shown = shown or count
        elif name in _UNSEEKABLE:
            end = stated or file_end
        else:
            for back in _BACK_SECS:
                start = min(max(first, int(((stated or file_end) - back) / time_base(stream))), _LAST_TICK)
                video_end, last_end, count = _packets_behind(container, stream, start)
                if video_end:
                    alone = start == first and count == 1
                    break
            real = video_end if iso else last_end
            # Fragments state a length in advance, or only that of some of them.
            if not stated or (iso and not stream.frames) or stated - real > WRONG_SECS:
                end = real or stated or file_end
            else:
                end = max(stated, video_end)
    origin = first * time_base(stream)
    wrong = name not in _UNSTATED and abs((stated or file_end or end) - end) > WRONG_SECS
    if wrong and not iso and stream.frames:
        shown = 0  # the header counts those of another length
    if shown == 1 or alone:
        # One picture for a whole sound: players hold it to the end.
        sounds = container.streams.audio
        end = max([end, *(((sound.start_time or 0) + (sound.duration or 0)) * time_base(sound) for sound in sounds)])
    return VideoLength(
        float(max(end - origin, Fraction(0))), shown, cut, float((stated or file_end) - origin) if wrong else 0.0
    )


def _is_edited(stream: VideoStream) -> bool:
    """Whether FFmpeg's index of an MP4 differs from its table of frames; looks at its ends only, as films are long."""
    entries = stream.index_entries
    if len(entries) != stream.frames:
        return len(entries) > 0
    return any(entry.is_discard for part in (slice(_ENDS), slice(-_ENDS, None)) for entry in entries[part])


def _packets_behind(
    container: InputContainer, stream: VideoStream, start: int | None
) -> tuple[Fraction, Fraction, int]:
    """Read the packets from the key frame before `start` ticks on, or all of a newly opened container.

    Returns
    -------
    video_end, last_end : of the last frame, and of the last packet of the video or any sound, in seconds of the
        container's clock; 0 where none was read
    frame_count : number of frames that were read and are shown
    """
    import av

    if start is not None:
        try:
            container.seek(start, stream=stream)
        except av.FFmpegError:
            return Fraction(0), Fraction(0), 0  # a file without an index
    usual = round(1 / (stream.average_rate * time_base(stream))) if stream.average_rate else 0
    ends: dict[int, Fraction] = {}
    frame_count = 0
    for packet in container.demux([stream, *container.streams.audio]):
        of_video = packet.stream_index == stream.index
        ticks = packet.dts if packet.pts is None else packet.pts
        if packet.is_discard or (ticks is None and not (packet.size and of_video)):
            continue
        if ticks is None:
            # Program streams time only some frames.
            ticks = round(ends.get(stream.index, Fraction(0)) / packet.time_base)
        end = (ticks + (packet.duration or (usual if of_video else 0))) * packet.time_base
        ends[packet.stream_index] = max(ends.get(packet.stream_index, end), end)
        frame_count += of_video
    return ends.get(stream.index, Fraction(0)), max(ends.values(), default=Fraction(0)), frame_count
