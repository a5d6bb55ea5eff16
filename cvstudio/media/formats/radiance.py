"""Linear light of high dynamic range: Radiance pictures (RGBE, .hdr), and float maps of three channels (PF).

For float maps of one channel see depth.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, check_size, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.formats.image import decode

_MAGIC = re.compile(rb"#\?(?:RADIANCE|RGBE)\b")
# The only layout in use: rows from top to bottom, columns from left to right.
_RESOLUTION = re.compile(rb"\n\n-Y (\d{1,9}) \+X (\d{1,9})\n")
_EXPOSURE = re.compile(rb"^EXPOSURE=\s*([-+.\deE]{1,24})\s*$", re.MULTILINE)
# A row needs at least this many bytes: its marker, and a run for each 127 pixels of four channels.
_ROW_BYTES = 4
_MAP = re.compile(rb"PF\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,24})(?:\r\n|\s)")
_PIXEL_BYTES = 12


def _header(path: Path, head: bytes) -> tuple[Size, float]:
    """Size, and the exposure by which the stored values are multiplied. Raises MediaError."""
    resolution = _RESOLUTION.search(head)
    if resolution is None:
        if b"\n\n" in head:
            raise MediaError(f"{quoted(path)} stores its rows in an unusual order; save it again from another program.")
        raise damaged(path)
    size = Size(int(resolution[2]), int(resolution[1]))
    check_size(path, size)
    if resolution.end() + size.height * _ROW_BYTES > path.stat().st_size:
        raise damaged(path)
    exposure = 1.0
    for value in _EXPOSURE.findall(head[: resolution.start()]):
        with decoding(path):
            exposure *= float(value)  # each program that changed the exposure has added a line
    if not exposure > 0 or not np.isfinite(exposure):
        raise damaged(path)
    return size, exposure


def read_radiance(path: Path) -> Image:
    """Decode the picture.

    Returns
    -------
    Image
        float32 RGB in linear light, divided by the file's EXPOSURE: the measured radiance.

    Raises
    ------
    MediaError
        The file is damaged or was removed.
    """
    import cv2

    with decoding(path), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    size, exposure = _header(path, head)
    pixels = cv2.cvtColor(decode(path, shown=False), cv2.COLOR_BGR2RGB)
    if pixels.dtype != np.float32 or pixels.shape[:2] != (size.height, size.width):
        raise damaged(path)
    return Image(readonly(pixels / np.float32(exposure) if exposure != 1 else pixels), transfer="linear")


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not _MAGIC.match(head):
        return None
    size, _ = _header(path, head)
    details = {"format": "Radiance HDR", "bits": "32 (RGBE)", "channels": "RGB", "light": "linear"}
    return Media(identity, path, MediaKind.IMAGE, size, details=details)


def _map_header(path: Path, head: bytes) -> tuple[Size, str, int] | None:
    """Size, byte order and start of the rows. Raises MediaError."""
    found = _MAP.match(head)
    if found is None:
        return None
    size = Size(int(found[1]), int(found[2]))
    check_size(path, size)
    with decoding(path):
        order = "<" if float(found[3]) < 0 else ">"
    if found.end() + size.width * size.height * _PIXEL_BYTES > path.stat().st_size:
        raise damaged(path)
    return size, order, found.end()


def read_float_map(path: Path) -> Image:
    """Decode the picture: float32 RGB in linear light; the rows of the file go from bottom to top.

    Raises
    ------
    MediaError
        The file is damaged or was removed.
    """
    with decoding(path), path.open("rb") as file:
        header = _map_header(path, file.read(HEAD_BYTES))
        if header is None:
            raise damaged(path)
        size, order, start = header
        file.seek(start)
        values = np.frombuffer(file.read(size.width * size.height * _PIXEL_BYTES), f"{order}f4")
        return Image(readonly(values.reshape(size.height, size.width, 3)[::-1].astype(np.float32)), transfer="linear")


def _probe_map(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    header = _map_header(path, head)
    if header is None:
        return None
    details = {"format": "PFM", "bits": "32 (float)", "channels": "RGB", "light": "linear"}
    return Media(identity, path, MediaKind.IMAGE, header[0], details=details)


FORMATS.register(
    Format(
        key="radiance",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".hdr",),
        probe=_probe,
        reader=lambda media: WholeReader(media, read_radiance),
        order=22,
    )
)

FORMATS.register(
    Format(
        key="float_map",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(),  # .pfm promises depth
        probe=_probe_map,
        reader=lambda media: WholeReader(media, read_float_map),
        order=23,
    )
)
