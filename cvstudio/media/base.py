"""Types shared by every kind of medium: `Media`, readers and formats."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Frame, Image
from cvstudio.foundation.closing import Closeable
from cvstudio.foundation.input_files import shared_protection
from cvstudio.foundation.names import shown_name
from cvstudio.foundation.params import Field


class MediaKind(StrEnum):
    """Kind of content of a file or device."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DEPTH = "depth"
    GEOMETRY = "geometry"
    CAMERA = "camera"


PLAIN_READINGS: Mapping[MediaKind, str] = {
    MediaKind.IMAGE: "picture",
    MediaKind.VIDEO: "video",
    MediaKind.AUDIO: "sound",
    MediaKind.DEPTH: "depth",
    MediaKind.GEOMETRY: "geometry",
    MediaKind.CAMERA: "camera",
}
"""Key of the reading that a kind alone stands for."""

NOUNS: Mapping[MediaKind, str] = {
    MediaKind.IMAGE: "picture",
    MediaKind.VIDEO: "video",
    MediaKind.AUDIO: "sound",
    MediaKind.DEPTH: "depth map",
    MediaKind.GEOMETRY: "3D file",
    MediaKind.CAMERA: "camera",
}
"""What a file of each kind is called in a sentence."""

STORED_DEPTH = "stored-depth"
"""Key of the format of depth maps that lie within a photograph."""


@dataclass(frozen=True)
class Reading:
    """One way to read a file whose content leaves open what it is.

    Parameters
    ----------
    key : identifier: what the file becomes and, behind "=", which part of it is read; "depth", "labels=seg"
    kind : of the medium
    title : name for users, e.g. "Depth map"
    summary : what becomes of the content; one sentence
    reason : what speaks for it in this file, as a clause such as "its name ends in depth"; may be ""
    """

    key: str
    kind: MediaKind
    title: str
    summary: str
    reason: str = ""

    @property
    def name(self) -> str:
        """What the file becomes: the key without the part."""
        return self.key.partition("=")[0]

    @property
    def part(self) -> str:
        """Which part of the file is read; "" for the whole, or its usual part."""
        return self.key.partition("=")[2]


@dataclass(frozen=True)
class SoundTrack:
    """One sound track of a file.

    Parameters
    ----------
    number : 1, 2, … in the order of the file
    codec : FFmpeg's name of the codec
    rate_hz : samples per second
    channels : number of channels
    language : ISO 639 code; "" where the file states none
    title : title in the file; may be ""
    """

    number: int
    codec: str
    rate_hz: int
    channels: int
    language: str = ""
    title: str = ""

    @property
    def label(self) -> str:
        """Label for lists, e.g. "2 · deu · Commentary · aac, 2 channels"."""
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        parts = (str(self.number), self.language, self.title, f"{self.codec}, {channels}")
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True)
class Media:
    """A recognised file or camera; nothing is decoded yet.

    Parameters
    ----------
    id : identity: hash of size, modification time, head, middle and tail of the file, then its kind, then after a "+"
        the reading where the kind does not tell it, and the settings that differ from their defaults
    size : of the picture, frame or depth map in pixels; None for other kinds
    duration_secs, frame_count, frame_rate : of a video or sound, where known; frames per second
    rate_hz : samples per second of the sound; 0 without sound
    channels : number of sound channels; 0 without sound
    details : short facts for the user, e.g. {"codec": "h264"}
    format : key of the `Format` that reads it
    settings : read settings that differ from their defaults, by name
    sound_tracks : every track that can be decoded; `rate_hz` and `channels` are those of the chosen track
    readings : what the file may be read as, the likeliest first; empty where its content leaves nothing open
    reading : the chosen one of them; None where there are none
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
    readings: tuple[Reading, ...] = ()
    reading: Reading | None = None

    def __post_init__(self) -> None:
        # No field: copies with another reading share it.
        object.__setattr__(self, "_protection", shared_protection(self.path, self.content_id))

    @property
    def file_id(self) -> str:
        """The id without reading and settings: equal for one file of one kind, however it is read."""
        # Only these add a "+"; without them it belongs to the path in the id of a simulated camera.
        return self.id.partition("+")[0] if self.settings or self.reading else self.id

    @property
    def content_id(self) -> str:
        """The id of the file alone: equal for one file opened as different kinds."""
        return self.file_id.removesuffix(f"-{self.kind}")

    @property
    def read_as(self) -> str:
        """Key of the reading."""
        return self.reading.key if self.reading is not None else PLAIN_READINGS[self.kind]

    @property
    def reading_chosen(self) -> bool:
        """Whether it is read as something else than what is likeliest."""
        return bool(self.readings) and self.read_as != self.readings[0].key

    def with_choices(self, reading: Reading | None, settings: Mapping[str, Any]) -> Media:
        """This medium with another reading of its kind and other settings, and the id that tells them."""
        choices = [f"+{name}={value}" for name, value in sorted(settings.items())]
        if reading is not None and reading.key != PLAIN_READINGS[self.kind]:
            choices.insert(0, f"+read_as={reading.key}")
        return dataclasses.replace(self, id=self.file_id + "".join(choices), reading=reading, settings=settings)

    @property
    def moving(self) -> bool:
        """Whether it is a sequence of frames."""
        return self.kind in (MediaKind.VIDEO, MediaKind.CAMERA)

    def key(self, pts: float | None) -> tuple[str, float | None]:
        """Key for requests: the id and, where the medium is moving, the presentation time in seconds."""
        return self.id, pts if self.moving else None

    @property
    def has_sound(self) -> bool:
        return self.rate_hz > 0

    @property
    def name(self) -> str:
        """File name for display; see `shown_name`."""
        return shown_name(self.path.name)


class BaseReader(Closeable):
    """Base of the readers of one medium. Used by one thread only: each lane opens its own."""


class DraftReader(BaseReader):
    """Base of the readers of pictures that a coarser one is quicker to make of."""

    def draft(self) -> Image:
        """The picture at about half its size, or whole where that is as quick. Raises MediaError."""
        raise NotImplementedError


class MovingReader(BaseReader):
    """Base of the readers of moving pictures."""

    def step(self, pts: float, direction: int) -> Frame:
        """The frame after (+1) or before (-1) the one shown at `pts` seconds; at either end, that one itself.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        ValueError
            `direction` is neither 1 nor -1.
        """
        if direction not in (1, -1):
            raise ValueError(f"expected a direction of 1 or -1, found {direction}")
        return self._neighbour(pts, direction)

    def _neighbour(self, pts: float, direction: int) -> Frame:
        raise NotImplementedError

    def frame_times(self) -> Sequence[float]:
        """When each frame begins, as its `pts` says: in seconds, ascending. Nothing is decoded where the file states
        the times, and the position is kept. Raises MediaError."""
        raise NotImplementedError


def _no_settings(media: Media) -> tuple[Field, ...]:
    return ()


def _unchanged(media: Media) -> Media:
    return media


def _no_facts(media: Media, sample: Any) -> Iterable[tuple[str, str]]:
    return ()


@dataclass(frozen=True)
class Format:
    """How a kind of file is recognised and read. Registered by the files of `cvstudio.media.formats`.

    Parameters
    ----------
    key, kind, title : identifier, kind of the media, name for users
    suffixes : usual file name endings with their dot; empty for cameras, and where it promises another kind
    probe : callable (path, head, id, forced) -> Media, or None where the content is of another format. `head` is the
        first 4 KiB; `forced` says that the user chose this kind. Raises MediaError where the file is damaged. Where
        the content leaves open what it is, `readings` of the medium tell it, those of other formats, too
    reader : callable (media) -> open reader; raises MediaError
    order : formats are probed in ascending order
    settings : class of the read settings; None where there are none
    settings_for : callable (media) -> the settings that apply to one medium, with the choices that it offers
    configure : callable (media) -> the medium with what its settings change (unit, sample rate …); reads no file
    facts : callable (media, sample or None) -> further facts as (title, text); may be slow. Raises MediaError
    offers : names of the readings that it may offer; empty for the plain one of its kind
    read_as : callable (media) -> the medium as its reading has it (size, channels, facts), called with each new one;
        may read the file. Raises MediaError
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
    offers: tuple[str, ...] = ()
    read_as: Callable[[Media], Media] = _unchanged

    @property
    def reading_names(self) -> tuple[str, ...]:
        """Names of the readings that it may offer."""
        return self.offers or (PLAIN_READINGS[self.kind],)
