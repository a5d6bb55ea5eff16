"""Video: frames by exact presentation time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind, MovingReader
from cvstudio.media.container import (
    appended_to,
    check_decodable,
    check_whole,
    decode_video,
    first_frame,
    is_container,
    open_container,
    seeks_exactly,
    sound_tracks,
    time_base,
    video_stream,
    video_streams,
)
from cvstudio.media.damage.losses import LOSSES
from cvstudio.media.file_identity import FileGuard, check_size, damaged, decoding
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._frame_ticks import frame_ticks
from cvstudio.media.formats._video_facts import video_facts
from cvstudio.media.formats._video_frames import ColorTags, FrameConverter, light_text, shown_size, square_size
from cvstudio.media.pictures.headers import Header, read_header
from cvstudio.media.sound_tracks import SoundSettings, sound_settings, with_track
from cvstudio.media.spliced import format_name, parts_facts
from cvstudio.media.video_length import VideoLength, video_length

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Up to this far ahead, decoding on is cheaper than a seek, which goes back to a key frame.
_AHEAD_SECS = 2.0
# How far before the target a seek aims; the next larger one is tried where the seek landed behind the target.
_BACK_SECS = (0, 1, 4, 16)
# Decoded frames that are kept, so that not every step back seeks.
_KEPT_BYTES = 64 << 20
_KEPT_FRAMES = 4
_ANIMATIONS = ("gif", "apng")
_SAME_RATE = 0.01
"""Relative difference up to which a stated rate is taken for the counted one."""


class VideoReader(MovingReader):
    """Reads the frames of one video.

    Times are in seconds from the first frame, which is at 0.0 whatever the file states. Going forward never seeks.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        self._media = media
        self._path = media.path
        self._guard = FileGuard(media)
        # Consecutive decoded frames with their times in ticks; the decoder is positioned after the last one.
        self._recent: deque[tuple[int, VideoFrame]] = deque()
        self._frames: Iterator[tuple[int, VideoFrame]]
        self._shown: tuple[int, Frame] | None = None
        self._open()
        self._tick = time_base(self._stream)
        self._origin = self._recent[0][0]
        codec = self._stream.codec_context.name
        self._converter = FrameConverter(square_size(self._stream, self._recent[0][1]), self._tags, codec)

    def at(self, pts: float) -> Frame:
        """The frame shown at `pts` seconds: the last one that begins at or before it.

        Before the first frame this is the first, after the end the last one. `Frame.pts` is its beginning.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        ValueError
            `pts` is not finite.
        """
        return self._show(self._find(self._ticks(pts)))

    def next(self) -> Frame | None:
        """The frame after the one returned last; the first one initially, None after the last.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        """
        entry = self._find(self._origin) if self._shown is None else self._after(self._shown[0])
        return None if entry is None else self._show(entry)

    def frame_times(self) -> Sequence[float]:
        self._guard.check()
        return [float((ticks - self._origin) * self._tick) for ticks in frame_ticks(self._path, self._origin)]

    def _neighbour(self, pts: float, direction: int) -> Frame:
        current = self._find(self._ticks(pts))
        if direction < 0:
            return self._show(self._find(current[0] - 1))
        return self._show(self._after(current[0]) or current)

    def close(self) -> None:
        self._recent.clear()
        self._frames = iter(())
        self._container.close()

    def _open(self) -> None:
        """Open the container and decode the first frame."""
        self._container = open_container(self._path)
        stream = video_stream(self._container)
        if stream is None:
            self._container.close()
            raise damaged(self._path)
        self._stream = stream
        self._recent.clear()
        try:
            with decoding(self._path):
                self._tags = ColorTags.of(stream)
                stream.thread_type = "AUTO"
                self._start()
                if not self._decode_one():
                    raise damaged(self._path)
        except MediaError:
            self._container.close()
            raise

    def _start(self) -> None:
        self._frames = decode_video(self._container, self._stream, partial(LOSSES.add_frames, self._media))
        self._ended = False

    def _ticks(self, pts: float) -> int:
        if not math.isfinite(pts):
            raise ValueError(f"expected a finite time in seconds, found {pts}")
        ticks = pts / float(self._tick)
        # `Frame.pts` is rounded to a float; converted back to ticks it must not fall before its own frame.
        return self._origin + math.floor(ticks + 1e-6 + abs(ticks) * 1e-12)

    def _find(self, target: int) -> tuple[int, VideoFrame]:
        """The last frame at or before `target` ticks, or the first of all."""
        self._guard.check()
        with decoding(self._path):
            first, head = self._recent[0][0], self._recent[-1][0]
            behind = target < first and first > self._origin
            ahead = target > head + _AHEAD_SECS / self._tick and not self._ended and seeks_exactly(self._container)
            if behind or ahead:
                self._seek(target)
            while self._recent[-1][0] <= target and self._decode_one():
                pass
            index = bisect_right(self._recent, target, key=lambda entry: entry[0])
            return self._recent[max(0, index - 1)]

    def _after(self, ticks: int) -> tuple[int, VideoFrame] | None:
        """The frame after the one at `ticks`, which was found last; None at the end."""
        self._guard.check()
        with decoding(self._path):
            if self._recent[0][0] > ticks:
                self._find(ticks)
            while self._recent[-1][0] <= ticks:
                if not self._decode_one():
                    return None
            return self._recent[bisect_right(self._recent, ticks, key=lambda entry: entry[0])]

    def _decode_one(self) -> bool:
        """Append the next frame to the recent ones; False at the end of the video."""
        while (entry := next(self._frames, None)) is not None:
            if self._recent and entry[0] <= self._recent[-1][0]:
                continue  # a frame with an earlier time would never be shown
            self._recent.append(entry)
            size = sum(plane.buffer_size for plane in entry[1].planes)
            while len(self._recent) > max(_KEPT_FRAMES, _KEPT_BYTES // max(1, size)):
                self._recent.popleft()
            return True
        self._ended = True
        return False

    def _seek(self, target: int) -> None:
        """Position the decoder after a frame at or before `target` ticks from which decoding is exact."""
        import av

        for back in _BACK_SECS:
            aim = target - int(back / self._tick)
            if aim <= self._origin or not seeks_exactly(self._container):
                break
            try:
                self._container.seek(aim, stream=self._stream)
            except av.FFmpegError:
                break  # a file without an index
            self._start()
            # Frames before the first key frame may refer to frames that were skipped.
            entry = next((entry for entry in self._frames if entry[1].key_frame), None)
            if entry is not None and entry[0] <= target:
                self._recent.clear()
                self._recent.append(entry)
                return
        self._container.close()
        self._open()

    def _show(self, entry: tuple[int, VideoFrame]) -> Frame:
        """A decoded frame as sRGB with square pixels, upright; the one shown last is not converted again."""
        ticks, frame = entry
        if self._shown is None or self._shown[0] != ticks:
            with decoding(self._path):
                pixels, alpha = self._converter.convert(frame)
            self._shown = ticks, Frame(pixels, alpha, pts=float((ticks - self._origin) * self._tick))
        return self._shown[1]


def _animation(path: Path, head: bytes) -> Header | None:
    """The header of an animated GIF or PNG, else None. For animated WebP see `cvstudio.media.formats.webp`."""
    header = read_header(path, head) if head.startswith((b"GIF8", b"\x89PNG")) else None
    return header if header is not None and header.animated else None


def _left_out(container: InputContainer, stream: VideoStream, cut_frames: int, appended: str) -> Iterator[str]:
    """What the file holds but the reader does not show, as short texts."""
    if cut_frames:
        yield f"{cut_frames:,} {'frame' if cut_frames == 1 else 'frames'} that the edit list leaves out"
    if others := len(video_streams(container)) - 1:
        yield "another video track" if others == 1 else f"{others} further video tracks"
    if stream.metadata.get("alpha_mode") == "1":
        yield "transparency"
    if appended:
        yield appended


def _mean_rate(stated: float, length: VideoLength, format_: str) -> float:
    """Frames per second: as `stated`, or as counted where an MP4 or an animation has a variable one."""
    if format_ not in ("mov", *_ANIMATIONS) or length.frame_count <= 2 or length.cut_frames or not length.duration_secs:
        return stated
    counted = length.frame_count / length.duration_secs
    return stated if abs(counted - stated) <= _SAME_RATE * stated else counted


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    animation = _animation(path, head)
    if not (animation or is_container(head)):
        return None
    check_whole(path, head)
    appended = animation.behind if animation else appended_to(path, "video")
    with open_container(path) as container:
        stream = video_stream(container)
        if stream is None:
            return None
        check_decodable(path, stream)
        check_size(path, Size(stream.width, stream.height))
        tags = ColorTags.of(stream)
        first, frame = first_frame(path, container, stream)
        tags.complete(frame)
        size = shown_size(stream, frame)
        check_size(path, size)
        tracks = sound_tracks(container)
        length = video_length(path, container, stream, first)
        details = {"codec": stream.codec_context.name, "format": format_name(container).split(",")[0]}
        parts, behind = parts_facts(path, container)
        if parts:
            details["parts"] = parts
        if light := light_text(frame):
            details["light"] = light
        if left := ", ".join(_left_out(container, stream, length.cut_frames, appended or behind)):
            details["left"] = left
        if length.stated_secs:
            details["length"] = f"{length.stated_secs:.3f} s in the file's header, which is wrong"
        rate: Fraction | None = stream.average_rate or stream.guessed_rate
        return Media(
            identity,
            path,
            MediaKind.VIDEO,
            size,
            duration_secs=length.duration_secs or None,
            frame_count=length.frame_count or None,
            frame_rate=_mean_rate(float(rate), length, details["format"]) if rate else None,
            rate_hz=tracks[0].rate_hz if tracks else 0,
            channels=tracks[0].channels if tracks else 0,
            sound_tracks=tracks,
            details=details,
        )


FORMATS.register(
    Format(
        key="video",
        kind=MediaKind.VIDEO,
        title="video",
        suffixes=(
            ".mp4",
            ".mov",
            ".m4v",
            ".mkv",
            ".webm",
            ".avi",
            ".ogv",
            ".flv",
            ".wmv",
            ".mpg",
            ".mpeg",
            ".ts",
            ".m2ts",
            ".gif",
            ".apng",
        ),
        probe=_probe,
        reader=VideoReader,
        settings=SoundSettings,
        settings_for=sound_settings,
        configure=with_track,
        facts=video_facts,
        order=30,
    )
)
