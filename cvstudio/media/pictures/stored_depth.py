"""Depth that a phone has stored within its own photograph.

Forms: XMP with GDepth (Google, "Depth Map Metadata", 2014), a picture behind the photograph that XMP's container names
(Google, "Dynamic Depth", 2019), a grey picture behind the photograph that the multi-picture format lists (CIPA DC-007),
and auxiliary pictures of HEIF (ISO/IEC 23008-12, 6.6.2.4).
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap, DepthUnit
from cvstudio.media.file_identity import decoding
from cvstudio.media.pictures.headers import is_heif, jpeg_segments

_XMP, _EXTENDED = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_GAIN_MAP = re.compile(rb"hdrgm:|HDRGainMap|GainMap", re.IGNORECASE)
"""Marks of a map of brightness, which is a grey picture, too."""
_DEPTH_ITEM = re.compile(r"depth", re.IGNORECASE)
_LARGEST_XMP = 64_000_000
_SCAN, _FRAMES = 0xDA, (0xC0, 0xC1, 0xC2)
_HEAD = 262_144
"""Bytes at the beginning of a file in which marks of stored depth are looked for."""
_ATTRIBUTE = r"\b{name}\s*=\s*[\"']([^\"']*)[\"']"
_ELEMENT = r"<{name}\b[^>]*>([^<]*)</{name}>"


@dataclass(frozen=True, eq=False)
class StoredDepth:
    """Depth in a photograph: what form it has, for the user, and the map."""

    form: str
    map: DepthMap


def read_stored_depth(path: Path) -> StoredDepth | None:
    """The depth within a photograph; None where it holds none.

    Raises
    ------
    MediaError
        The file cannot be read, or its depth is damaged.
    """
    with decoding(path):
        content = path.read_bytes()
        if is_heif(content[:64]):
            return _of_heif(content)
        return _of_jpeg(content) if content.startswith(b"\xff\xd8\xff") else None


def may_hold_depth(path: Path) -> bool:
    """Whether a photograph has marks of stored depth: a look at its first bytes, and nothing is decoded."""
    with decoding(path), path.open("rb") as file:
        head = file.read(_HEAD)
    if is_heif(head[:64]):
        return b"auxl" in head
    return head.startswith(b"\xff\xd8\xff") and any(mark in head for mark in (b"GDepth:", b"Depth", b"MPF\0"))


def _of_jpeg(content: bytes) -> StoredDepth | None:
    text = _xmp_text(content)
    found = _gdepth(text)
    if found is None:
        found = _container_item(text, content)
    return found if found is not None else _multi_picture(content)


def _xmp_text(content: bytes) -> str:
    """All XMP of a JPEG, the extended part behind the other."""
    plain: list[bytes] = []
    extended: dict[int, bytes] = {}
    for code, body in jpeg_segments(io.BytesIO(content)):
        if code == _SCAN:
            break
        if code != 0xE1:
            continue
        if body.startswith(_XMP):
            plain.append(body[len(_XMP) :])
        elif body.startswith(_EXTENDED):
            rest = body[len(_EXTENDED) + 32 :]
            total, offset = struct.unpack(">II", rest[:8])
            if total <= _LARGEST_XMP:
                extended[offset] = rest[8:]
    return (b"".join(plain) + b"".join(extended[offset] for offset in sorted(extended))).decode("utf-8", "replace")


def _value(text: str, name: str) -> str:
    """The value of an attribute or element of XMP; empty where there is none."""
    for form in (_ATTRIBUTE, _ELEMENT):
        if match := re.search(form.format(name=re.escape(name)), text):
            return match[1].strip()
    return ""


def _gdepth(text: str) -> StoredDepth | None:
    data = _value(text, "GDepth:Data")
    if not data:
        return None
    try:
        picture = _grey(base64.b64decode("".join(data.split()), validate=True))
    except binascii.Error as error:
        raise ValueError("the depth in its XMP is no base64") from error
    return StoredDepth("XMP, GDepth", _in_range(picture, _facts(text, "GDepth")))


def _container_item(text: str, content: bytes) -> StoredDepth | None:
    """The depth among the pictures behind the photograph, whose lengths XMP lists in their order."""
    items = [_item(match) for match in re.findall(r"<(?:rdf:li|Container:Item)\b[^>]*?Item:[^>]*>", text)]
    items = [item for item in items if item]
    position = len(content) - sum(int(item["Length"]) for item in items[1:])
    for item in items[1:]:
        length = int(item["Length"])
        if _DEPTH_ITEM.search(item["Semantic"]) and 0 < position < position + length <= len(content):
            facts = _facts(text, "DepthMap")
            return StoredDepth(
                "a picture behind it, Dynamic Depth", _in_range(_grey(content[position:][:length]), facts)
            )
        position += length
    return None


def _item(text: str) -> dict[str, str]:
    length = _value(text, "Item:Length") or "0"
    name = _value(text, "Item:Semantic") or _value(text, "Item:DataURI")
    return {"Length": length, "Semantic": name} if length.isdecimal() and name else {}


def _facts(text: str, prefix: str) -> dict[str, str]:
    return {name: _value(text, f"{prefix}:{name}") for name in ("Format", "Near", "Far", "Units")}


def _in_range(values: NDArray[np.float32], facts: Mapping[str, str]) -> DepthMap:
    """Depths from levels 0..1 and what XMP says of them; relative where it says nothing usable.

    "RangeInverse" spreads the inverse of depths evenly over the levels, "RangeLinear" the depths themselves.
    """
    try:
        near, far = float(facts["Near"]), float(facts["Far"])
    except ValueError:
        near = far = 0.0
    if not 0 < near < far < np.inf:
        # The level 0 is the nearest in both forms.
        return DepthMap(values, "relative", near_is_large=False)
    if facts["Format"].endswith("Inverse"):
        depth = far * near / (far - np.float32(far - near) * values)
    else:
        depth = near + np.float32(far - near) * values
    unit: DepthUnit = {"m": "m", "mm": "mm"}.get(facts["Units"].casefold(), "m")  # type: ignore[assignment]
    return DepthMap(np.asarray(depth, np.float32), unit)


def _multi_picture(content: bytes) -> StoredDepth | None:
    """A grey picture that is listed behind the photograph and is no map of brightness."""
    for start, length in _listed_pictures(content):
        part = content[start : start + length]
        if not part.startswith(b"\xff\xd8") or _GAIN_MAP.search(part[:65_536]):
            continue
        channels = next((body[5] for code, body in jpeg_segments(io.BytesIO(part)) if code in _FRAMES), 0)
        if channels == 1:
            return StoredDepth("a picture behind it (MPO)", DepthMap(_grey(part), "relative", near_is_large=True))
    return None


def _listed_pictures(content: bytes) -> Iterator[tuple[int, int]]:
    """Start and length of the pictures behind the first one (CIPA DC-007, 5.2)."""
    position = content.find(b"MPF\0", 0, _HEAD)
    if position < 0:
        return
    base = position + 4
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[base : base + 4])
    if order is None:
        return
    (directory,) = struct.unpack_from(f"{order}I", content, base + 4)
    (count,) = struct.unpack_from(f"{order}H", content, base + directory)
    for number in range(min(count, 64)):
        tag, _, length, value = struct.unpack_from(f"{order}HHII", content, base + directory + 2 + 12 * number)
        if tag != 0xB002:
            continue
        for entry in range(1, min(length // 16, 16)):
            _, size, offset = struct.unpack_from(f"{order}III", content, base + value + 16 * entry)
            if offset > 0 and base + offset + size <= len(content):
                yield base + offset, size


def _grey(data: bytes) -> NDArray[np.float32]:
    """Levels 0..1 of an encoded picture of one channel, float32 (h, w)."""
    import cv2

    values: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise ValueError("its depth cannot be decoded")
    if values.ndim == 3:
        values = values[..., 0]
    top = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
    return np.asarray(values, np.float32) / np.float32(top)


def _of_heif(content: bytes) -> StoredDepth | None:
    import pi_heif

    file = pi_heif.open_heif(io.BytesIO(content), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    depths = file.info.get("depth_images") or []
    if not depths:
        return None
    values = np.array(depths[0])
    values = (values[..., 0] if values.ndim == 3 else values).astype(np.float32)
    facts: Mapping[str, Any] = depths[0].info.get("metadata") or {}
    near, far = facts.get("z_near"), facts.get("z_far")
    levels = np.asarray(values / (values.max() if values.max() > 255 else 255), np.float32)
    if facts.get("representation_type") == 0 and near and far and 0 < near < far:
        # Uniform inverse depth (ISO/IEC 23008-2, H.14): the greatest level is the nearest.
        depth = 1 / (levels * np.float32(1 / near - 1 / far) + np.float32(1 / far))
        return StoredDepth("an auxiliary picture (HEIF)", DepthMap(np.asarray(depth, np.float32), "m"))
    return StoredDepth("an auxiliary picture (HEIF)", DepthMap(levels, "relative", near_is_large=True))
