"""Bytes behind the end of a file, which phones, programs and people append: a video, an archive, notes."""

from __future__ import annotations

import re

VIDEO = re.compile(rb"\0\0\0.ftyp(?:mp4|iso|qt)", re.DOTALL)
"""How an appended video begins, such as that of a motion photo."""
_SAMSUNG = re.compile(rb"\0\0..(.)\0\0\0(\w{4,40})", re.DOTALL)
"""A block of Samsung's trailer: its type, the length of its name, the name (ExifTool's Samsung.pm)."""
_SAMSUNG_INDEX = b"SEFH"
_KINDS = (
    (VIDEO, "a video"),
    (re.compile(rb"PK\x03\x04|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c"), "an archive"),
    (re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|RIFF....WEBP|GIF8[79]a", re.DOTALL), "another picture"),
)
_FILL = b"\0 \t\r\n\x1a\xff"
"""Bytes with which programs fill up a file."""


def trailer_start(data: bytes, start: int, stop: int) -> int | None:
    """Where a video or Samsung's trailer begins in `data` from `start` to `stop`; None where there is none."""
    places = []
    # Searched first, as plain bytes are found in no time.
    if data.find(b"ftyp", start, stop) >= 0:
        places += [video.start() for video in [VIDEO.search(data, start, stop)] if video]
    if (index := data.find(_SAMSUNG_INDEX, start)) >= 0:
        blocks = _SAMSUNG.finditer(data, start, stop)
        places += [block.start() for block in blocks if len(block[2]) >= block[1][0] >= 4][:1] or [index]
    return min((place for place in places if place < stop), default=None)


def appended_fact(data: bytes, noun: str, n_bytes: int = 0) -> str:
    """What is told of `data` behind the end of a picture or another `noun`; "" for none, or mere filling.

    Where only the beginning of them was read, `n_bytes` is their number.
    """
    if not data.strip(_FILL):
        return ""
    kind = next((name for pattern, name in _KINDS if pattern.search(data)), "")
    if not kind and trailer_start(data, 0, len(data)) is not None:
        kind = "notes of a Samsung phone"
    return f"{n_bytes or len(data):,} bytes behind the {noun}" + (f" ({kind})" if kind else "")
