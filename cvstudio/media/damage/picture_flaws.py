"""Damage within the data of a picture, over which decoders pass: part of it is grey, shifted or in false colours."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from cvstudio.foundation.native_messages import Messages
from cvstudio.media.file_identity import decoding
from cvstudio.media.pictures.jpeg import closed, decodes, picture_end
from cvstudio.media.pictures.opencv import imdecode
from cvstudio.media.pictures.tiff import jpeg_segments, missing_segments

FLAW = "some of its data are wrong, so that part of the picture is"
_PADDING_BYTES = 32
"""Bytes that cameras leave in front of the end marker of a whole picture."""
_CORRUPT = re.compile(r"Corrupt JPEG data: (?:(\d+) extraneous bytes before marker 0x(\w\w))?")
_ZEROS = re.compile(rb"\0{512,}")
_MOST_SEGMENTS = 64
_TRIES = 3
_LOSSY, _SIDE = re.compile(rb"VP8 (?=.{14})", re.DOTALL), 0x3FFF
_BLOCK_PIXELS, _BLOCKS_A_BYTE = 256, 40
"""In a plain picture a coder of VP8 spends a seventh of a bit on a block: zeros of many blocks are data."""
_LOSSLESS_ZEROS = 4096


def picture_flaw(path: Path, form: str, page: int = 0) -> str:
    """What is told of damage within the data of a picture of the format `form`, as a clause; "" where none is seen.

    `page` is that of a TIFF, or 0 for the usual one. Raises MediaError where the file cannot be read.
    """
    if form == "JPEG":
        with decoding(path):
            return FLAW if _is_wrong(path.read_bytes()) else ""
    if form == "TIFF":
        missing, count = missing_segments(path, page)
        if missing:
            return f"{missing:,} of {count:,} strips or tiles are missing and black"
        with decoding(path):
            return FLAW if any(map(_is_wrong, islice(jpeg_segments(path, page), _MOST_SEGMENTS))) else ""
    if form == "WebP":
        with decoding(path):
            return FLAW if any(_zeros_of_webp(path.read_bytes())) else ""
    return ""


def gif_flaw(path: Path) -> str:
    """What is told of an animated GIF whose blocks do not follow one another up to its end (GIF89a, appendix A): "" for
    a whole one. FFmpeg shows the pictures in front of it and says nothing. Raises MediaError."""
    with decoding(path):
        data = path.read_bytes()
        position = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
        while (kind := data[position : position + 1]) in (b"!", b","):
            flags = data[position + 9] if kind == b"," and position + 9 < len(data) else 0
            position += 2 if kind == b"!" else 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
            while position < len(data) and data[position]:
                position += 1 + data[position]
            position += 1
    return "" if kind == b";" else "it breaks off, so that pictures at its end may be missing"


def says_damaged(messages: Messages) -> bool:
    """Whether libjpeg has found wrong data."""
    return any(found[2] != "d9" or int(found[1]) > _PADDING_BYTES for found in _CORRUPT.finditer(messages.text))


def _is_wrong(data: bytes) -> bool:
    """Whether FFmpeg refuses the data of a JPEG where it is to be strict, or libjpeg has a word to say."""
    import cv2

    data = closed(data[: picture_end(data).position])
    if decodes(data, strict=False) and not decodes(data, strict=True):
        return True
    for _ in range(_TRIES):
        _, messages = imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)
        if messages.alone or not messages.text:
            return says_damaged(messages)
    return False


def _zeros_of_webp(data: bytes) -> Iterator[bool]:
    """For each stretch of zeros whether it is more than a plain picture has: a sector that was never written."""
    lossless = data.find(b"VP8L") >= 0
    for stretch in _ZEROS.finditer(data):
        length = stretch.end() - stretch.start()
        yield length >= _LOSSLESS_ZEROS if lossless else length * _BLOCKS_A_BYTE * _BLOCK_PIXELS >= _n_pixels(data)


def _n_pixels(data: bytes) -> int:
    """Number of pixels of the largest frame of a lossy WebP (RFC 6386, 9.1)."""
    sizes = (struct.unpack("<2H", data[found.end() + 10 : found.end() + 14]) for found in _LOSSY.finditer(data))
    return max(((width & _SIDE) * (height & _SIDE) for width, height in sizes), default=0)
