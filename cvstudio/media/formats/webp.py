"""Animated pictures beyond FFmpeg: WebP through libwebp, and GIF and PNG with a colour profile, which it ignores."""

from __future__ import annotations

import dataclasses
import io
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.samples import Frame, Image
from cvstudio.media.base import Format, Media, MediaKind, MovingReader
from cvstudio.media.file_identity import HEAD_BYTES, FileGuard, damaged, decoding
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._video_facts import rate_text
from cvstudio.media.formats.image import upright
from cvstudio.media.formats.video import VideoReader
from cvstudio.media.pictures.color_profile import fitting_profile, profile_fact, read_profile, to_srgb
from cvstudio.media.pictures.headers import Header, read_header, webp_chunks

_KEPT_BYTES = 64 << 20
_KEPT_FRAMES = 4
_LEAST_MS, _USUAL_MS = 10, 100
"""A duration up to the first is replaced by the second, as in every browser."""


def _delays(path: Path) -> tuple[int, ...]:
    """Duration of each picture in milliseconds (RFC 9649, 2.7.1.1)."""
    delays = []
    with decoding(path), path.open("rb") as file:
        for name, position, count in webp_chunks(file, path.stat().st_size):
            if name == b"ANMF" and count >= 16:
                file.seek(position + 12)
                delay = int.from_bytes(file.read(3), "little")
                delays.append(delay if delay > _LEAST_MS else _USUAL_MS)
    return tuple(delays)


class WebPReader(MovingReader):
    """Reads the pictures of one animated WebP, with the interface of `VideoReader`.

    A picture holds only the changes to the previous one, so that going back beyond the kept pictures means decoding
    from the beginning.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        from PIL.WebPImagePlugin import WebPImageFile

        self._path = path = media.path
        self._guard = FileGuard(media)
        with decoding(path):
            data = path.read_bytes()
            # Not Image.open, which warns beyond its own size limit: the header is already checked.
            self._file: Any = WebPImageFile(io.BytesIO(data))
        header = read_header(path, data[:HEAD_BYTES])
        delays = _delays(path)
        if header is None or not delays or self._file.n_frames != len(delays):
            self._file.close()
            raise damaged(path)
        self._orientation = header.orientation
        self._profile = fitting_profile(header.profile, inks=False, grey=False)
        self._starts = tuple(time / 1000 for time in accumulate(delays[:-1], initial=0))
        self._recent: deque[tuple[int, Frame]] = deque()
        self._shown: int | None = None

    def at(self, pts: float) -> Frame:
        """The picture shown at `pts` seconds; the first one before the beginning, the last one after the end.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        ValueError
            `pts` is not finite.
        """
        return self._show(self._number_at(pts))

    def next(self) -> Frame | None:
        """The picture after the one returned last; the first one initially, None after the last. Raises MediaError."""
        number = 0 if self._shown is None else self._shown + 1
        return self._show(number) if number < len(self._starts) else None

    def frame_times(self) -> Sequence[float]:
        return self._starts

    def _neighbour(self, pts: float, direction: int) -> Frame:
        return self._show(min(max(0, self._number_at(pts) + direction), len(self._starts) - 1))

    def close(self) -> None:
        self._recent.clear()
        self._file.close()

    def _number_at(self, pts: float) -> int:
        if not math.isfinite(pts):
            raise ValueError(f"expected a finite time in seconds, found {pts}")
        return max(0, bisect_right(self._starts, pts + 1e-6) - 1)

    def _show(self, number: int) -> Frame:
        self._guard.check()
        self._shown = number
        kept = next((frame for index, frame in self._recent if index == number), None)
        if kept is not None:
            return kept
        frame = self._decode(number)
        self._recent.append((number, frame))
        size = frame.pixels.nbytes + (frame.alpha.nbytes if frame.alpha is not None else 0)
        while len(self._recent) > max(_KEPT_FRAMES, _KEPT_BYTES // size):
            self._recent.popleft()
        return frame

    def _decode(self, number: int) -> Frame:
        with decoding(self._path):
            self._file.seek(number)
            planes = upright(np.asarray(self._file), self._orientation)
        alpha = planes[:, :, 3] if planes.shape[2] == 4 else None
        image = to_srgb(Image(planes[:, :, :3], alpha), self._profile)
        return Frame(image.pixels, image.alpha, pts=self._starts[number])


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """The frame rate, worded as for other videos. Raises MediaError."""
    delays = _delays(media.path)
    if media.frame_rate:
        yield "Frame rate", rate_text(media.frame_rate, [delay / 1000 for delay in delays])


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    header = read_header(path, head)
    if header is None or not header.animated:
        return None
    delays = _delays(path)
    secs = sum(delays) / 1000
    details = {"codec": "webp", "format": "WebP", "profile": profile_fact(header.profile, inks=False, grey=False)}
    details["left"] = header.behind
    return Media(
        identity,
        path,
        MediaKind.VIDEO,
        header.size,
        duration_secs=secs,
        frame_count=len(delays),
        frame_rate=len(delays) / secs,
        details={key: text for key, text in details.items() if text},
    )


class AnimationReader(MovingReader):
    """Reads the frames of one animation in sRGB; in all else it is a `VideoReader`.

    Raises
    ------
    MediaError
        The file is damaged, or was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        with decoding(media.path), media.path.open("rb") as file:
            header = read_header(media.path, file.read(HEAD_BYTES))
        if header is None:
            raise damaged(media.path)
        self._profile = fitting_profile(header.profile, inks=False, grey=False)
        self._reader = VideoReader(media)

    def at(self, pts: float) -> Frame:
        """The frame shown at `pts` seconds; see `VideoReader.at`."""
        return self._converted(self._reader.at(pts))

    def next(self) -> Frame | None:
        """The frame after the one returned last; see `VideoReader.next`."""
        frame = self._reader.next()
        return None if frame is None else self._converted(frame)

    def frame_times(self) -> Sequence[float]:
        return self._reader.frame_times()

    def _neighbour(self, pts: float, direction: int) -> Frame:
        return self._converted(self._reader.step(pts, direction))

    def close(self) -> None:
        self._reader.close()

    def _converted(self, frame: Frame) -> Frame:
        image = to_srgb(Image(frame.pixels, frame.alpha, frame.transfer), self._profile)
        return Frame(image.pixels, image.alpha, image.transfer, pts=frame.pts)


def _needs_conversion(header: Header) -> bool:
    profile = read_profile(header.profile) if header.profile else None
    return profile is not None and not profile.is_srgb


def _probe_profiled(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    header = read_header(path, head) if head.startswith((b"GIF8", b"\x89PNG")) else None
    if header is None or not header.animated or not _needs_conversion(header):
        return None
    media = FORMATS["video"].probe(path, head, identity, forced)
    if media is None:
        return None
    profile = profile_fact(header.profile, inks=False, grey=False)
    return dataclasses.replace(media, details={**media.details, "profile": profile})


FORMATS.register(
    Format(
        key="webp",
        kind=MediaKind.VIDEO,
        title="video",
        suffixes=(".webp",),
        probe=_probe,
        reader=WebPReader,
        facts=_facts,
        order=31,
    )
)

FORMATS.register(
    Format(
        key="animation",
        kind=MediaKind.VIDEO,
        title="video",
        suffixes=(".gif", ".apng"),
        probe=_probe_profiled,
        reader=AnimationReader,
        facts=lambda media, sample: FORMATS["video"].facts(media, sample),
        order=29,
    )
)
