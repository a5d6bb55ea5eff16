"""Animated GIF and PNG with a colour profile, which FFmpeg ignores."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from cvstudio.data.samples import Frame, Image
from cvstudio.media.base import Format, Media, MediaKind, MovingReader
from cvstudio.media.color_profile import profile_fact, read_profile, to_srgb
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats.video import VideoReader
from cvstudio.media.headers import Header, read_header


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
        self._profile = header.profile
        self._reader = VideoReader(media)

    def at(self, pts: float) -> Frame:
        """The frame shown at `pts` seconds; see `VideoReader.at`."""
        return self._converted(self._reader.at(pts))

    def next(self) -> Frame | None:
        """The frame after the one returned last; see `VideoReader.next`."""
        frame = self._reader.next()
        return None if frame is None else self._converted(frame)

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


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
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
        key="animation",
        kind=MediaKind.VIDEO,
        title="video",
        suffixes=(".gif", ".apng"),
        probe=_probe,
        reader=AnimationReader,
        facts=lambda media, sample: FORMATS["video"].facts(media, sample),
        order=29,
    )
)
