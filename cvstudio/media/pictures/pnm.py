"""Netpbm files with a maximum other than 255 or 65535, which OpenCV scales inconsistently."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.file_identity import decoding

FULL = (255, 65535)
_GAP = rb"(?:\s|#[^\n]*\n)+"
_HEADER = re.compile(rb"P([2356])" + _GAP.join((b"", rb"(\d{1,9})", rb"(\d{1,9})", rb"(\d{1,5})")) + rb"\s")


def odd_levels(path: Path, data: bytes) -> tuple[NDArray[Any], int] | None:
    """Levels of a file and its white (Maxval), after the Netpbm manual's ppm(5) and pgm(5).

    Returns
    -------
    levels : uint8 or uint16, whichever holds the white, (H, W) or RGB (H, W, 3)
    white : the level that means white
        None in place of both where `data` is no such file, or its white is 255 or 65535.

    Raises
    ------
    MediaError
        The file is truncated.
    """
    header = _HEADER.match(data)
    if header is None or int(header[4]) in FULL:
        return None
    kind, width, height, white = (int(part) for part in header.groups())
    shape = (height, width, 3) if kind in (3, 6) else (height, width)
    count = int(np.prod(shape))
    dtype = np.uint8 if white <= 255 else np.uint16
    with decoding(path):
        if kind <= 3:
            texts = re.sub(rb"#[^\n]*", b"", data[header.end() :]).split()[:count]
            levels = np.array(texts, np.int64)
        else:
            levels = np.frombuffer(data, np.dtype(dtype).newbyteorder(">"), count, header.end()).astype(np.int64)
        return np.clip(levels, 0, white).astype(dtype).reshape(shape), white


def stretched(levels: NDArray[Any], white: int) -> NDArray[Any]:
    """`levels`, uint8 or uint16, scaled so that `white` becomes the largest value of the type; rounded."""
    top = np.iinfo(levels.dtype).max
    return ((levels.astype(np.uint32) * top + white // 2) // white).astype(levels.dtype)
