"""What every kind of medium has in common."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.params import Field


class MediaKind(StrEnum):
    """What a file holds."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DEPTH = "depth"
    GEOMETRY = "geometry"
    CAMERA = "camera"


@dataclass(frozen=True)
class SoundTrack:
    """One sound track of a file.

    Parameters
    ----------
    number : 1, 2, … in the order of the file
    codec : FFmpeg's name of it
    rate_hz, channels : samples per second, and how many of them at a time
    language : ISO 639 code, "" where the file does not say
    title : what the file calls it, may be ""
    """

    number: int
    codec: str
    rate_hz: int
    channels: int
    language: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """A line for lists, e.g. "2 · deu · Commentary · aac, 2 channels"."""
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        parts = (str(self.number), self.language, self.title, f"{self.codec}, {channels}")
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True)
class Media:
    """A file that was recognised; nothing is decoded yet.

    Parameters
    ----------
    id : str
        Of its size, modification time and a hash of head, middle and tail, its kind, and behind a "+" the settings
        that differ from their defaults.
    size : of the picture, frame or depth map, where it has one
    duration_secs, frame_count, frame_rate : of a video or sound, where known
    rate_hz : samples per second of its sound; 0 where it has none
    details : short facts for the user, e.g. {"codec": "h264"}
    format : key of the `Format` that reads it
    settings : how the user wants it read, by name; only what differs from the defaults
    sound_tracks : every track that can be decoded; `rate_hz` and `channels` are those of the chosen one
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
    format: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    sound_tracks: tuple[SoundTrack, ...] = ()

    @property
    def file_id(self) -> str:
        """The id without the settings: equal for the same file read in another way."""
        # Without settings nothing is behind a "+"; the path of a file that pretends to be a camera may hold one.
        return self.id.partition("+")[0] if self.settings else self.id

    @property
    def moving(self) -> bool:
        """Whether it is shown frame by frame."""
        return self.kind in (MediaKind.VIDEO, MediaKind.CAMERA)

    def key(self, pts: float | None) -> tuple[str, float | None]:
        """What a request holds of it: its identity, and the presentation time in seconds where it is moving."""
        return self.id, pts if self.moving else None

    @property
    def has_sound(self) -> bool:
        return self.rate_hz > 0

    @property
    def name(self) -> str:
        """File name for display, composed (macOS hands out decomposed Hangul)."""
        return unicodedata.normalize("NFC", self.path.name)


class BaseReader(Closeable):
    """Reads one medium. Used by one thread only: each lane opens its own."""


class MovingReader(BaseReader):
    """Reads moving pictures."""

    def step(self, pts: float, direction: int) -> Frame:
        """The picture after (+1) or before (-1) the one that is shown at `pts`; at either end, that one itself.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        ValueError
            `direction` is neither 1 nor -1.
        """
        if direction not in (1, -1):
            raise ValueError(f"expected a direction of 1 or -1, found {direction}")
        return self._beside(pts, direction)

    def _beside(self, pts: float, direction: int) -> Frame:
        raise NotImplementedError


def _no_settings(media: Media) -> tuple[Field, ...]:
    return ()


def _unchanged(media: Media) -> Media:
    return media


def _no_facts(media: Media, sample: Any) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True)
class Format:
    """How a kind of file is recognised and read. Registered by files of this package.

    `probe(path, head, id, forced)` returns None where the content is not of this kind, a Media where it is, and raises
    MediaError where it is but is damaged; `head` is the first 4 KiB, and `forced` is set where the user said that it
    is of this kind. Lower `order` is asked first.

    `settings` are parameters that say how a file is read. `settings_for` gives those that make sense for one medium,
    with the choices that it leaves; `configure` is what they make of it (unit, sample rate …), reading no file.
    `facts` are more facts of it as (title, text), from its sample where that is decoded already and not None; they may
    take a while.
    """

    key: str
    kind: MediaKind
    title: str
    suffixes: tuple[str, ...]
    probe: Callable[[Path, bytes, str, bool], Media | None]
    reader: Callable[[Media], Any]
    order: int = 50
    settings: type[Any] | None = None
    settings_for: Callable[[Media], tuple[Field, ...]] = _no_settings
    configure: Callable[[Media], Media] = _unchanged
    facts: Callable[[Media, Any], Iterable[tuple[str, str]]] = _no_facts
