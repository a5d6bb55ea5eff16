"""glTF 2.0: extensions that a file requires, quantised and sparse vertices, strips and fans, and linear colours, made
plain for trimesh."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.srgb import srgb8
from cvstudio.foundation.errors import MediaError
from cvstudio.media.file_identity import quoted
from cvstudio.media.meshes.surfaces import Notes

_READ = {"KHR_mesh_quantization", "KHR_materials_unlit", "KHR_materials_pbrSpecularGlossiness", "EXT_texture_webp"}
"""Extensions that are read."""
_LOOK = ("KHR_materials_", "KHR_lights_", "EXT_lights_", "KHR_xmp")
"""Beginnings of extensions that change neither vertices nor colours: gloss, lights, authors."""
_DRACO = "KHR_draco_mesh_compression"
_DTYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_FLOAT, _BYTE, _UINT = 5126, 5121, 5125
_POINTS, _LINES, _TRIANGLES, _STRIP, _FAN = 0, (1, 2, 3), 4, 5, 6
"""Modes of primitives (glTF 2.0, section 3.7.2.1)."""


def check_extensions(path: Path, document: dict[str, Any]) -> None:
    """Raise MediaError where the file cannot be read without an extension that is not known."""
    required = [name for name in document.get("extensionsRequired", ()) if not _known(name)]
    if not required and _draco_alone(document):
        required = [_DRACO]
    if required:
        names = ", ".join(map(str, required))
        raise MediaError(
            f"{quoted(path)} needs the glTF extension{'s' * (len(required) > 1)} {names}, which cannot be read; save "
            "it without compression or extensions."
        )


def _known(name: Any) -> bool:
    return name in _READ or str(name).startswith(_LOOK)


def _draco_alone(document: dict[str, Any]) -> bool:
    """Whether compressed vertices have no plain copy beside them."""
    accessors = document.get("accessors", [])
    return any(
        _DRACO in primitive.get("extensions", {}) and "bufferView" not in accessors[primitive["attributes"]["POSITION"]]
        for primitive in _primitives(document)
    )


def _primitives(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [primitive for mesh in document.get("meshes", ()) for primitive in mesh.get("primitives", ())]


def parse(content: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON document and binary chunk of a GLB or glTF file; no chunk is b"". Raises ValueError where it is damaged."""
    if not content.startswith(b"glTF"):
        return dict(json.loads(content)), b""
    length = struct.unpack_from("<I", content, 12)[0]
    document, at = json.loads(content[20 : 20 + length]), 20 + length
    binary = b""
    if at + 8 <= len(content) and content[at + 4 : at + 8] == b"BIN\0":
        binary = content[at + 8 : at + 8 + struct.unpack_from("<I", content, at)[0]]
    return dict(document), binary


def plain_glb(path: Path, content: bytes) -> tuple[bytes, Notes]:
    """A GLB of the same content in which positions are floats and the colours of vertices sRGB of 8 bits.

    Parameters
    ----------
    content : a GLB or glTF file that holds all of its data

    Returns
    -------
    glb : bytes
    notes : what is not read

    Raises
    ------
    MediaError
        The file requires an extension that is not known.
    ValueError, KeyError, IndexError
        The file is damaged.
    """
    document, binary = parse(content)
    check_extensions(path, document)
    packed = bytearray()
    starts = []
    for number, entry in enumerate(document.get("buffers", ())):
        packed += bytes(-len(packed) % 4)
        starts.append(len(packed))
        packed += binary if number == 0 and "uri" not in entry else _data_uri(entry["uri"])
    for view in document.get("bufferViews", ()):
        view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
        view["buffer"] = 0
    kinds = {primitive.get("mode", _TRIANGLES) for primitive in _primitives(document)}
    _show_all(document)
    _Plain(document, packed).run()
    document["buffers"] = [{"byteLength": len(packed)}]
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    packed += bytes(-len(packed) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(packed), b"BIN\0") + packed
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks, _not_read(document, kinds)


def _data_uri(uri: str) -> bytes:
    head, _, data = uri.partition(",")
    return base64.b64decode(data) if head.endswith(";base64") else unquote_to_bytes(data)


def _show_all(document: dict[str, Any]) -> None:
    """Add a scene of all nodes where there is none, and nodes where there are none: libraries of parts have neither."""
    nodes = document.setdefault("nodes", [{"mesh": number} for number in range(len(document.get("meshes", ())))])
    if not document.get("scenes"):
        children = {child for node in nodes for child in node.get("children", ())}
        document["scenes"] = [{"nodes": [number for number in range(len(nodes)) if number not in children]}]
    document.setdefault("scene", 0)


def _not_read(document: dict[str, Any], kinds: set[int]) -> Notes:
    left = [name for name in document.get("extensionsUsed", ()) if name not in _READ]
    left += [name for name in ("animations", "skins", "cameras") if document.get(name)]
    if any("targets" in primitive for primitive in _primitives(document)):
        left.append("morph targets")
    surfaces = bool(kinds & {_TRIANGLES, _STRIP, _FAN})
    if kinds & {*_LINES}:
        left.append("lines" if surfaces else "lines, of which the corners are shown")
    if _POINTS in kinds and surfaces:
        left.append("points")
    return {"Not read": ", ".join(left)} if left else {}


class _Plain:
    """Rewrites the accessors of one document; `packed` grows by their new values."""

    def __init__(self, document: dict[str, Any], packed: bytearray) -> None:
        self._document, self._packed = document, packed
        self._made: dict[tuple[int, tuple[float, ...]], int] = {}

    def run(self) -> None:
        materials = self._document.get("materials", [])
        for primitive in _primitives(self._document):
            attributes = primitive.get("attributes", {})
            self._triangulate(primitive)
            for name, number in attributes.items():
                accessor = self._document["accessors"][number]
                if name.startswith("COLOR_"):
                    continue
                integers = accessor.get("normalized") and accessor["componentType"] != _FLOAT
                if integers or "sparse" in accessor:
                    attributes[name] = self._add(number, ())
            if "COLOR_0" not in attributes:
                continue
            factor = (1.0, 1.0, 1.0)
            look = materials[primitive["material"]].get("pbrMetallicRoughness", {}) if "material" in primitive else {}
            if "baseColorTexture" not in look:
                # Colours of vertices and material are multiplied (glTF 2.0, section 3.9.2); trimesh takes one of them.
                factor = tuple(look.get("baseColorFactor", (1, 1, 1, 1))[:3])
                primitive.pop("material", None)
            attributes["COLOR_0"] = self._add(attributes["COLOR_0"], factor)

    def _triangulate(self, primitive: dict[str, Any]) -> None:
        """Make a strip or fan to separate triangles, and lines to points."""
        mode = primitive.get("mode", _TRIANGLES)
        if mode in _LINES:
            primitive["mode"] = _POINTS
            primitive.pop("indices", None)
        if mode not in (_STRIP, _FAN):
            return
        accessors = self._document["accessors"]
        if "indices" in primitive:
            corners = self._values(accessors[primitive["indices"]])[:, 0].astype(np.int64)
        else:
            corners = np.arange(int(accessors[primitive["attributes"]["POSITION"]]["count"]))
        first = np.arange(max(0, len(corners) - 2))
        odd = first % 2
        # glTF 2.0, section 3.7.2.1.
        order = (first, first + 1 + odd, first + 2 - odd) if mode == _STRIP else (first + 1, first + 2, first * 0)
        triangles = corners[np.stack(order, axis=1)]
        entry = {"componentType": _UINT, "type": "SCALAR", "count": triangles.size}
        primitive["indices"] = self._append(entry, triangles.astype("<u4").tobytes())
        primitive["mode"] = _TRIANGLES

    def _append(self, entry: dict[str, Any], data: bytes) -> int:
        """Number of a new accessor `entry` with `data`."""
        self._packed += bytes(-len(self._packed) % 4)
        view = {"buffer": 0, "byteOffset": len(self._packed), "byteLength": len(data)}
        self._packed += data
        self._document.setdefault("bufferViews", []).append(view)
        self._document["accessors"].append({**entry, "bufferView": len(self._document["bufferViews"]) - 1})
        return len(self._document["accessors"]) - 1

    def _add(self, number: int, factor: tuple[float, ...]) -> int:
        """Number of a new accessor with the values of another: floats, or colours where there is a `factor`."""
        if (number, factor) not in self._made:
            values = self._values(self._document["accessors"][number])
            if factor:
                levels = np.full((len(values), 4), 255, np.uint8)
                levels[:, :3] = srgb8((values[:, :3] * factor).astype(np.float32))
                entry = {"componentType": _BYTE, "normalized": True, "type": "VEC4"}
                data = levels.tobytes()
            else:
                entry = {"componentType": _FLOAT, "type": self._document["accessors"][number]["type"]}
                data = values.astype("<f4").tobytes()
            self._made[number, factor] = self._append({**entry, "count": len(values)}, data)
        return self._made[number, factor]

    def _values(self, accessor: dict[str, Any]) -> NDArray[np.float64]:
        """Values (count, width); normalised integers become 0..1 or -1..1 (glTF 2.0, section 3.6.2.2).

        Sparse accessors replace some values by others (section 3.6.2.3).
        """
        values = self._dense_values(accessor)
        if "sparse" in accessor:
            sparse = accessor["sparse"]
            rows = self._dense_values({**sparse["indices"], "type": "SCALAR", "count": sparse["count"]})[:, 0]
            values[rows.astype(np.int64)] = self._dense_values(
                {**accessor, "byteOffset": 0, **sparse["values"], "count": sparse["count"]}
            )
        return values

    def _dense_values(self, accessor: dict[str, Any]) -> NDArray[np.float64]:
        dtype, width = np.dtype(_DTYPES[accessor["componentType"]]), _WIDTHS[accessor["type"]]
        count, size = int(accessor["count"]), dtype.itemsize * width
        if "bufferView" not in accessor:
            return np.zeros((count, width))
        view = self._document["bufferViews"][accessor["bufferView"]]
        stride = int(view.get("byteStride", size))
        start = view["byteOffset"] + accessor.get("byteOffset", 0)
        if count < 1 or stride < size or start < 0 or start + stride * (count - 1) + size > len(self._packed):
            raise ValueError("an accessor beyond its buffer")
        raw = np.frombuffer(bytes(self._packed[start : start + stride * (count - 1) + size]), np.uint8)
        rows = np.lib.stride_tricks.as_strided(raw, (count, size), (stride, 1))
        values = np.ascontiguousarray(rows).view(dtype).reshape(count, width).astype(np.float64)
        if dtype.kind in "iu" and accessor.get("normalized"):
            return np.maximum(values / np.iinfo(dtype).max, -1)
        return values
