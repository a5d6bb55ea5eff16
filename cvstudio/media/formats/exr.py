"""OpenEXR: pictures in linear light, of half or full floats, in several parts and layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, check_size, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader

_MAGIC = b"v/1\x01"
_CHANNELS = b"channels\0chlist\0"
_SMALLEST_CHUNK = 8
"""Bytes of the offset of one row or block of rows, independent of the compression."""
_ROWS_A_CHUNK = 256
"""Most rows in one block with any compression."""
# Luminance of the BT.709 primaries, the default of files without chromaticities.
_LUMA = (0.2126, 0.7152, 0.0722)


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
    channels : names of all channels, those of other layers, too
    """

    number: int
    size: Size
    stored: Size
    origin: tuple[int, int]
    colour: tuple[str, ...]
    alpha: str
    depth: str
    bits: int
    compression: str
    channels: tuple[str, ...]

    @property
    def holds_depth(self) -> bool:
        """Whether it has a single channel, as depth cameras and renderers write."""
        return not self.alpha and len(self.colour) + bool(self.depth) == 1


def is_exr(head: bytes) -> bool:
    """Whether a file that begins with `head` is OpenEXR."""
    return head.startswith(_MAGIC)


def _parts(path: Path) -> tuple[ExrPart, ...]:
    """All flat parts, from their headers alone. Raises MediaError."""
    import OpenEXR

    parts = []
    with decoding(path), OpenEXR.File(str(path), separate_channels=True, header_only=True) as file:
        bits = _bits(path)
        for number, part in enumerate(file.parts):
            if part.header.get("type") in (OpenEXR.deepscanline, OpenEXR.deeptile):
                continue
            parts.append(_part(path, number, part, bits))
    if not parts:
        raise MediaError(f"{quoted(path)} holds only deep pixels; flatten it in the program that made it.")
    return tuple(parts)


def _bits(path: Path) -> dict[str, int]:
    """Bits of each channel by name, from the first header: the library gives them only after decoding."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    start = head.find(_CHANNELS)
    if start < 0:
        return {}
    # Each entry: a name and its NUL, the type (0 unsigned, 1 half, 2 float) and three more integers.
    entries = re.finditer(rb"([^\0]+)\0([\0-\2])\0{3}.{12}", head[start + len(_CHANNELS) + 4 :], re.DOTALL)
    return {match[1].decode("utf-8", "replace"): 16 if match[2] == b"\1" else 32 for match in entries}


def _part(path: Path, number: int, part: Any, bits: dict[str, int]) -> ExrPart:
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
    return ExrPart(
        number,
        size,
        stored,
        (x1 - left, y1 - top),
        colour,
        layer.get("A", "") if colour else "",
        depth,
        bits.get(colour[0] if colour else depth, 32),
        str(part.header.get("compression", "")).rpartition(".")[2].removesuffix("_COMPRESSION").lower(),
        tuple(channels),
    )


def _layer(names: tuple[str, ...]) -> dict[str, str]:
    """Channels of the first layer with colours, else of the first layer: short name -> name in the file."""
    layers: dict[str, dict[str, str]] = {}
    for name in names:
        layer, _, short = name.rpartition(".")
        layers.setdefault(layer, {})[short] = name
    # The unnamed layer is the picture; renderers name their additional layers.
    ordered = [layers[name] for name in sorted(layers, key=lambda name: (name != "", name))]
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
    import OpenEXR

    with decoding(path), OpenEXR.File(str(path), separate_channels=True) as file:
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


def _picture_part(path: Path) -> ExrPart:
    """The first part with colours, else the first. Raises MediaError."""
    parts = _parts(path)
    coloured = next((part for part in parts if len(part.colour) == 3), None)
    return coloured or next((part for part in parts if part.colour or part.depth), parts[0])


def read_exr(path: Path) -> Image:
    """Decode the first part with colours.

    Returns
    -------
    Image
        float32 RGB in linear light, not premultiplied, with alpha where there is one. Covers the display window; 0
        outside the data window.

    Raises
    ------
    MediaError
        The file is damaged or was removed, or holds no picture.
    """
    part = _picture_part(path)
    names = part.colour or ((part.depth,) if part.depth else ())
    if not names:
        raise MediaError(f"{quoted(path)} holds no colours; choose another file.")
    planes = _read(path, part, (*names, part.alpha) if part.alpha else names)
    alpha = np.clip(planes.pop(), 0, 1) if part.alpha else None
    if len(planes) == 3 and part.colour[0].endswith("Y"):
        planes = _from_luminance(*planes)
    pixels = np.dstack(planes * 3 if len(planes) == 1 else planes)
    if alpha is not None:
        # OpenEXR stores premultiplied colours; where alpha is 0 they are emission without coverage.
        pixels = np.divide(pixels, alpha[..., None], out=pixels, where=alpha[..., None] > 0)
    return Image(readonly(pixels), None if alpha is None else readonly(alpha), "linear")


def _from_luminance(
    y: NDArray[np.float32], ry: NDArray[np.float32], by: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    """Red, green and blue from luminance and the colour differences RY = (R - Y) / Y, BY = (B - Y) / Y."""
    red, blue = (ry + 1) * y, (by + 1) * y
    return [red, (y - _LUMA[0] * red - _LUMA[2] * blue) / np.float32(_LUMA[1]), blue]


def read_exr_depth(path: Path) -> tuple[NDArray[np.float32], str, tuple[str, ...]]:
    """The depth channel (Z) of any layer or part, else the only channel.

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
    parts = _parts(path)
    part = next((part for part in parts if part.depth), None) or next((p for p in parts if p.holds_depth), None)
    if part is None:
        raise MediaError(f"{quoted(path)} is a colour picture; a depth map has one channel, so open it as a picture.")
    channel = part.depth or part.colour[0]
    return _read(path, part, (channel,))[0], channel, tuple(name for name in part.channels if name != channel)


def exr_holds_depth(path: Path) -> bool:
    """Whether the file can only be a depth map: every part has a single channel. Raises MediaError."""
    return all(part.holds_depth for part in _parts(path))


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    if not is_exr(head):
        return None
    part = _picture_part(path)
    names = " ".join((*part.colour, *((part.alpha,) if part.alpha else ()))) or part.depth
    details = {
        "format": "OpenEXR",
        "bits": f"{part.bits} (float)",
        "channels": names,
        "light": "linear",
        "compression": part.compression,
    }
    left = [name for name in part.channels if name not in (*part.colour, part.alpha)]
    if left and part.colour:
        details["left"] = ", ".join(left)
    return Media(identity, path, MediaKind.IMAGE, part.size, details=details)


FORMATS.register(
    Format(
        key="exr",
        kind=MediaKind.IMAGE,
        title="picture",
        suffixes=(".exr",),
        probe=_probe,
        reader=lambda media: WholeReader(media, read_exr),
        order=23,
    )
)
