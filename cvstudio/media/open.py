"""Opens any medium by what it holds, whatever it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cvstudio.errors import MediaError
from cvstudio.media import audio, depth, image, video
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.camera import CameraReader, pretended
from cvstudio.media.identity import HEAD_BYTES, decoding, find_file, media_id, quoted

FORMATS: tuple[Format, ...] = tuple(
    sorted((depth.FORMAT, image.FORMAT, video.FORMAT, audio.FORMAT), key=lambda entry: entry.order)
)


def open_media(path: str | os.PathLike[str], *, kind: MediaKind | None = None) -> Media:
    """Recognise a file by its content; its suffix does not matter.

    Parameters
    ----------
    path : a file; a name in the other Unicode normal form than the one on disk is found, too
    kind : what the user says that it is: a picture of 8 bits can be a disparity map, a depth map can be looked at
        as a picture, a video as its sound, a video or a folder of pictures as a camera. None lets the content decide.

    Raises
    ------
    MediaError
        The file is missing, a folder, empty, not readable, damaged, absurdly large, of no known format, or not of
        the kind that was asked for. One sentence.
    """
    if kind is MediaKind.CAMERA:
        return pretended(Path(path))
    found = find_file(path)
    with decoding(found), found.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if kind is None:
        for entry in FORMATS:
            media = entry.probe(found, head, media_id(found, entry.kind), False)
            if media is not None:
                return media
        known = "; ".join(f"{entry.title}s ({' '.join(entry.suffixes)})" for entry in FORMATS)
        raise MediaError(f"{quoted(found)} is of no known format; choose one of these: {known}.")
    wanted = _format(kind)
    media = wanted.probe(found, head, media_id(found, kind), True)
    if media is None:
        held = _format(open_media(found).kind)
        raise MediaError(f"{quoted(found)} is a {held.title}, but a {wanted.title} is needed; choose another file.")
    return media


def open_reader(media: Media) -> Any:
    """The reader of `media`: an ImageReader, DepthReader, VideoReader, AudioReader or CameraReader, for one thread.

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """
    if media.kind is MediaKind.CAMERA:
        return CameraReader(media)
    return _format(media.kind).reader(media)


def _format(kind: MediaKind) -> Format:
    return next(entry for entry in FORMATS if entry.kind is kind)
