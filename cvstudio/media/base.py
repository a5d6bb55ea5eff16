"""What every kind of medium has in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cvstudio.closing import Closing
from cvstudio.types import Size


class MediaKind(StrEnum):
    """What a file holds."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DEPTH = "depth"
    CAMERA = "camera"


@dataclass(frozen=True)
class Media:
    """A file that was recognised; nothing is decoded yet.

    Parameters
    ----------
    id : str
        Of its size, modification time and a hash of head, middle and tail.
    size : of the picture, frame or depth map, where it has one
    duration_secs, frame_count, frame_rate : of a video or sound, where known
    rate_hz : samples per second of its sound; 0 where it has none
    details : short facts for the user, e.g. {"codec": "h264"}
    """

    id: str
    path: Path
    kind: MediaKind
    size: Size | None = None
    duration_secs: float | None = None
    frame_count: int | None = None
    frame_rate: float | None = None
    rate_hz: int = 0
    channels: int = 0
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def moving(self) -> bool:
        """Whether it is shown frame by frame."""
        return self.kind in (MediaKind.VIDEO, MediaKind.CAMERA)

    @property
    def has_sound(self) -> bool:
        return self.rate_hz > 0

    @property
    def name(self) -> str:
        """File name for display, composed (macOS hands out decomposed Hangul)."""
        return unicodedata.normalize("NFC", self.path.name)


class BaseReader(Closing):
    """Reads one medium. Used by one thread only: each lane opens its own."""


@dataclass(frozen=True)
class Format:
    """How one kind of medium is recognised and read. Registered by each file of this package.

    `probe(path, head, id, forced)` returns None where the content is not of this kind, a Media where it is, and raises
    MediaError where it is but is damaged; `head` is the first 4 KiB, and `forced` is set where the user said that it
    is of this kind. Lower `order` is asked first.
    """

    key: str
    kind: MediaKind
    title: str
    suffixes: tuple[str, ...]
    probe: Callable[[Path, bytes, str, bool], Media | None]
    reader: Callable[[Media], Any]
    order: int = 50
