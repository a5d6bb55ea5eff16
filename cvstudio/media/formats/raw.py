"""RAW photographs: developed, or the preview that the camera has put into them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.params import Choices, Doc, Field, fields_of
from cvstudio.media.base import DraftReader, Format, Media, MediaKind, Reading
from cvstudio.media.file_identity import FileGuard, damaged, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.pictures.raw import RawPhoto, begins_own, describe_raw, develop, raw_form, read_levels, read_preview
from cvstudio.media.pictures.raw_workers import available, undeveloped_reason

_AUTOMATIC = "automatic"
DEVELOPED = Reading("picture", MediaKind.IMAGE, "Developed", "The numbers of the sensor are developed to a picture.")
PREVIEW = Reading(
    "picture=preview", MediaKind.IMAGE, "Embedded preview", "The picture that the camera has put into the file."
)


@dataclass(frozen=True)
class RawSettings:
    """How a RAW photograph is developed."""

    raw_brightness: Annotated[
        str,
        Choices(("exposed", _AUTOMATIC), ("As exposed", "Automatic")),
        Doc(
            "Brightness",
            "How bright the picture is developed: as exposed, or so that a hundredth of it is white.",
            "Automatic is nearer to what the camera shows.",
        ),
    ] = "exposed"


class RawReader(DraftReader):
    """Reads one RAW photograph, as its reading says.

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        self._media = media
        self._guard = FileGuard(media)

    def read(self) -> Image:
        """Develop the photograph, or decode its preview: uint8, sRGB, upright.

        Raises
        ------
        MediaError
            The file is damaged, or was removed or changed since.
        """
        return self._read(half=False)

    def draft(self) -> Image:
        return self._read(half=True)

    def _read(self, *, half: bool) -> Image:
        self._guard.check()
        media = self._media
        if _is_preview(media):
            return read_preview(media.path)
        bright = RawSettings(**media.settings).raw_brightness == _AUTOMATIC
        return develop(media.path, media.details["format"], bright=bright, half=half)


def _is_preview(media: Media) -> bool:
    return media.reading is not None and media.reading.part == PREVIEW.part


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    form = raw_form(path, head)
    photo = describe_raw(path, form) if form and available() else None
    if photo is not None:
        readings = (DEVELOPED, PREVIEW) if photo.preview is not None else ()
        details = {"format": form, "bits": "8, developed", "channels": "RGB", "pages": _preview_fact(photo)}
        details = {key: text for key, text in details.items() if text}
        return Media(identity, path, MediaKind.IMAGE, photo.size, details=details, readings=readings)
    if begins_own(head):
        raise MediaError(
            f"{quoted(path)} is a RAW photograph, which cannot be developed, as {undeveloped_reason()}; save it as "
            "TIFF or JPEG with the program of the camera."
        )
    return None  # its preview is a page of a TIFF


def _preview_fact(photo: RawPhoto) -> str:
    if photo.preview is None:
        return ""
    width, height = photo.preview
    return f"the photograph, developed, and a preview of {width} × {height}"


def _read_as(media: Media) -> Media:
    if not _is_preview(media):
        return media
    form = media.details["format"]
    photo = describe_raw(media.path, form)
    if photo is None or photo.preview is None:
        raise damaged(media.path)
    width, height = photo.size
    details = {**media.details, "bits": "8", "pages": f"the preview; the photograph has {width} × {height}"}
    return dataclasses.replace(media, size=photo.preview, details=details)


def _settings_for(media: Media) -> tuple[Field, ...]:
    return () if _is_preview(media) else fields_of(RawSettings)


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    """How it is developed. Raises MediaError."""
    if _is_preview(media):
        return
    levels = read_levels(media.path)
    if levels.mosaic:
        yield "Sensor", f"{levels.mosaic}, white is {levels.white:,}" if len(levels.mosaic) > 1 else "grey"
    balance = "the camera" if levels.balanced else "daylight, as the camera states none"
    bright = RawSettings(**media.settings).raw_brightness == _AUTOMATIC
    exposure = "brightened automatically" if bright else "as exposed"
    yield "Developed", f"white balance of {balance}, sRGB, {exposure}, by LibRaw {levels.libraw}"


FORMATS.register(
    Format(
        key="raw",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2", ".pef", ".srw"),
        probe=_probe,
        reader=RawReader,
        read_as=_read_as,
        facts=_facts,
        settings=RawSettings,
        settings_for=_settings_for,
        order=9,
    )
)
