"""Depth maps and disparity: 16-bit and float pictures of one channel, OpenEXR, PFM, and NumPy arrays.

By default, units follow ROS REP 118: integers are millimetres (converted to metres), floats are metres, and values not
greater than 0 are invalid. PFM files (Middlebury) and 8-bit pictures that the user opens as depth maps hold disparity
in pixels; there, near is large.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import DepthMap, DepthUnit
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import listed
from cvstudio.foundation.params import Choices, Doc, Range, fields_of
from cvstudio.media.arrays import (
    array_readings,
    chosen_array,
    is_npy,
    is_npz,
    is_numpy,
    list_arrays,
    no_map,
    read_array,
)
from cvstudio.media.base import BaseReader, Format, Media, MediaKind, Reading
from cvstudio.media.file_identity import HEAD_BYTES, FileGuard, check_size, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats.exr import exr_holds_depth, exr_numbers, exr_readings, is_exr, read_exr_depth
from cvstudio.media.formats.image import read_numbers
from cvstudio.media.grey import DEPTH, PICTURE, page_of, picture_readings
from cvstudio.media.pictures.headers import Header, read_header

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
_NO_HIT = 1e9
"""Floats from here on are no depth: renderers write 1e10 (Blender) and more where a ray hits nothing."""


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
    depth_missing: Annotated[
        str,
        Choices(("auto", "largest", "none"), ("Found by its gap", "The largest", "None of them")),
        Doc("Missing", "Which value says that nothing was measured, beside 0.", "Where far walls are missing: None."),
    ] = "auto"


_PFM = re.compile(
    rb"Pf(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+([-+.\deE]{1,24})(?:\r\n|\s)"
)
"""Header with comments, which some programs take over from the other Netpbm formats."""


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
        self._reading = media.reading

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
        return _to_depth(self._path, _read_raw(self._path, head, self._reading), self._settings)


@dataclass(frozen=True)
class _Raw:
    """Values of a file.

    Parameters
    ----------
    values : (H, W), integers or floats
    stored : what they are in the file, e.g. "16-bit floats"
    disparity : whether they are disparities by default
    source : what they are in the file, e.g. an array's name; "" where it holds nothing else
    left : what the file holds beside them
    no_data : the number that stands for what was not measured; None where the file states none
    """

    values: NDArray[Any]
    stored: str
    disparity: bool
    source: str = ""
    left: str = ""
    no_data: float | None = None


def _read_raw(path: Path, head: bytes, reading: Reading | None) -> _Raw:
    if pfm := _PFM.match(head):
        return _Raw(_read_pfm(path, pfm), "32-bit floats", True)
    if is_exr(head):
        values, channel, others = read_exr_depth(path, reading)
        bits, kind = exr_numbers(path).get(channel, (32, "float"))
        return _Raw(values, f"{bits}-bit {kind}s", False, f"channel {channel}" if others else "", listed(others))
    if is_numpy(head):
        values, source, left = _read_array(path, reading)
        kind = "floats" if values.dtype.kind == "f" else "integers"
        stored = f"{values.dtype.itemsize * 8}-bit {kind}"
        return _Raw(values, stored, values.dtype == np.uint8, source, left)
    values, header = _read_picture(path, page_of(reading))
    stored = f"{header.used_bits}-bit {'floats' if header.floating else 'integers'}"
    return _Raw(values, stored, values.dtype == np.uint8, no_data=header.no_data)


def _missing(raw: _Raw, choice: str) -> tuple[NDArray[np.bool_], str]:
    """Which values, beside those not greater than 0, say that nothing was measured, and what to tell of them.

    What the file states counts. Renderers write 1e10 and more where a ray hits nothing. Any other value is guessed only
    where it is the largest and lies far above the rest: at the end of its type above six times the next one; for
    floats, shared by 1 % of the map, above a hundred times the next one.
    """
    values = raw.values
    absent = np.zeros(values.shape, bool)
    texts: list[str] = []

    def leave_out(these: NDArray[np.bool_], text: str) -> None:
        nonlocal absent
        if these.any():
            absent = absent | these
            texts.insert(0, text)

    if choice == "none":
        return absent, ""
    if values.dtype.kind == "f":
        leave_out(values >= np.float64(_NO_HIT), f"{_NO_HIT:.0e} and more")  # more than a half float holds
    if raw.no_data is not None and raw.no_data > 0:
        number = values.dtype.type(raw.no_data) if values.dtype.kind == "f" else raw.no_data
        leave_out((values == number) & ~absent, f"{raw.no_data:,.10g}")
    known = values[~absent & (values > 0) & np.isfinite(values)]
    if not known.size:
        return absent, ""
    largest = known.max()
    if choice == "largest" or _stands_apart(known, largest, raw.disparity):
        leave_out(values == largest, f"{largest:,.10g}")
    return absent, f"values of {'; '.join(texts)}, {absent.mean():.1%}" if texts else ""


def _stands_apart(known: NDArray[Any], largest: Any, disparity: bool) -> bool:
    rest = known[known < largest]
    if disparity or not rest.size:
        return False
    below = float(rest.max())
    if known.dtype.kind in "iu":
        return bool(largest == np.iinfo(known.dtype).max and below <= largest / 6)
    half = np.finfo(np.float16).max
    shared = known.size - rest.size >= known.size / 100
    return bool((largest == half and below <= half / 2) or (largest > 100 * below and shared))


def _scale(settings: DepthSettings, *, integers: bool, disparity: bool) -> tuple[DepthUnit, float]:
    """Unit, and levels of the file per unit."""
    if settings.depth_scale in CUSTOM:
        return CUSTOM[settings.depth_scale], settings.depth_levels
    usual = "px" if disparity else "mm" if integers else "m"
    return SCALES[usual if settings.depth_scale == "auto" else settings.depth_scale]


def _to_depth(path: Path, raw: _Raw, settings: DepthSettings) -> DepthMap:
    unit, scale = _scale(settings, integers=raw.values.dtype.kind in "iu", disparity=raw.disparity)
    # Divided as float64: a metre must be 1.0 and not 0.99999994. Values that overflow float32 become infinite: invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        values = (raw.values / scale).astype(np.float32)
        invalid = ~(values > 0) | _missing(raw, settings.depth_missing)[0]
    depth = DepthMap(values, unit, invalid, near_is_large=unit in _NEAR_IS_LARGE)
    if depth.invalid.all():
        raise MediaError(f"{quoted(path)} has no valid depth: every value is zero, negative or not a number.")
    return depth


def _read_picture(path: Path, page: int) -> tuple[NDArray[Any], Header]:
    with decoding(path), path.open("rb") as file:
        header = read_header(path, file.read(HEAD_BYTES), page)
    if header is None:
        raise damaged(path)
    raw = read_numbers(path, header)
    if raw.ndim == 3:
        if raw.shape[2] < 3 or np.any(raw[..., 0] != raw[..., 1]) or np.any(raw[..., 0] != raw[..., 2]):
            raise MediaError(
                f"{quoted(path)} is a colour picture; a depth map has one channel, so open it as a picture."
            )
        raw = raw[..., 0]
    return _check_array(path, raw), header


def _read_pfm(path: Path, header: re.Match[bytes]) -> NDArray[Any]:
    """Portable float map: rows from bottom to top, little-endian where the scale is negative."""
    size = Size(int(header[1]), int(header[2]))
    check_size(path, size)
    with decoding(path), path.open("rb") as file:
        order = "<" if float(header[3]) < 0 else ">"
        file.seek(header.end())
        data = file.read(size.width * size.height * 4)
        return np.frombuffer(data, f"{order}f4").reshape(size.height, size.width)[::-1]


def _read_array(path: Path, reading: Reading | None) -> tuple[NDArray[Any], str, str]:
    """The array of `reading`, by default the likeliest depth map; its name and the other arrays, for several."""
    arrays = list_arrays(path)
    depths = [reading for reading in array_readings(path, arrays) if reading.kind is MediaKind.DEPTH]
    if reading is None and not depths:
        unfit = next((array.dtype for array in arrays if array.map_size is not None), None)
        raise no_map(path) if unfit is None else _no_numbers(path, unfit)
    chosen = chosen_array(arrays, reading or depths[0])
    values = _check_array(path, read_array(path, chosen.name))
    others = [array.text for array in arrays if array is not chosen]
    return values, f"array {chosen.name}" if others else "", listed(others)


def _check_array(path: Path, raw: NDArray[Any]) -> NDArray[Any]:
    if raw.dtype.kind not in "iuf" or raw.dtype == np.int8:
        raise _no_numbers(path, raw.dtype)
    return raw


def _no_numbers(path: Path, dtype: np.dtype[Any]) -> MediaError:
    return MediaError(f"{quoted(path)} holds values of {dtype}; depth is 8, 16 or 32-bit integers or floats.")


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    """Recognise files that can only be depth, or whose likeliest reading it is; others where the user says so."""
    readings: tuple[Reading, ...] = ()
    if is_exr(head):
        readings = exr_readings(path)
        if not (forced or exr_holds_depth(path)):
            return None
        if any(reading.kind is MediaKind.DEPTH for reading in readings):
            return Media(identity, path, MediaKind.DEPTH, readings=readings)
    elif is_npy(head) or is_npz(path, head):
        readings = array_readings(path, list_arrays(path))
        if readings and not forced and readings[0].kind is not MediaKind.DEPTH:
            return None
        if any(reading.kind is MediaKind.DEPTH for reading in readings):
            # `_read_as` describes the one that is decoded.
            return Media(identity, path, MediaKind.DEPTH, readings=readings)
    elif not _PFM.match(head):
        header = read_header(path, head)
        if header is None or (header.channels != 1 and not forced):
            return None
        readings = picture_readings(path, header, lambda: read_numbers(path, header))
        if all(reading.kind is not MediaKind.DEPTH for reading in readings):
            # Three channels may all be the same.
            readings = (PICTURE, DEPTH, *readings[1:])
        if not forced and readings[0].kind is not MediaKind.DEPTH:
            return None
        if not (forced or header.holds_depth):
            try:
                return _describe(path, head, identity, readings)
            except MediaError:
                return None  # it is only called depth
        if header.others:
            return Media(identity, path, MediaKind.DEPTH, readings=readings)
    return _describe(path, head, identity, readings)


def _describe(
    path: Path, head: bytes, identity: str, readings: tuple[Reading, ...], reading: Reading | None = None
) -> Media:
    # Decoded now: a depth map is small, and one without a valid value must be refused before it replaces the open one.
    raw = _read_raw(path, head, reading)
    depth, dtype = _to_depth(path, raw, DepthSettings()), raw.values.dtype
    details = {
        "format": _format_name(path, head),
        "values": raw.stored,
        "valid": _share_text(1 - depth.invalid.mean()),
        "missing": _missing(raw, "auto")[1],
        "source": raw.source,
        "left": raw.left,
        "usual": "px" if raw.disparity else "mm" if dtype.kind in "iu" else "m",
    }
    details = {key: text for key, text in details.items() if text}
    return _configure(Media(identity, path, MediaKind.DEPTH, depth.size, details=details, readings=readings))


def _share_text(share: float) -> str:
    """A share in percent; near either end in digits enough to tell it from none and from all."""
    text = f"{share:.0%}" if 0.01 <= share <= 0.99 or share in (0, 1) else f"{share:.1%}"
    return {"100.0%": "more than 99.9%", "0.0%": "less than 0.1%"}.get(text, text)


def _read_as(media: Media) -> Media:
    """Describe the array or page that is read; where there is one only, it is described."""
    if media.size is not None:
        return media
    with decoding(media.path), media.path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    described = _describe(media.path, head, media.id, media.readings, media.reading)
    return dataclasses.replace(media, size=described.size, details=described.details)


def _format_name(path: Path, head: bytes) -> str:
    if is_numpy(head):
        return "NPY" if head.startswith(b"\x93NUMPY") else "NPZ"
    if is_exr(head) or _PFM.match(head):
        return "OpenEXR" if is_exr(head) else "PFM"
    header = read_header(path, head)
    return header.format if header else ""


def _configure(media: Media) -> Media:
    settings, usual = DepthSettings(**media.settings), media.details["usual"]
    unit, scale = _scale(settings, integers=usual == "mm", disparity=usual == "px")
    scale_text = unit if scale == 1 else f"1/{scale:g} {unit}"
    details = {**media.details, "unit": unit, "scale": scale_text}
    if settings.depth_missing != "auto":
        # Both were counted for the usual setting.
        details = {key: text for key, text in details.items() if key not in ("missing", "valid")}
    return dataclasses.replace(media, details=details)


FORMATS.register(
    Format(
        key="depth",
        kind=MediaKind.DEPTH,
        title="depth map",
        suffixes=(".png", ".tif", ".tiff", ".pgm", ".pfm", ".exr", ".npy", ".npz"),
        probe=_probe,
        reader=DepthReader,
        read_as=_read_as,
        order=10,
        settings=DepthSettings,
        settings_for=lambda media: fields_of(DepthSettings),
        configure=_configure,
    )
)
