"""OpenEXR: pictures in linear light, of half or full floats, in several parts and layers."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import listed
from cvstudio.foundation.native_messages import NATIVE_MESSAGES, muted
from cvstudio.media.base import Format, Media, MediaKind, Reading
from cvstudio.media.file_identity import HEAD_BYTES, check_size, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.grey import DEPTH, LABELS, PICTURE, count_labels, reading_of_name
from cvstudio.media.pictures.color_code import BT709, primaries_name, to_bt709, xyz_of

_MAGIC = b"v/1\x01"
_CHANNELS = b"channels\0chlist\0"
_SMALLEST_CHUNK = 8
"""Bytes of the offset of one row or block of rows, independent of the compression."""
_NUMBERS = ((32, "integer"), (16, "float"), (32, "float"))
"""Bits and kind of the numbers of a channel by its type."""
_MOST_VALUES = 4_000_000_000
"""Most values of all channels of a file: 16 GB. Empty ones take next to no room in it."""
_ROWS_A_CHUNK = 256
"""Most rows in one block with any compression."""
# Luminance of the BT.709 primaries, the default of files without chromaticities.
_LUMA = (0.2126, 0.7152, 0.0722)
_INDEX = re.compile(r"index|label|mask|(?:^|[._])ids?(?:[._]|$)", re.IGNORECASE)
"""In the name of a channel with the numbers of objects or materials."""


@dataclass(frozen=True)
class ExrPart:
    """Header of one part of a file.

    Parameters
    ----------
    number : index of the part
    size : of the display window in pixels
    stored : size of the data window in pixels
    origin : (x, y) of the data window in the display window; may be negative
    colour : names of the picture's channels: R G B, or Y RY BY, or one for grey; empty without a picture
    alpha, depth : names of these channels; "" where there is none
    bits : per channel, 16 or 32
    numbers : "float" or "integer"
    channels : names of all channels, those of other layers, too
    name : of the part; "" where it has none
    chromaticities : x and y of red, green, blue and white
    aspect : width of a pixel divided by its height
    """

    number: int
    size: Size
    stored: Size
    origin: tuple[int, int]
    colour: tuple[str, ...]
    alpha: str
    depth: str
    bits: int
    numbers: str
    compression: str
    channels: tuple[str, ...]
    name: str = ""
    chromaticities: tuple[float, ...] = BT709
    aspect: float = 1.0

    @property
    def holds_depth(self) -> bool:
        """Whether it has a single channel, as depth cameras and renderers write."""
        return not self.alpha and len(self.colour) + bool(self.depth) == 1


def is_exr(head: bytes) -> bool:
    """Whether a file that begins with `head` is OpenEXR."""
    return head.startswith(_MAGIC)


def _parts(path: Path) -> tuple[ExrPart, ...]:
    """All flat parts, from their headers alone. Raises MediaError."""
    with decoding(path):
        status = path.stat()
    return _parts_of(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _parts_of(path: Path, n_bytes: int, mtime_ns: int) -> tuple[ExrPart, ...]:
    """`_parts` of a file of this size and time: recognising, describing and reading it ask for them one by one."""
    import OpenEXR

    parts = []
    with _opened(path, header_only=True) as file:
        numbers = exr_numbers(path)
        for number, part in enumerate(file.parts):
            if part.header.get("type") in (OpenEXR.deepscanline, OpenEXR.deeptile):
                continue
            parts.append(_part(path, number, part, numbers))
    if not parts:
        raise MediaError(f"{quoted(path)} holds only deep pixels; flatten it in the program that made it.")
    # The library decodes all channels to read one.
    n_values = sum(part.stored.width * part.stored.height * len(part.channels) for part in parts)
    if n_values > _MOST_VALUES:
        n_channels = sum(len(part.channels) for part in parts)
        raise MediaError(
            f"{quoted(path)} claims to hold {n_values / 1e9:,.0f} billion values in {n_channels} channels; at most "
            f"{_MOST_VALUES // 10**9} billion can be read, so save fewer channels in one file."
        )
    return tuple(parts)


@contextmanager
def _opened(path: Path, *, header_only: bool = False) -> Iterator[Any]:
    """The file with its channels, whose pixels are decoded unless `header_only`. Raises MediaError."""
    import OpenEXR

    def opened() -> Any:
        return OpenEXR.File(str(path), separate_channels=True, header_only=header_only)

    with decoding(path):
        with muted():  # the library prints what it raises
            opening, _ = NATIVE_MESSAGES.of(opened)
        with opening as file:
            yield file


def exr_numbers(path: Path) -> dict[str, tuple[int, str]]:
    """Bits and kind ("float", "integer") of each channel by name, from the first header: the library gives them only
    after decoding."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    start = head.find(_CHANNELS)
    if start < 0:
        return {}
    # Each entry: a name and its NUL, the type (0 unsigned, 1 half, 2 float) and three more integers.
    entries = re.finditer(rb"([^\0]+)\0([\0-\2])\0{3}.{12}", head[start + len(_CHANNELS) + 4 :], re.DOTALL)
    return {match[1].decode("utf-8", "replace"): _NUMBERS[match[2][0]] for match in entries}


def _part(path: Path, number: int, part: Any, numbers: dict[str, tuple[int, str]]) -> ExrPart:
    data, display = part.header["dataWindow"], part.header["displayWindow"]
    (x1, y1), (x2, y2) = (tuple(int(edge) for edge in corner) for corner in data)
    (left, top), (right, bottom) = (tuple(int(edge) for edge in corner) for corner in display)
    size, stored = Size(right - left + 1, bottom - top + 1), Size(x2 - x1 + 1, y2 - y1 + 1)
    check_size(path, size)
    check_size(path, stored)
    if stored.height // _ROWS_A_CHUNK * _SMALLEST_CHUNK > path.stat().st_size:
        raise damaged(path)
    channels = {channel.name: channel for channel in part.header["channels"]}
    layer = _layer(tuple(channels))
    colour = _colour(layer)
    depth = _depth(tuple(channels), str(part.header.get("name", "")))
    if colour == (depth,):
        colour = ()
    elif not depth and len(colour) == 3 and any(map(_says_depth, (colour[0].rpartition(".")[0], path.stem))):
        # Renderers write a pass with one value as grey; what is only called depth is a picture.
        depth = colour[0] if _equal(path, number, colour) else ""
    return ExrPart(
        number,
        size,
        stored,
        (x1 - left, y1 - top),
        colour,
        layer.get("A", "") if colour else "",
        depth,
        *numbers.get(colour[0] if colour else depth, (32, "float")),
        str(part.header.get("compression", "")).rpartition(".")[2].removesuffix("_COMPRESSION").lower(),
        tuple(channels),
        str(part.header.get("name", "")),
        tuple(float(place) for place in part.header.get("chromaticities", BT709)),
        float(part.header.get("pixelAspectRatio", 1)),
    )


def _equal(path: Path, number: int, names: tuple[str, ...]) -> bool:
    """Whether the channels `names` of a part have the same pixels. Raises MediaError."""
    with _opened(path) as file:
        first, *others = (np.asarray(file.parts[number].channels[name].pixels) for name in names)
        return all(np.array_equal(first, other, equal_nan=True) for other in others)


def _says_depth(name: str) -> bool:
    """Whether the ending of a layer's or a file's name says that it holds depth."""
    reading = reading_of_name(name)
    return reading is not None and reading.key == DEPTH.key


def _layers(names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Channels of each layer: its name -> short name -> name in the file. The unnamed layer comes first, as it is the
    picture; renderers name their additional layers."""
    layers: dict[str, dict[str, str]] = {}
    for name in names:
        layer, _, short = name.rpartition(".")
        layers.setdefault(layer, {})[short] = name
    return {name: layers[name] for name in sorted(layers, key=lambda name: (name != "", name))}


def _layer(names: tuple[str, ...]) -> dict[str, str]:
    """Channels of the first layer with colours, else of the first layer: short name -> name in the file."""
    ordered = list(_layers(names).values())
    return next((layer for layer in ordered if {"R", "G", "B"} <= layer.keys()), ordered[0] if ordered else {})


def _depth(names: tuple[str, ...], part: str) -> str:
    """The channel of depth in any layer, the unnamed one first: called Z or depth, or the only one of a layer or part
    that is called so; "" where there is none."""
    layers: dict[str, list[str]] = {}
    for name in names:
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    for layer in sorted(layers, key=lambda layer: (layer != "", layer)):
        short = {name.rpartition(".")[2].upper(): name for name in layers[layer]}
        # Normals and positions have a Z, too.
        found = short.get("DEPTH") or ("" if short.keys() >= {"X", "Y"} else short.get("Z", ""))
        called = (layer or part).rpartition(".")[2].upper() in ("DEPTH", "Z")
        if found or (called and len(short) == 1):
            return found or layers[layer][0]
    return ""


def _colour(layer: dict[str, str]) -> tuple[str, ...]:
    for channels in (("R", "G", "B"), ("Y", "RY", "BY"), ("Y",)):
        if layer.keys() >= set(channels):
            return tuple(layer[name] for name in channels)
    rest = [name for short, name in layer.items() if short.upper() not in ("A", "Z", "DEPTH", "ZBACK")]
    return (rest[0],) if rest else ()


def _read(path: Path, part: ExrPart, names: tuple[str, ...]) -> list[NDArray[np.float32]]:
    """Channels of one part, float32 (H, W) in the display window; 0 outside the data window."""
    with _opened(path) as file:
        channels = file.parts[part.number].channels
        return [_in_display_window(path, np.asarray(channels[name].pixels, np.float32), part) for name in names]


def _in_display_window(path: Path, stored: NDArray[np.float32], part: ExrPart) -> NDArray[np.float32]:
    target_shape = (part.stored.height, part.stored.width)
    if stored.ndim != 2:
        raise damaged(path)
    if stored.shape != target_shape:
        # Colour differences are subsampled: one for every second pixel.
        rows, columns = (-(-target_shape[axis] // max(1, stored.shape[axis])) for axis in (0, 1))
        stored = np.repeat(np.repeat(stored, rows, 0), columns, 1)[: target_shape[0], : target_shape[1]]
        if stored.shape != target_shape:
            raise damaged(path)
    if part.origin == (0, 0) and part.stored == part.size:
        return stored
    x, y = part.origin
    window = np.zeros((part.size.height, part.size.width), np.float32)
    left, top = max(0, x), max(0, y)
    right, bottom = min(part.size.width, x + part.stored.width), min(part.size.height, y + part.stored.height)
    if left < right and top < bottom:
        window[top:bottom, left:right] = stored[top - y : bottom - y, left - x : right - x]
    return window


def _picture_part(parts: tuple[ExrPart, ...]) -> ExrPart:
    """The first part with colours, else the first."""
    coloured = next((part for part in parts if len(part.colour) == 3), None)
    return coloured or next((part for part in parts if part.colour or part.depth), parts[0])


def _depth_part(parts: tuple[ExrPart, ...]) -> ExrPart | None:
    """The first part with a channel of depth, else the first with a single channel; None where there is none."""
    return next((part for part in parts if part.depth), None) or next((p for p in parts if p.holds_depth), None)


def exr_readings(path: Path) -> tuple[Reading, ...]:
    """What a file may be read as, the likeliest first; empty where it holds one picture and nothing else.

    Raises
    ------
    MediaError
    """
    parts = _parts(path)
    readings = list(_choices(parts))
    if all(part.holds_depth for part in parts):
        reason = "one channel is what depth cameras and renderers write"
    elif any(part.depth in part.colour for part in parts):
        reason = "its name ends in depth"
    else:
        reason = ""
    if reason:
        readings.sort(key=lambda reading: reading.key != DEPTH.key)
        readings[0] = dataclasses.replace(readings[0], reason=reason)
    return tuple(readings) if len(readings) > 1 else ()


def _choices(parts: tuple[ExrPart, ...]) -> dict[Reading, ExrPart]:
    """Each reading with the part that has the channels read in place of its own: three colours, or a single one."""
    picture, depth = _picture_part(parts), _depth_part(parts)
    usual: dict[Reading, ExrPart] = {}
    if picture.colour or picture.depth:
        usual[PICTURE] = picture = dataclasses.replace(picture, colour=picture.colour or (picture.depth,))
    if depth is not None:
        usual[DEPTH] = depth = dataclasses.replace(depth, colour=(depth.depth or depth.colour[0],))
    others: dict[Reading, ExrPart] = {}
    for part in parts:
        layers = _layers(part.channels)
        for layer, channels in layers.items():
            colour, alpha = _colour(channels), channels.get("A", "")
            chosen = dataclasses.replace(part, colour=colour, alpha=alpha)
            if len(colour) < 3:
                colour = ()
            elif (part.number, colour) != (picture.number, picture.colour):
                others[_of(PICTURE, layer, part, parts)] = chosen
            for channel in channels.values():
                if channel in (*colour, alpha):
                    continue
                chosen = dataclasses.replace(part, colour=(channel,), alpha="")
                offered = [PICTURE, DEPTH, *([LABELS] if _INDEX.search(channel) else [])]
                for reading in offered:
                    same = usual.get(reading)
                    if same is None or (same.number, same.colour) != (part.number, (channel,)):
                        name = f"channel {channel}" if channel in layers else channel
                        others[_of(reading, name, part, parts)] = chosen
    return usual | others


def _of(reading: Reading, name: str, part: ExrPart, parts: tuple[ExrPart, ...]) -> Reading:
    """`reading` of a layer or channel; where there are several parts, the part is named before it."""
    if len(parts) > 1:
        name = "/".join(filter(None, (part.name or str(part.number + 1), name)))
    return dataclasses.replace(reading, key=f"{reading.key}={name}", title=f"{reading.title}: {name}")


def _chosen(path: Path, reading: Reading | None, usual: Reading) -> ExrPart:
    """The part with the channels that `reading` means. Raises MediaError."""
    parts = _parts(path)
    key = usual.key if reading is None else reading.key
    chosen = next((part for offered, part in _choices(parts).items() if offered.key == key), None)
    return _picture_part(parts) if chosen is None else chosen


def read_exr(path: Path, reading: Reading | None = None) -> Image:
    """Decode the layer of `reading`, by default that of the first part with colours.

    Returns
    -------
    Image
        float32 RGB in linear light with the primaries of BT.709, not premultiplied, with alpha where there is one.
        Covers the display window; 0 outside the data window. Labels are in their colours.

    Raises
    ------
    MediaError
        The file is damaged or was removed, or holds no picture.
    """
    part = _chosen(path, reading, PICTURE)
    names = part.colour
    if not names:
        raise MediaError(f"{quoted(path)} holds no colours; choose another file.")
    planes = _read(path, part, (*names, part.alpha) if part.alpha else names)
    if reading is not None and reading.name == LABELS.name:
        from cvstudio.draw.samples.labels import label_picture

        return Image(label_picture(_whole_numbers(planes[0])))
    alpha = np.clip(planes.pop(), 0, 1) if part.alpha else None
    if len(planes) == 3 and part.colour[0].endswith("Y"):
        planes = _from_luminance(planes, _luma(part))
    pixels = np.dstack(planes * 3 if len(planes) == 1 else planes)
    if len(planes) == 3 and (matrix := _to_bt709(part)) is not None:
        pixels = np.asarray(pixels @ matrix.T.astype(np.float32))
    if alpha is not None:
        # OpenEXR stores premultiplied colours; where alpha is 0 they are emission without coverage.
        pixels = np.divide(pixels, alpha[..., None], out=pixels, where=alpha[..., None] > 0)
    return Image(readonly(pixels), None if alpha is None else readonly(alpha), "linear")


def _whole_numbers(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """Labels that are stored as floats; 0 for what is no number."""
    return np.rint(np.nan_to_num(values, nan=0, posinf=0, neginf=0)).astype(np.int64)


def _has_bt709(part: ExrPart) -> bool:
    return np.allclose(part.chromaticities, BT709, atol=5e-4)


def _to_bt709(part: ExrPart) -> NDArray[np.float64] | None:
    """Matrix to the primaries of BT.709; None where they are those, or span no colours."""
    try:
        return None if _has_bt709(part) else to_bt709(part.chromaticities)
    except ValueError:
        return None


def _luma(part: ExrPart) -> NDArray[np.float64]:
    """Luminance of red, green and blue."""
    return np.array(_LUMA) if _to_bt709(part) is None else xyz_of(part.chromaticities)[1]


def _from_luminance(planes: list[NDArray[np.float32]], luma: NDArray[np.float64]) -> list[NDArray[np.float32]]:
    """Red, green and blue from luminance and the colour differences RY = (R - Y) / Y, BY = (B - Y) / Y."""
    y, ry, by = planes
    red, blue = (ry + 1) * y, (by + 1) * y
    return [red, ((y - luma[0] * red - luma[2] * blue) / luma[1]).astype(np.float32), blue]


def read_exr_depth(path: Path, reading: Reading | None = None) -> tuple[NDArray[np.float32], str, tuple[str, ...]]:
    """The channel of `reading`, by default the depth channel (Z) of any layer or part, else the only channel.

    Returns
    -------
    values : float32 (H, W), as stored
    channel : its name
    others : names of the other channels of its part

    Raises
    ------
    MediaError
        The file is damaged, or holds colours and no depth.
    """
    if reading is None and _depth_part(_parts(path)) is None:
        raise MediaError(f"{quoted(path)} is a colour picture; a depth map has one channel, so open it as a picture.")
    part = _chosen(path, reading, DEPTH)
    channel = part.colour[0]
    return _read(path, part, (channel,))[0], channel, tuple(name for name in part.channels if name != channel)


def exr_holds_depth(path: Path) -> bool:
    """Whether the file is likeliest a depth map: every part has a single channel, or a name says so.

    Raises MediaError.
    """
    parts = _parts(path)
    return all(part.holds_depth for part in parts) or any(part.depth in part.colour for part in parts)


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not is_exr(head):
        return None
    parts = _parts(path)
    readings = exr_readings(path)
    part = _picture_part(parts)
    return Media(identity, path, MediaKind.IMAGE, part.size, details=_details(part), readings=readings)


def _read_as(media: Media) -> Media:
    part = _chosen(media.path, media.reading, PICTURE)
    return dataclasses.replace(media, size=part.size, details=_details(part))


def _details(part: ExrPart) -> dict[str, str]:
    names = " ".join((*part.colour, *((part.alpha,) if part.alpha else ()))) or part.depth
    details = {
        "format": "OpenEXR",
        "bits": f"{part.bits} ({part.numbers})",
        "channels": names,
        "light": "linear",
        "compression": part.compression,
    }
    if len(part.colour) == 3 and not _has_bt709(part):
        name = primaries_name(part.chromaticities)
        told = "that are not valid, so ignored" if _to_bt709(part) is None else f"of {name}, converted to those of sRGB"
        details["profile"] = f"primaries {told}"
    if part.aspect != 1:
        details["aspect"] = f"{part.aspect:.4g}, ignored: pixels are shown as squares"
    left = [name for name in part.channels if name not in (*part.colour, part.alpha)]
    if left and part.colour:
        details["left"] = listed(left)
    return details


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    if media.reading is not None and media.reading.name == LABELS.name:
        part = _chosen(media.path, media.reading, LABELS)
        yield "Labels", count_labels(_whole_numbers(_read(media.path, part, part.colour)[0]))


def _reader(media: Media) -> WholeReader[Image]:
    reading = media.reading
    return WholeReader(media, lambda path: read_exr(path, reading))


FORMATS.register(
    Format(
        key="exr",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".exr",),
        probe=_probe,
        reader=_reader,
        facts=_facts,
        offers=(PICTURE.name, LABELS.name),
        read_as=_read_as,
        order=23,
    )
)
