"""Depth maps and disparity: 16-bit and float pictures of one channel, PFM, and NumPy arrays.

Units follow ROS REP 118: integers are millimetres (read as metres), floats are metres, and what is not greater
than 0 was not measured. PFM holds disparity in pixels (Middlebury), and so does an 8-bit picture that the user
says is a depth map; there, near is large.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.errors import MediaError
from cvstudio.media.base import BaseReader, Format, Media, MediaKind
from cvstudio.media.headers import read_header
from cvstudio.media.identity import HEAD_BYTES, FileGuard, check_size, damaged, decoding, quoted
from cvstudio.media.image import decode
from cvstudio.types import DepthMap, Size

_PFM = re.compile(rb"Pf\s+(\d{1,9})\s+(\d{1,9})\s+([-+.\deE]{1,24})\s")


class DepthReader(BaseReader):
    """Reads one depth map.

    Raises
    ------
    MediaError
        The file was removed or changed since `media` was made.
    """

    def __init__(self, media: Media) -> None:
        self._path = media.path
        self._guard = FileGuard(media)

    def read(self) -> DepthMap:
        """Decode the depth map.

        Returns
        -------
        DepthMap
            Metres from 16-bit integers (millimetres in the file) and floats; pixels of disparity, near is large,
            from PFM and 8 bits. Values that are not greater than 0 or not finite are invalid.

        Raises
        ------
        MediaError
            The file is damaged, has no valid value, or was removed or changed since.
        """
        self._guard.check()
        with decoding(self._path), self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return _read_depth(self._path, head)


def _read_depth(path: Path, head: bytes) -> DepthMap:
    pfm = _PFM.match(head)
    raw = _read_pfm(path, pfm) if pfm else _read_array(path) if _is_numpy(head) else _read_picture(path)
    disparity = pfm is not None or raw.dtype == np.uint8
    scale = 1000.0 if raw.dtype.kind in "iu" and not disparity else 1.0
    # Divided as float64: a metre must be 1.0 and not 0.99999994. What overflows float32 is infinite: invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        values = (raw / scale).astype(np.float32)
        invalid = ~(values > 0)
    depth = DepthMap(values, "px" if disparity else "m", invalid, near_is_large=disparity)
    if depth.invalid.all():
        raise MediaError(f"{quoted(path)} has no valid depth: every value is zero, negative or not a number.")
    return depth


def _read_picture(path: Path) -> NDArray[Any]:
    raw = decode(path, shown=False)
    if raw.ndim == 3:
        if raw.shape[2] < 3 or np.any(raw[..., 0] != raw[..., 1]) or np.any(raw[..., 0] != raw[..., 2]):
            raise MediaError(
                f"{quoted(path)} is a colour picture; a depth map has one channel, so open it as a picture."
            )
        raw = raw[..., 0]
    return _check_array(path, raw)


def _read_pfm(path: Path, header: re.Match[bytes]) -> NDArray[Any]:
    """Portable float map: rows from bottom to top, little-endian where the scale is negative."""
    size = Size(int(header[1]), int(header[2]))
    check_size(path, size)
    with decoding(path), path.open("rb") as file:
        order = "<" if float(header[3]) < 0 else ">"
        file.seek(header.end())
        data = file.read(size.width * size.height * 4)
        return np.frombuffer(data, f"{order}f4").reshape(size.height, size.width)[::-1]


def _read_array(path: Path) -> NDArray[Any]:
    """The array of an NPY file, or the first two-dimensional one of an NPZ file."""
    with decoding(path), path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            file.seek(0)
            return _check_array(path, _load(path, file))
        with zipfile.ZipFile(file) as archive:
            for name in (name for name in archive.namelist() if name.endswith(".npy")):
                with archive.open(name) as member:
                    shape = _array_size(member)
                if shape is not None:
                    with archive.open(name) as member:
                        return _check_array(path, _load(path, member))
    raise MediaError(f"{quoted(path)} holds no two-dimensional array; a depth map has the shape (height, width).")


def _load(path: Path, file: IO[bytes]) -> NDArray[Any]:
    """Load one array after looking at its claimed size; pickles are code and never loaded."""
    size = _array_size(file)
    if size is None:
        raise MediaError(f"{quoted(path)} holds no two-dimensional array; a depth map has the shape (height, width).")
    check_size(path, size)
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _array_size(file: IO[bytes]) -> Size | None:
    """Size that an NPY header claims, None where the array is not two-dimensional."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape = read(file)[0]
    return Size(shape[1], shape[0]) if len(shape) == 2 else None


def _check_array(path: Path, raw: NDArray[Any]) -> NDArray[Any]:
    if raw.dtype.kind not in "iuf" or raw.dtype == np.int8:
        raise MediaError(f"{quoted(path)} holds values of {raw.dtype}; depth is 8, 16 or 32-bit integers or floats.")
    return raw


def _is_numpy(head: bytes) -> bool:
    return head.startswith((b"\x93NUMPY", b"PK\x03\x04"))


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    """Take what can only be depth: a picture of 8 bits is a picture unless the user says otherwise."""
    if not (_PFM.match(head) or head.startswith(b"\x93NUMPY") or _is_npz(path, head)):
        header = read_header(path, head)
        if header is None or not (forced or header.holds_depth):
            return None
    return _describe(path, head, identity)


def _describe(path: Path, head: bytes, identity: str) -> Media:
    # A depth map is small, and one without a valid value must be refused before it replaces what is open.
    depth = _read_depth(path, head)
    details = {"unit": depth.unit, "valid": f"{1 - depth.invalid.mean():.0%}"}
    return Media(identity, path, MediaKind.DEPTH, depth.size, details=details)


def _is_npz(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        if b".npy" in head:
            raise damaged(path) from error
        return False


FORMAT = Format(
    key="depth",
    kind=MediaKind.DEPTH,
    title="depth map",
    suffixes=(".png", ".tif", ".tiff", ".pgm", ".pfm", ".npy", ".npz"),
    probe=_probe,
    reader=DepthReader,
    order=10,
)
