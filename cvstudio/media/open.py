"""Opens any medium by what it holds, whatever it is called."""

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


def open_media(
    path: str | os.PathLike[str], *, kind: MediaKind | None = None, settings: Mapping[str, Any] | None = None
) -> Media:
    """Recognise a file by its content; its suffix does not matter.

    Parameters
    ----------
    path : a file; a name in the other Unicode normal form than the one on disk is found, too
    kind : what the user says that it is: a picture of 8 bits can be a disparity map, a depth map can be looked at
        as a picture, a video as its sound. None lets the content decide.
    settings : how it is to be read, by name; see `cvstudio.media.reading`

    Raises
    ------
    MediaError
        The file is missing, a folder, empty, not readable, damaged, absurdly large, of no known format, or not of
        the kind that was asked for. One sentence.
    ParamsError
        It has no such setting.
    """
    found = find_file(path)
    with decoding(found), found.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = None if kind is None else MediaKind(kind)
    media = _recognise(found, head, kind)
    if media is None and kind is None:
        raise MediaError(f"{quoted(found)} is of no known format; choose one of these: {_known()}.")
    if media is None:
        wanted = next(entry for entry in FORMATS if entry.kind is kind)
        held = FORMATS[open_media(found).format]
        raise MediaError(f"{quoted(found)} is a {held.title}, but a {wanted.title} is needed; choose another file.")
    return with_settings(media, settings) if settings else media


def _recognise(path: Path, head: bytes, kind: MediaKind | None) -> Media | None:
    for entry in FORMATS:
        if kind is None or entry.kind is kind:
            media = entry.probe(path, head, media_id(path, entry.kind), kind is not None)
            if media is not None:
                return dataclasses.replace(media, format=entry.key)
    return None


def _known() -> str:
    suffixes: dict[str, list[str]] = {}
    for entry in FORMATS:
        if not entry.suffixes:
            continue  # a camera is no file
        suffixes.setdefault(entry.title, []).extend(entry.suffixes)
    return "; ".join(f"{title}s ({' '.join(dict.fromkeys(found))})" for title, found in suffixes.items())


def open_reader(media: Media) -> Any:
    """The reader of `media`, for one thread: an ImageReader, DepthReader, VideoReader, AudioReader, GeometryReader,
    CameraReader …

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """
    return _format(media).reader(media)


def _format(media: Media) -> Format:
    return FORMATS[media.format] if media.format else next(entry for entry in FORMATS if entry.kind is media.kind)
