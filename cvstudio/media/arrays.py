"""NumPy files (NPY, NPZ): their arrays, and what each of them may be read as."""

from __future__ import annotations

import dataclasses
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import MediaKind, Reading
from cvstudio.media.file_identity import HEAD_BYTES, check_size, damaged, decoding, quoted
from cvstudio.media.grey import DEPTH, LABELS, PICTURE, reading_of_name

_NPY, _ZIP = b"\x93NUMPY", b"PK\x03\x04"
_PICTURES = (np.uint8, np.uint16)
"""Types whose largest value is white."""
_MATRIX_SIDE = 4
"""Camera matrices and poses are no larger."""
_POINT_COLUMNS = (3, 4, 6)
"""Coordinates of points, with a reflectance, or with colours or normals."""
_MOST_POINTS = 200_000_000
POINTS = Reading(
    "geometry", MediaKind.GEOMETRY, "Point cloud", "Each row is a point: x, y, z, and what is behind them."
)


@dataclass(frozen=True)
class ArrayHeader:
    """Header of one array; `name` is "" in an NPY file, and `dtype` in the byte order of this machine."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def map_size(self) -> Size | None:
        """Size of a map, of shape (H, W), (1, H, W) or (H, W, 1); None for any other."""
        shape = self.shape
        if len(shape) == 3 and 1 in (shape[0], shape[2]):
            shape = shape[1:] if shape[0] == 1 else shape[:2]
        return Size(shape[1], shape[0]) if len(shape) == 2 else None

    @property
    def size(self) -> Size | None:
        """Size of a map, or of a picture of shape (H, W, 3) or (H, W, 4)."""
        coloured = len(self.shape) == 3 and self.shape[2] in (3, 4)
        return self.map_size or (Size(self.shape[1], self.shape[0]) if coloured else None)

    @property
    def holds_points(self) -> bool:
        """Whether each row may be a point; a map is not that narrow, and a matrix is not that high."""
        rows = self.shape[0] if len(self.shape) == 2 else 0
        return rows > _MATRIX_SIDE and self.shape[1] in _POINT_COLUMNS and self.dtype.kind in "iuf"

    @property
    def text(self) -> str:
        """Name and shape for users."""
        return f"{self.name} {self.shape}"


def is_numpy(head: bytes) -> bool:
    """Whether a file that begins with `head` may be NPY or NPZ: an archive may hold anything else, see `is_npz`."""
    return head.startswith((_NPY, _ZIP))


def is_npy(head: bytes) -> bool:
    """Whether a file that begins with `head` is NPY."""
    return head.startswith(_NPY)


def is_npz(path: Path, head: bytes) -> bool:
    """Whether a file that begins with `head` is an archive of arrays. Raises MediaError where it is damaged."""
    if not head.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        if b".npy" in head:
            raise damaged(path) from error
        return False


def list_arrays(path: Path) -> tuple[ArrayHeader, ...]:
    """Headers of the arrays of a file, in its order. Raises MediaError."""
    with decoding(path), path.open("rb") as file:
        if is_npy(file.read(HEAD_BYTES)):
            file.seek(0)
            return (_header("", file),)
        headers = []
        with zipfile.ZipFile(file) as archive:
            for name in archive.namelist():
                if name.endswith(".npy"):
                    with archive.open(name) as member:
                        headers.append(_header(name.removesuffix(".npy"), member))
        return tuple(headers)


def read_array(path: Path, name: str) -> NDArray[Any]:
    """The array `name`: (H, W), or (H, W, C) of a picture in colour. Pickles are code and never loaded.

    Raises
    ------
    MediaError
        It is damaged, absurdly large, or neither a map nor a picture.
    """
    with decoding(path), path.open("rb") as file:
        if is_npy(file.read(HEAD_BYTES)):
            file.seek(0)
            return _load(path, "", file)
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as member:
            return _load(path, name, member)


def read_points(path: Path, name: str) -> NDArray[Any]:
    """The array `name` of points, (n, columns).

    Raises
    ------
    MediaError
        It is damaged, or absurdly large.
    """
    with decoding(path), path.open("rb") as file:
        if is_npy(file.read(HEAD_BYTES)):
            file.seek(0)
            return _load_points(path, file)
        with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as member:
            return _load_points(path, member)


def _load_points(path: Path, file: IO[bytes]) -> NDArray[Any]:
    header = _header("", file)
    if header.shape[0] > _MOST_POINTS:
        raise MediaError(
            f"{quoted(path)} claims to hold {header.shape[0]:,} points; at most {_MOST_POINTS:,} can be read."
        )
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False), header.dtype)


def no_map(path: Path) -> MediaError:
    """The error for a file without an array that can be shown."""
    return MediaError(f"{quoted(path)} holds no two-dimensional array; a depth map has the shape (height, width).")


def chosen_array(arrays: tuple[ArrayHeader, ...], reading: Reading) -> ArrayHeader:
    """The array that `reading` means: of that name, else the only one that can be read so."""
    several = _several(arrays)
    return next(array for array in arrays if reading.key in (found.key for found, _ in _offered(array, several)))


def array_readings(path: Path, arrays: tuple[ArrayHeader, ...]) -> tuple[Reading, ...]:
    """What a file with these arrays may be read as, the likeliest first; empty where none of them can be shown."""
    several = _several(arrays)
    offered = [(array, *found) for array in arrays for found in _offered(array, several)]
    if not offered:
        return ()
    offered.sort(key=lambda item: _rank(item[0], item[1], path))
    (_, likeliest, reason), *others = offered
    return (dataclasses.replace(likeliest, reason=reason), *(reading for _, reading, _ in others))


def _header(name: str, file: IO[bytes]) -> ArrayHeader:
    """Header of an NPY stream, from its beginning."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    return ArrayHeader(name, shape, dtype.newbyteorder("="))


def _load(path: Path, name: str, file: IO[bytes]) -> NDArray[Any]:
    header = _header(name, file)
    if header.size is None:
        raise no_map(path)
    check_size(path, header.size)
    file.seek(0)
    values = np.asarray(np.lib.format.read_array(file, allow_pickle=False), header.dtype)
    return values if header.map_size is None else values.reshape(header.size.height, header.size.width)


def _kinds(array: ArrayHeader) -> tuple[Reading, ...]:
    """What the shape and the type of an array allow."""
    return (POINTS, *_map_kinds(array)) if array.holds_points else _map_kinds(array)


def _map_kinds(array: ArrayHeader) -> tuple[Reading, ...]:
    if array.map_size is None:
        return (PICTURE,) if array.size is not None and array.dtype in _PICTURES else ()
    if array.dtype in (np.bool_, np.int8):
        return (LABELS,)
    if array.dtype.kind == "f":
        return (DEPTH,)
    if array.dtype.kind not in "iu":
        return ()
    return (DEPTH, PICTURE, LABELS) if array.dtype in _PICTURES else (DEPTH, LABELS)


def _several(arrays: tuple[ArrayHeader, ...]) -> bool:
    """Whether more than one array can be shown, so that readings name theirs."""
    return sum(bool(_kinds(array)) for array in arrays) > 1


def _offered(array: ArrayHeader, several: bool) -> list[tuple[Reading, str]]:
    """The readings of an array, with what speaks for each."""
    found = []
    for reading in _kinds(array):
        reason = f"an array is called {array.name}" if array.name and _named(array, reading) else ""
        if several:
            title = f"{reading.title}: {array.name}"
            reading = dataclasses.replace(reading, key=f"{reading.key}={array.name}", title=title)
        found.append((reading, reason))
    return found


def _named(array: ArrayHeader, reading: Reading) -> bool:
    """Whether the name of an array speaks for a reading."""
    words = array.name.lower().rpartition("/")[2]
    if reading.name == DEPTH.name:
        return "depth" in words or "disp" in words
    if reading.name == POINTS.name:
        return "point" in words or "cloud" in words or "xyz" in words
    named = reading_of_name(words)
    return named is not None and named.name == reading.name


def _rank(array: ArrayHeader, reading: Reading, path: Path) -> tuple[int, int, int]:
    """Sorts the readings of the arrays of a file, the likeliest first: depth that is called so, any other map or
    points, a picture in colour, labels that are called so, then what is left."""
    words = array.name.lower().rpartition("/")[2]
    named = reading_of_name(words or path.stem)
    called_labels = named is not None and named.name == LABELS.name
    size = array.size or Size(0, 0)
    matrix = max(size) <= _MATRIX_SIDE or array.holds_points
    called_depth = (words == "depth", words.endswith("depth"), "depth" in words, "disp" in words, True).index(True)
    if reading.name == POINTS.name:
        group = 1
    elif reading.name == DEPTH.name:
        group = 4 if matrix or called_labels else 0 if called_depth < 4 else 1
    elif reading.name == PICTURE.name:
        group = 2 if array.map_size is None else 5
    else:
        group = 3 if called_labels or array.dtype == np.bool_ else 6
    return group, called_depth, -size.width * size.height
