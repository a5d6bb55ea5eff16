"""TIFF and its kin (OME-TIFF, DNG) through tifffile: which of its pictures is read, and what its numbers mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.samples import Image
from cvstudio.data.srgb import encode_srgb
from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import damaged, decoding, quoted
from cvstudio.media.pictures.alpha import straight
from cvstudio.media.pictures.color_profile import ink_to_srgb
from cvstudio.media.pictures.opencv import imdecode
from cvstudio.media.pictures.raw_workers import undeveloped_reason

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

# PhotometricInterpretation, TIFF 6.0, its technical notes, and DNG 1.7.
WHITE_IS_ZERO, BLACK_IS_ZERO, _RGB, _PALETTE, INKS, _YCBCR, _CIELAB, _ICCLAB = 0, 1, 2, 3, 5, 6, 8, 9
SENSOR = (32803, 34892)
"""Of the numbers of a sensor: behind a mosaic of colours, or with three colours each."""
_ASSOCIATED, _UNASSOCIATED = 1, 2
_REDUCED, _MASK = 1, 4
"""Bits of NewSubfileType."""
_JPEG = (6, 7, 34892, 33007)
"""Compressions that give RGB where the file holds YCbCr."""
_NEW_JPEG, _GDAL_NODATA = 7, 42113
_MAX_DIRECTORIES, _MAX_CHANNELS = 256, 1024

# Lab of the D50 white to the linear light of sRGB: CIE 15, and the inverse of sRGB's matrix adapted by Bradford (ICC).
_D50 = (0.96422, 1.0, 0.82521)
_SRGB_FROM_XYZ_D50 = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]],
    np.float32,
)


@dataclass(frozen=True)
class OtherPage:
    """A picture of a file that is not the one read by default.

    Parameters
    ----------
    number : 1, 2, … over all directories of the file, those that hang on others behind them
    size : in pixels, as stored
    grey : whether it has one channel, whose numbers may be depth or labels
    floating : whether they are floats
    """

    number: int
    size: Size
    grey: bool
    floating: bool


@dataclass(frozen=True)
class TiffPicture:
    """What the directory of the picture that is read says.

    Parameters
    ----------
    width, height : in pixels, as stored
    channels, bits, floating, orientation, profile : as in `Header`
    photometric : what the numbers mean; see TIFF's PhotometricInterpretation
    main : whether it is the first directory, and not one chosen among several
    colors : what the channels are, for users
    pages : what is told of the others; "" where there is one directory only
    others : the other pictures that can be read
    no_data : the number, as it is read, that stands for what was not measured; None where none is stated
    """

    width: int
    height: int
    channels: int
    bits: int
    floating: bool
    orientation: int
    profile: bytes
    photometric: int
    main: bool
    colors: str
    pages: str
    others: tuple[OtherPage, ...] = ()
    no_data: float | None = None


@contextmanager
def opened(file: BinaryIO) -> Iterator[TiffFile]:
    """The directories of a TIFF. Whatever is raised says that it is damaged."""
    import tifffile

    # A MediaError, or a fact, replaces what tifffile would print.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    with tifffile.TiffFile(file) as tiff:
        yield tiff


def describe(file: BinaryIO, number: int = 0) -> TiffPicture:
    """Describe the picture that is read: that of a page, or for 0 the usual one.

    Whatever is raised says that the file is damaged; MediaError says more.
    """
    with opened(file) as tiff:
        page = _chosen(tiff, number)
        if page.dtype is not None and page.dtype.kind == "c":
            raise MediaError(
                f"{quoted(Path(tiff.filename))} holds complex numbers, and a picture has real ones; save their "
                "magnitude or phase as floats."
            )
        alone = len(tiff.pages) == 1 and not page.subifds and page is tiff.pages[0]
        directories = [page] if alone else _directories(tiff)
        floating = page.dtype is not None and page.dtype.kind == "f"
        orientation = int(_tag(page, 274, 1))
        # Lab needs none: its numbers are those of the profiles' own space.
        profile = b"" if int(page.photometric) in (_CIELAB, _ICCLAB) else _tag(page, 34675, b"")
        return TiffPicture(
            int(page.imagewidth),
            int(page.imagelength),
            int(page.samplesperpixel),
            int(np.max(page.bitspersample)),
            floating,
            orientation if 1 <= orientation <= 8 else 1,
            bytes(profile) if isinstance(profile, bytes) else b"",
            int(page.photometric),
            page is tiff.pages[0],
            _channels_fact(page),
            _pages_fact(tiff, page, number, directories),
            _others(page, directories),
            _shown_no_data(page),
        )


def read_tiff(path: Path, number: int = 0) -> Image:
    """Decode the picture of a page, or for 0 the usual one, not yet upright and in the colours of its profile.

    Raises
    ------
    MediaError
        It is damaged, or packed or made in a way that is not read.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _chosen(tiff, number)
        return _to_image(path, page, _values(path, page))


def read_tiff_values(path: Path, number: int = 0) -> NDArray[Any]:
    """The numbers of the picture as they stand in the file, (H, W) or (H, W, C), not yet upright.

    Of a page, or for 0 of the usual one. Those for which 0 is white are turned around. Half floats become float32.

    Raises
    ------
    MediaError
        It is damaged, or packed in a way that is not read.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _chosen(tiff, number)
        values = _values(path, page)
        if int(page.photometric) == WHITE_IS_ZERO and values.dtype.kind == "u":
            values = np.iinfo(values.dtype).max - values
        values = values.astype(np.float32) if values.dtype == np.float16 else values
        return values[..., 0] if values.shape[2] == 1 else values


def levels_fact(path: Path, number: int = 0) -> str:
    """What is told of the levels of labels and measurements, which may not fit into the bits of a picture; else "".

    `number` is the page, as in `read_tiff`.

    Raises
    ------
    MediaError
        The file is damaged.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _chosen(tiff, number)
        if page.dtype is None or page.dtype.kind not in "iu" or page.dtype in (np.uint8, np.uint16):
            return ""
        values = _values(path, page)
        low, high = _range(values, _no_data(page))
        text = f"{low:,} to {high:,} of {page.dtype.itemsize * 8} bits"
        if _fits(low, high):
            return f"{text}, kept as they are"
        return f"{text}, stretched to 0 to 65,535: labels lose their numbers"


def _fits(low: int, high: int) -> bool:
    return low >= 0 and high < 1 << 16


def _tag(page: TiffPage, code: int, default: Any) -> Any:
    value = page.tags.valueof(code, default)
    return value[0] if isinstance(value, tuple) and value else value


def _no_data(page: TiffPage) -> float | None:
    """What a GeoTIFF states in the tag of GDAL; None where that is no finite number."""
    try:
        number = float(_tag(page, _GDAL_NODATA, ""))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _shown_no_data(page: TiffPage) -> float | None:
    """`_no_data` as `read_tiff_values` gives it: turned around where 0 is white."""
    number = _no_data(page)
    turned = int(page.photometric) == WHITE_IS_ZERO and page.dtype is not None and page.dtype.kind == "u"
    return number if number is None or not turned else float(np.iinfo(page.dtype).max) - number


def _directories(tiff: TiffFile) -> list[TiffPage]:
    """Pages, and the pictures that hang on them (SubIFDs): previews and the large picture of a DNG."""
    directories: list[TiffPage] = []
    for frame in islice(tiff.pages, _MAX_DIRECTORIES):
        page = frame.aspage()
        directories.append(page)
        if page.subifds and page.pages is not None:
            directories += [sub.aspage() for sub in islice(page.pages, _MAX_DIRECTORIES - len(directories))]
        if len(directories) >= _MAX_DIRECTORIES:
            break
    return directories


def _can_be_shown(page: TiffPage) -> bool:
    return (
        int(page.photometric) not in SENSOR
        and page.imagewidth > 0
        and page.imagelength > 0
        and page.dtype is not None
        and page.dtype.kind != "c"
        and bool(page.dataoffsets)
    )


def _others(page: TiffPage, directories: list[TiffPage]) -> tuple[OtherPage, ...]:
    """The pictures other than the one that is read."""
    return tuple(
        OtherPage(
            number,
            Size(other.imagewidth, other.imagelength),
            other.samplesperpixel == 1 and int(other.photometric) in (WHITE_IS_ZERO, BLACK_IS_ZERO),
            other.dtype is not None and other.dtype.kind == "f",
        )
        for number, other in enumerate(directories, 1)
        if other.offset != page.offset and _can_be_shown(other)
    )


def _chosen(tiff: TiffFile, number: int) -> TiffPage:
    """The page `number`. For 0 the first picture; where it is only a preview, or a sensor's raw numbers, the largest
    one that can be shown."""
    if number:
        return _directories(tiff)[number - 1]
    first = tiff.pages[0].aspage()
    if not int(first.subfiletype) & _REDUCED and int(first.photometric) not in SENSOR:
        return first
    shown = [page for page in _directories(tiff) if _can_be_shown(page) and not int(page.subfiletype) & _MASK]
    if not shown:
        raise MediaError(
            f"{quoted(Path(tiff.filename))} is a RAW photograph without a preview, and it cannot be developed, as "
            f"{undeveloped_reason()}; save it as TIFF or JPEG with the program of the camera."
        )
    return max(shown, key=lambda page: page.imagewidth * page.imagelength)


def _pages_fact(tiff: TiffFile, page: TiffPage, number: int, directories: list[TiffPage]) -> str:
    stacked = (tiff.imagej_metadata or {}).get("images", 1) if len(tiff.pages) == 1 else 1
    if isinstance(stacked, int) and stacked > 1:
        # ImageJ writes one directory for a stack of more than 4 GB.
        return f"{stacked}; the first is shown"
    if directories == [page]:
        return ""
    if number:
        return f"{max(len(tiff.pages), len(directories))}; page {number} is shown"
    raw = [other for other in directories if int(other.photometric) in SENSOR]
    if raw:
        largest = max(raw, key=lambda other: other.imagewidth * other.imagelength)
        size = f"{largest.imagewidth} × {largest.imagelength}"
        return f"RAW photograph of {size}, not developed, as {undeveloped_reason()}; its largest preview is shown"
    if page is not tiff.pages[0]:
        return f"{len(directories)} pictures; the largest is shown"
    pages = len(tiff.pages)
    full = [other for other in directories if not int(other.subfiletype) & _REDUCED]
    if pages > len(directories) or len(full) > 1:
        return f"{max(pages, len(full))}; the first is shown"
    return f"1, and {len(directories) - 1} smaller copies of it" if len(directories) > 1 else ""


_COLORS = {_RGB: ("RGB", 3), _PALETTE: ("palette", 1), INKS: ("CMYK", 4), _YCBCR: ("YCbCr", 3)}
_COLORS |= {_CIELAB: ("Lab", 3), _ICCLAB: ("Lab", 3)}


def _channels_fact(page: TiffPage) -> str:
    channels = page.samplesperpixel
    name, used = _COLORS.get(int(page.photometric), ("RGB", 3) if channels in (3, 4) else ("grey", 1))
    place = _alpha_place(page, used, channels)
    texts = [name if channels >= used else f"{channels} of {name}"]
    if place is not None:
        texts.append("premultiplied alpha, undone" if _extra(page)[place : place + 1] == [_ASSOCIATED] else "alpha")
    ignored = channels - used - (place is not None)
    if ignored > 0:
        texts.append(f"{ignored} more, not shown")
    return "RGBA" if texts == ["RGB", "alpha"] else ", ".join(texts)


def _values(path: Path, page: TiffPage) -> NDArray[Any]:
    """The numbers of a page, (H, W, C)."""
    _check_segments(path, page)
    if page.imagedepth > 1 or page.samplesperpixel > _MAX_CHANNELS:
        raise MediaError(
            f"{quoted(path)} holds a volume or more than {_MAX_CHANNELS} channels; save one picture of it with up to "
            "four channels."
        )
    compression = int(page.compression)
    if int(page.photometric) == _YCBCR and compression not in _JPEG:
        return _by_opencv(path, page)
    try:
        values = np.asarray(page.asarray())
    except (ValueError, NotImplementedError, ImportError) as error:
        if "compression" in str(error).lower() or "not supported" in str(error).lower() or compression in (2, 3, 4):
            return _by_opencv(path, page)
        raise
    shape = (page.imagelength, page.imagewidth)
    if page.samplesperpixel > 1 and int(page.planarconfig) == 2:
        values = np.moveaxis(values.reshape(page.samplesperpixel, *shape), 0, -1)
    values = np.ascontiguousarray(values.reshape(*shape, -1))
    return values.astype(np.uint8) if values.dtype == np.bool_ else values


def _check_segments(path: Path, page: TiffPage) -> None:
    """tifffile fills up with zeros what is missing at the end of a file."""
    length = path.stat().st_size
    if page.dtype is None and page.is_final:
        raise damaged(path)
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if offset + count > length:
            raise damaged(path)


def missing_segments(path: Path, number: int = 0) -> tuple[int, int]:
    """How many strips or tiles of a page a file does not have, and of how many: tifffile shows them in black.

    `number` is the page, as in `read_tiff`. Raises MediaError.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _chosen(tiff, number)
        if _is_sparse(page):
            return 0, 0
        places = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        return sum(not (offset and count) for offset, count in places), len(places)


def _is_sparse(page: TiffPage) -> bool:
    """Whether GDAL has left out empty tiles (its tag for the value of those is there)."""
    return page.tags.get(_GDAL_NODATA) is not None


def jpeg_segments(path: Path, number: int = 0) -> Iterator[bytes]:
    """The strips or tiles of a page that are JPEGs, each with the tables that they share (TIFF technical note 2).

    `number` is the page, as in `read_tiff`. Raises MediaError.
    """
    with decoding(path), path.open("rb") as file, opened(file) as tiff:
        page = _chosen(tiff, number)
        if int(page.compression) != _NEW_JPEG:
            return
        tables = page.jpegtables or b""
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
            file.seek(offset)
            segment = file.read(count)
            yield tables[:-2] + segment[2:] if tables else segment


def _by_opencv(path: Path, page: TiffPage) -> NDArray[Any]:
    """Decode what tifffile does not unpack, such as fax, through OpenCV: RGB or grey, its orientation undone."""
    import cv2

    offsets = page.parent.pages[0].offset
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = None
    if page.offset == offsets:
        pixels, _ = imdecode(path.read_bytes(), flags)
    if pixels is None or pixels.shape[:2] != (page.imagelength, page.imagewidth):
        name = getattr(page.compression, "name", page.compression)
        raise MediaError(
            f"{quoted(path)} is packed in a way that is not read here ({name}), or is damaged; save it with LZW or "
            "without compression."
        )
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))


def _to_image(path: Path, page: TiffPage, values: NDArray[Any]) -> Image:
    photometric = int(page.photometric)
    if photometric == _PALETTE and page.colormap is not None:
        colors = np.moveaxis(np.asarray(page.colormap), 0, -1)
        # Colours have 16 bits; some programs write 8.
        colors = (colors >> 8 if colors.max() > 255 else colors).astype(np.uint8)
        place = _alpha_place(page, 1, values.shape[2])
        return Image(colors[values[..., 0]], None if place is None else np.ascontiguousarray(values[..., 1 + place]))
    if values.dtype.kind == "f":
        # Values beyond float32 become infinite, and NaN stays NaN.
        with np.errstate(over="ignore", invalid="ignore"):
            values = values.astype(np.float32)
    elif photometric in (_CIELAB, _ICCLAB) and values.shape[2] >= 3 and values.dtype.itemsize <= 2:
        colors = _from_lab(values[..., :3], offset=photometric == _ICCLAB)
        place = _alpha_place(page, 3, values.shape[2])
        return Image(colors, None if place is None else values[..., 3 + place].astype(colors.dtype))
    else:
        values = _full_range(values, int(np.max(page.bitspersample)), _no_data(page))
    n_colors = {_RGB: 3, _YCBCR: 3, INKS: 4}.get(photometric, 3 if values.shape[2] in (3, 4) else 1)
    n_colors = min(n_colors, values.shape[2])
    if n_colors == 2:
        raise MediaError(f"{quoted(path)} is in colour but has two channels only; save it as RGB.")
    place = _alpha_place(page, n_colors, values.shape[2])
    colors = values[..., :n_colors]
    alpha = None if place is None else np.ascontiguousarray(values[..., n_colors + place])
    top = 1.0 if values.dtype == np.float32 else float(np.iinfo(values.dtype).max)
    if photometric == WHITE_IS_ZERO and values.dtype != np.float32:
        colors = np.iinfo(values.dtype).max - colors
    if alpha is not None and place is not None and _extra(page)[place : place + 1] == [_ASSOCIATED]:
        colors = straight(colors, alpha, top)
    if photometric == INKS and n_colors == 4 and values.dtype != np.float32:
        colors = ink_to_srgb(np.ascontiguousarray(colors), bytes(_tag(page, 34675, b"") or b""))
    colors = np.repeat(colors, 3, axis=2) if n_colors == 1 else np.ascontiguousarray(colors[..., :3])
    return Image(colors, alpha, "linear" if values.dtype == np.float32 else "srgb")


def _extra(page: TiffPage) -> list[int]:
    return [int(sample) for sample in page.extrasamples or ()]


def _alpha_place(page: TiffPage, n_colors: int, channels: int) -> int | None:
    """Which channel behind the colours is opacity. A fourth one that nothing is said of is, as for libtiff."""
    extra = _extra(page)
    place = next((place for place, sample in enumerate(extra) if sample in (_ASSOCIATED, _UNASSOCIATED)), None)
    if place is None and not extra and n_colors == 3 and channels == 4:
        place = 0
    return None if place is None or n_colors + place >= channels else place


def _range(values: NDArray[Any], no_data: float | None) -> tuple[int, int]:
    """The smallest and the largest of integers; the number that stands for no measurement does not count."""
    measured = values if no_data is None else values[values != no_data]
    return (int(measured.min()), int(measured.max())) if measured.size else (0, 0)


def _full_range(values: NDArray[Any], bits: int, no_data: float | None) -> NDArray[Any]:
    """Integers as uint8 or uint16 whose largest value is white.

    Of 32 and 64 bits, and with a sign, they are mostly labels or measurements: kept as they are where they fit into
    16 bits, otherwise stretched to them. What was not measured is as the smallest value then.
    """
    if values.dtype in (np.uint8, np.uint16):
        top, white = np.iinfo(values.dtype).max, (1 << bits) - 1
        return values if white >= top else ((values.astype(np.uint32) * top + white // 2) // white).astype(values.dtype)
    low, high = _range(values, no_data)
    if no_data is not None:
        values = np.where(values == no_data, low, values)
    if _fits(low, high):
        return values.astype(np.uint8 if high < 1 << 8 else np.uint16)
    share = (values.astype(np.float64) - low) / max(1, high - low)
    return (share * 65535 + 0.5).astype(np.uint16)


def _from_lab(values: NDArray[Any], *, offset: bool) -> NDArray[Any]:
    """CIE L*a*b* of 8 or 16 bits as sRGB of the same; `offset`: a and b are stored as ICC does, not as signed."""
    sixteen = values.dtype.itemsize == 2
    dtype = np.uint16 if sixteen else np.uint8
    stored: NDArray[Any] = values.astype(dtype, copy=False)
    steps = np.float32(256 if sixteen else 1)
    lightness = stored[..., 0] / np.float32((0xFF00 if offset else 0xFFFF) if sixteen else 255)
    if offset:
        a, b = (stored[..., axis] / steps - np.float32(128) for axis in (1, 2))
    else:
        signed: NDArray[Any] = stored.astype(np.int16 if sixteen else np.int8)
        a, b = (signed[..., axis] / steps for axis in (1, 2))
    fy = (lightness * 100 + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], -1).astype(np.float32)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * (3 * (6 / 29) ** 2)) * np.array(_D50, np.float32)
    light = np.clip(xyz.astype(np.float32) @ _SRGB_FROM_XYZ_D50.T, 0, 1)
    return np.asarray((encode_srgb(light) * np.iinfo(dtype).max + 0.5).astype(dtype))
