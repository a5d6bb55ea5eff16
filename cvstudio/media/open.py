"""Opening media of any format, recognised by content and not by name."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, decoding, find_file, media_id, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.reading import with_settings
from cvstudio.media.unread import check_name, check_read


def open_media(
    path: str | os.PathLike[str], *, kind: MediaKind | None = None, settings: Mapping[str, Any] | None = None
) -> Media:
    """Recognise a file by its content; its suffix does not matter.

    Parameters
    ----------
    path : of a file; a name in another Unicode normal form than on disk is found, too
    kind : chosen by the user where the content allows several: an 8-bit picture may be a disparity map, a depth map
        may be opened as a picture, a video as its sound. None lets the content decide
    settings : read settings by name; see `cvstudio.media.reading`

    Raises
    ------
    MediaError
        The file is missing, a folder, empty, not readable, damaged, absurdly large, of no known format, or not of
        the requested kind.
    ParamsError
        The medium has no such setting, or the value is not allowed.
    """
    existing = find_file(path)
    with decoding(existing), existing.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = None if kind is None else MediaKind(kind)
    if kind is None:
        check_read(existing, head)
    media = _recognise(existing, head, kind)
    if media is None and kind is None:
        check_name(existing)
        raise MediaError(
            f"{quoted(existing)} is of no known format; choose a picture, video, sound, depth map, 3D file or project "
            "(`cvstudio info --help` lists the endings)."
        )
    if media is None:
        needed = next(entry for entry in FORMATS if entry.kind is kind)
        other = FORMATS[open_media(existing).format]
        raise MediaError(f"{quoted(existing)} is a {other.title}, but a {needed.title} is needed; choose another file.")
    return with_settings(media, settings) if settings else media


def _recognise(path: Path, head: bytes, kind: MediaKind | None) -> Media | None:
    for entry in FORMATS:
        if kind is None or entry.kind is kind:
            media = entry.probe(path, head, media_id(path, entry.kind), kind is not None)
            if media is not None:
                return dataclasses.replace(media, format=entry.key)
    return None


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
