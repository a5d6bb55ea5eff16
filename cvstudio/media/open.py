"""Opening media of any format, recognised by content and not by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvstudio.foundation.errors import MediaError, ReadingError
from cvstudio.media.base import PLAIN_READINGS, Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, decoding, find_file, media_id, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.reading import check_reading, settings_fields, with_settings
from cvstudio.media.unread import check_name, check_read

_LISTED = 12


def open_media(
    path: str | os.PathLike[str],
    *,
    kind: MediaKind | None = None,
    read_as: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Media:
    """Recognise a file by its content; its suffix does not matter.

    Parameters
    ----------
    path : of a file; a name in another Unicode normal form than on disk is found, too
    kind : chosen by the user where the content allows several: an 8-bit picture may be a disparity map, a depth map
        may be opened as a picture, a video as its sound. It is read as the kind says, such as a picture and not as
        labels. None lets the content decide
    read_as : key of one of the `readings` that the file offers, e.g. "picture", "depth" or "labels"; of a name alone
        the likeliest part. Empty takes the likeliest reading
    settings : read settings by name; see `cvstudio.media.reading`

    Raises
    ------
    MediaError
        The file is missing, a folder, empty, not readable, damaged, absurdly large, of no known format, or not of
        the requested kind; `ReadingError` where it cannot be read as `read_as`.
    ParamsError
        The medium has no such setting, or the value is not allowed; or no file is ever read as `read_as`.
    """
    existing = find_file(path)
    with decoding(existing), existing.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = None if kind is None else MediaKind(kind)
    if kind is None:
        check_read(existing, head)
    media = _recognise_as(existing, head, read_as) if read_as else _recognise(existing, head, kind)
    if media is None and kind is None:
        check_name(existing)
        if _is_table(existing, head):
            raise MediaError(
                f"{quoted(existing)} is a table of numbers; to open it as points, let its name end in .xyz."
            )
        raise MediaError(
            f"{quoted(existing)} is of no known format; choose a picture, video, sound, depth map, 3D file or project."
        )
    if media is None or kind not in (None, media.kind):
        needed = next(entry for entry in FORMATS if entry.kind is kind)
        other = FORMATS[media.format if media else open_media(existing).format]
        choose = "read it as something else" if read_as else "choose another file"
        raise MediaError(f"{quoted(existing)} is a {other.title}, but a {needed.title} is needed; {choose}.")
    return with_settings(media, settings) if settings else media


def read_again(media: Media, read_as: str) -> Media:
    """Open the file of `media` with another reading; settings that it has, too, are kept where they mean the same: in
    a reading of the same kind, and of the formats of one file, such as a generated scene and its depth.

    Raises
    ------
    MediaError
        The file cannot be read so, or was removed.
    ParamsError
        No file is ever read so.
    """
    other = open_media(media.path, read_as=read_as)
    same = other.kind is media.kind or FORMATS[other.format].settings is FORMATS[media.format].settings
    names = {field.name for field in settings_fields(other)} if same else set()
    kept = {name: value for name, value in media.settings.items() if name in names}
    return with_settings(other, kept) if kept else other


def _recognise(path: Path, head: bytes, kind: MediaKind | None) -> Media | None:
    for entry in FORMATS:
        if kind is None or entry.kind is kind:
            media = entry.probe(path, head, media_id(path, entry.kind), kind is not None)
            if media is not None:
                named = (reading.key for reading in media.readings if reading.name == PLAIN_READINGS[entry.kind])
                return _read_as(entry, media, "" if kind is None else next(named, ""))
    return None


def _is_table(path: Path, head: bytes) -> bool:
    """Whether a file of unknown name holds columns of numbers, which may be points."""
    points = FORMATS["geometry"].probe(path, head, media_id(path, MediaKind.GEOMETRY), True)
    return points is not None and points.details.get("format") == "XYZ"


def _recognise_as(path: Path, head: bytes, key: str) -> Media:
    name, _, part = key.partition("=")
    check_reading(key)
    for entry in FORMATS:
        if name not in entry.reading_names:
            continue
        media = entry.probe(path, head, media_id(path, entry.kind), True)
        if media is None:
            continue
        keys = [reading.key for reading in media.readings if reading.kind is entry.kind and reading.name == name]
        plain = not media.readings and key == PLAIN_READINGS[entry.kind]
        if key in keys or (keys and not part) or plain:
            return _read_as(entry, media, key)
    usual = _recognise(path, head, None)
    if usual is None:
        raise MediaError(f"{quoted(path)} is of no known format, so it cannot be read as {key}; choose another file.")
    keys = [reading.key for reading in usual.readings] or [usual.read_as]
    offered = ", ".join(keys[:_LISTED])
    if len(keys) > _LISTED:
        offered += f" and {len(keys) - _LISTED} more, up to {keys[-1]}"
    raise ReadingError(f"{quoted(path)} cannot be read as {key}; it can be read as {offered}.")


def _read_as(entry: Format, media: Media, key: str) -> Media:
    """A recognised medium with the reading `key`, else the likeliest of that name, else the likeliest of its kind."""
    media = dataclasses.replace(media, format=entry.key)
    readings = [reading for reading in media.readings if reading.kind is media.kind]
    if not readings:
        return media
    # The sort is stable: the likeliest stays first.
    readings.sort(key=lambda reading: (reading.key != key, reading.name != key))
    return entry.read_as(media.with_choices(readings[0], {}))


def open_reader(media: Media) -> Any:
    """Open a reader of `media`, for one thread: an ImageReader, DepthReader, VideoReader, AudioReader, CameraReader …

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """
    return _format(media).reader(media)


def _format(media: Media) -> Format:
    return FORMATS[media.format] if media.format else next(entry for entry in FORMATS if entry.kind is media.kind)
