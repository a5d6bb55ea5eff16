"""JPEGs that were cut short and closed with an end marker of their own, as cards and downloads leave them, and whole
ones that only lack the marker, as cameras of industry write them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cvstudio.media.appended import trailer_start
from cvstudio.media.file_identity import decoding
from cvstudio.media.pictures.opencv import imdecode

MARKER = re.compile(rb"\xff([^\0\xd0-\xd7\xff])", re.DOTALL)
"""A marker within the scans of a JPEG: not a byte of data, a restart or a fill byte."""
END = b"\xff\xd9"
_START_OF_IMAGE, _END_OF_IMAGE, _SCAN = 0xD8, 0xD9, 0xDA
_SEGMENTS = (*range(0xC0, 0xD0), _SCAN, *range(0xDB, 0xE0), *range(0xE0, 0x100))
"""Markers that a segment with its length follows."""
_LAST_BLOCKS, _COEFFICIENTS = 4, 64
_FILLED_BYTES = 16
"""Zeros at the end of a file that was laid out before it came: no data of a JPEG end in as many."""


def ends_early(path: Path, *, progressive: bool) -> bool:
    """Whether the data of a JPEG end before its last pixels, although an end marker stands behind them.

    libjpeg, and OpenCV with it, fills up the rest in grey and says nothing. FFmpeg counts the bits that it reads
    beyond the data, but that takes as long as reading the picture: it is asked only where the last blocks have one and
    the same level, as those that were filled up.

    Parameters
    ----------
    progressive : whether the blocks are spread over several scans, of which the last ones may be missing, too
    """
    with decoding(path):
        data = path.read_bytes()
        if progressive and _lacks_scans(data):
            return True
        return (progressive or _ends_flat(data)) and not decodes(data, strict=True) and decodes(data, strict=False)


@dataclass(frozen=True)
class PictureEnd:
    """Where the first picture of a JPEG ends.

    Parameters
    ----------
    position : of the first byte behind it, its end marker included
    marked : whether it has one
    """

    position: int
    marked: bool


def picture_end(data: bytes) -> PictureEnd:
    """Where the first picture in `data` of a JPEG ends.

    Behind a picture without an end marker there may be other bytes: another picture, which has an end marker of its
    own, or a trailer of a phone, in which one stands by chance.
    """
    position, scans = 2, 0
    end = odd = None
    while end is None and (marker := MARKER.search(data, position)):
        code, position = marker[1][0], marker.end()
        if code == _END_OF_IMAGE:
            end = PictureEnd(position, True)
        elif code == _START_OF_IMAGE:
            end = PictureEnd(marker.start(), False)
        elif code in _SEGMENTS:
            count = int.from_bytes(data[position : position + 2], "big")
            if scans and b"\xff\xd8\xff" in data[position : position + count]:
                end = PictureEnd(marker.start(), False)
            if scans and odd is None and not _is_between_scans(code, count, data[position + 2 : position + 3]):
                odd = marker.start()
            if code == _SCAN:
                scans = scans or position
            position += count
        elif scans and odd is None:
            odd = marker.start()
    stop = end.position if end else len(data)
    if scans and (trailer := trailer_start(data, scans, stop)) is not None:
        end, stop = None, trailer
    if end is not None and end.marked:
        return end
    # Without an end marker no data are beyond what is no marker of a scan.
    return PictureEnd(_without_filling(data, stop if odd is None else min(odd, stop)), False)


def _is_between_scans(code: int, count: int, body: bytes) -> bool:
    """Whether a segment of `count` bytes with a `body` that begins so may stand between scans (ITU T.81, B.2.4)."""
    first = body[0] if body else 0
    if code == _SCAN:
        return 1 <= first <= 4 and count == 6 + 2 * first
    if code in (0xC4, 0xDB):  # tables
        return first >> 4 <= 1 and first & 15 <= 3
    return code in (0xDC, 0xDD) and count == 4  # number of lines, restart interval


def _without_filling(data: bytes, stop: int) -> int:
    """`stop`, or where the zeros in front of it begin, if they are so many that no data of a JPEG end in them."""
    begin = len(data[:stop].rstrip(b"\0"))
    if stop - begin < _FILLED_BYTES:
        return stop
    # The first zero behind 255 says that it is data.
    return begin + (data[begin - 1 : begin] == b"\xff")


def closed(data: bytes) -> bytes:
    """`data` of a JPEG up to an end marker: without one OpenCV loses the last rows, and Pillow refuses."""
    end = picture_end(data)
    return data if end.marked else data[: end.position] + END


def is_complete(data: bytes) -> bool:
    """Whether the data of a JPEG without an end marker reach its last pixel: then nothing behind them changes it."""
    data = data.rstrip(b"\xff")
    if data.endswith(bytes(_FILLED_BYTES)) or _lacks_scans(data):
        return False
    return _pixels(data + b"\0" * 64 + END) == _pixels(data + b"\xfe" * 64 + END) != b""


def _pixels(data: bytes) -> bytes:
    """The pixels of a JPEG; b"" where there are none. Pillow, unlike OpenCV, prints nothing of odd data."""
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        with JpegImageFile(io.BytesIO(data)) as file:
            return file.tobytes()
    except (OSError, SyntaxError, ValueError):
        return b""


def _lacks_scans(data: bytes) -> bool:
    """Whether coefficients of a component never reach their last bit (ITU T.81, G.1.1.1)."""
    open_bits: dict[int, set[int]] = {}
    position = 2
    while marker := MARKER.search(data, position):
        code, position = marker[1][0], marker.end()
        if code == 0xD9:
            break
        body = data[position + 2 : position + int.from_bytes(data[position : position + 2], "big")]
        position += 2 + len(body)
        if code == 0xC2 and len(body) > 5:
            open_bits = {component: set(range(_COEFFICIENTS)) for component in body[6 : 6 + 3 * body[5] : 3]}
        elif code == 0xDA and body and len(body) >= 4 + 2 * body[0]:
            first, last, bits = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            if bits & 15 == 0:
                for component in body[1 : 1 + 2 * body[0] : 2]:
                    open_bits.get(component, set()).difference_update(range(first, last + 1))
    return any(open_bits.values())


def _ends_flat(data: bytes) -> bool:
    """Whether the last blocks have the same mean; a scale of 1/8 shows the means of all blocks."""
    import cv2

    means, _ = imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION)
    if means is None:
        return False
    return means.shape[1] <= _LAST_BLOCKS or bool(np.ptp(means[-1, -_LAST_BLOCKS:]) == 0)


def _without_notes(data: bytes) -> bytes:
    """`data` without the notes of programs in front of the picture (APP0 to APP15, COM), which may be wrong in a good
    file."""
    kept, position = [data[:2]], 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        code, count = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if code == 0xDA:
            break
        if not (0xE0 <= code <= 0xEF or code == 0xFE):
            kept.append(data[position : position + 2 + count])
        position += 2 + count
    return b"".join([*kept, data[position:]])


def decodes(data: bytes, *, strict: bool) -> bool:
    """Whether FFmpeg decodes the JPEG `data`; `strict` lets it refuse what is wrong anywhere."""
    import av

    context = av.CodecContext.create("mjpeg", "r")
    context.options = {"err_detect": "explode"} if strict else {}
    try:
        return bool(context.decode(av.Packet(_without_notes(data))))
    except av.FFmpegError:
        return False
