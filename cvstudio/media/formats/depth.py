"""Depth maps and disparity: 16-bit and float pictures of one channel, OpenEXR, PFM, and NumPy arrays.

By default, units follow ROS REP 118: integers are millimetres (converted to metres), floats are metres, and values not
greater than 0 are invalid. PFM files (Middlebury) and 8-bit pictures that the user opens as depth maps hold disparity
in pixels; there, near is large.
"""

from __future__ import annotations

import dataclasses
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import DepthMap, DepthUnit
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.params import Choices, Doc, Range, fields_of
from cvstudio.media.base import BaseReader, Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, FileGuard, check_size, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats.exr import exr_holds_depth, is_exr, read_exr_depth
from cvstudio.media.formats.image import decode, upright
from cvstudio.media.headers import read_header
from cvstudio.media.tiff import read_tiff_values

# Depth scales: unit, and levels of the file per unit. KITTI: the development kits of its depth and stereo
# benchmarks; TUM: Sturm et al., "A Benchmark for the Evaluation of RGB-D SLAM Systems", 2012.
SCALES: dict[str, tuple[DepthUnit, float]] = {
    "mm": ("m", 1000.0),
    "m": ("m", 1.0),
    "tum": ("m", 5000.0),
    "kitti": ("m", 256.0),
    "kitti-px": ("px", 256.0),
    "px": ("px", 1.0),
    "relative": ("relative", 1.0),
}
CUSTOM: dict[str, DepthUnit] = {"other-m": "m", "other-px": "px"}
_NEAR_IS_LARGE = ("px", "relative")
_VALUES = {"u": "{bits}-bit integers", "i": "{bits}-bit integers", "f": "{bits}-bit floats"}


@dataclass(frozen=True)
class DepthSettings:
    """Scale and unit of the values of a depth map."""

    depth_scale: Annotated[
        str,
        Choices(
            ("auto", *SCALES, *CUSTOM),
            (
                "Usual for such a file",
                "Millimetres",
                "Metres",
                "TUM, 1/5000 m",
                "KITTI, 1/256 m",
                "KITTI, 1/256 px",
                "Pixels (disparity)",
                "Relative, near is large",
                "Other, in metres",
                "Other, in pixels",
            ),
        ),
        Doc("Depth scale", "What one level of the file stands for.", "TUM for an RGB-D set, KITTI for a car's."),
    ] = "auto"
    depth_levels: Annotated[
        float,
        Range(0.01, 100_000, step=0.01),
        Doc("Levels", "How many levels make one metre or pixel, with a scale of your own.", "Try 10000."),
    ] = 1000.0


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
        self._settings = DepthSettings(**media.settings)

    def read(self) -> DepthMap:
        """Decode the depth map.

        Returns
        -------
        DepthMap
            float32 (H, W) in the unit of the chosen scale. By default: metres from 16-bit integers (millimetres in
            the file) and floats; pixels of disparity, near is large, from PFM and 8 bits. Values that are not greater
            than 0 or not finite are invalid.

        Raises
        ------
        MediaError
            The file is damaged, has no valid value, or was removed or changed since.
        """
        self._guard.check()
        with decoding(self._path), self._path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return _to_depth(self._path, *_read_raw(self._path, head), self._settings)


def _read_raw(path: Path, head: bytes) -> tuple[NDArray[Any], bool]:
    """Values of the file, (H, W), and whether they are disparities by default."""
    if pfm := _PFM.match(head):
        return _read_pfm(path, pfm), True
    if is_exr(head):
        return read_exr_depth(path), False
    raw = _read_array(path) if _is_numpy(head) else _read_picture(path)
    return raw, raw.dtype == np.uint8


def _scale(settings: DepthSettings, *, integers: bool, disparity: bool) -> tuple[DepthUnit, float]:
    """Unit, and levels of the file per unit."""
    if settings.depth_scale in CUSTOM:
        return CUSTOM[settings.depth_scale], settings.depth_levels
    usual = "px" if disparity else "mm" if integers else "m"
    return SCALES[usual if settings.depth_scale == "auto" else settings.depth_scale]


def _to_depth(path: Path, raw: NDArray[Any], disparity: bool, settings: DepthSettings) -> DepthMap:
    unit, scale = _scale(settings, integers=raw.dtype.kind in "iu", disparity=disparity)
    # Divided as float64: a metre must be 1.0 and not 0.99999994. Values that overflow float32 become infinite: invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        values = (raw / scale).astype(np.float32)
        invalid = ~(values > 0)
    depth = DepthMap(values, unit, invalid, near_is_large=unit in _NEAR_IS_LARGE)
    if depth.invalid.all():
        raise MediaError(f"{quoted(path)} has no valid depth: every value is zero, negative or not a number.")
    return depth


def _read_picture(path: Path) -> NDArray[Any]:
    with decoding(path), path.open("rb") as file:
        header = read_header(path, file.read(HEAD_BYTES))
    if header is not None and header.format == "TIFF":
        raw = upright(read_tiff_values(path), header.orientation)
    else:
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
    """Load one array after checking the size in its header; pickles are code and never loaded."""
    size = _array_size(file)
    if size is None:
        raise MediaError(f"{quoted(path)} holds no two-dimensional array; a depth map has the shape (height, width).")
    check_size(path, size)
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _array_size(file: IO[bytes]) -> Size | None:
    """Size in an NPY header; None where the array is not two-dimensional."""
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
    """Recognise files that can only be depth; an 8-bit picture only where the user says so."""
    if is_exr(head):
        if not (forced or exr_holds_depth(path)):
            return None
    elif not (_PFM.match(head) or head.startswith(b"\x93NUMPY") or _is_npz(path, head)):
        header = read_header(path, head)
        if header is None or not (forced or header.holds_depth):
            return None
    return _describe(path, head, identity)


def _describe(path: Path, head: bytes, identity: str) -> Media:
    # Decoded now: a depth map is small, and one without a valid value must be refused before it replaces the open one.
    raw, disparity = _read_raw(path, head)
    depth = _to_depth(path, raw, disparity, DepthSettings())
    details = {
        "format": _format_name(path, head),
        "values": _VALUES[raw.dtype.kind].format(bits=raw.dtype.itemsize * 8),
        "valid": f"{1 - depth.invalid.mean():.0%}",
        "usual": "px" if disparity else "mm" if raw.dtype.kind in "iu" else "m",
    }
    return _configure(Media(identity, path, MediaKind.DEPTH, depth.size, details=details))


def _format_name(path: Path, head: bytes) -> str:
    if _is_numpy(head):
        return "NPY" if head.startswith(b"\x93NUMPY") else "NPZ"
    if is_exr(head) or _PFM.match(head):
        return "OpenEXR" if is_exr(head) else "PFM"
    header = read_header(path, head)
    return header.format if header else ""


def _configure(media: Media) -> Media:
    settings, usual = DepthSettings(**media.settings), media.details["usual"]
    unit, scale = _scale(settings, integers=usual == "mm", disparity=usual == "px")
    scale_text = unit if scale == 1 else f"1/{scale:g} {unit}"
    return dataclasses.replace(media, details={**media.details, "unit": unit, "scale": scale_text})


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


FORMATS.register(
    Format(
        key="depth",
        kind=MediaKind.DEPTH,
        title="depth map",
        suffixes=(".png", ".tif", ".tiff", ".pgm", ".pfm", ".exr", ".npy", ".npz"),
        probe=_probe,
        reader=DepthReader,
        order=10,
        settings=DepthSettings,
        settings_for=lambda media: fields_of(DepthSettings),
        configure=_configure,
    )
)
