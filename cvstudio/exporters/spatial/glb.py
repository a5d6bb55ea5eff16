"""glTF 2.0 in its binary form: meshes and clouds as named nodes, with colours, normals and textures."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.srgb import decode_srgb
from cvstudio.exporters.file_names import encoded

_FLOAT, _UINT16, _UINT32 = 5126, 5123, 5125
_TRIANGLES, _POINTS = 4, 0


def glb_bytes(
    items: Sequence[tuple[str, TriangleMesh | PointCloud]], origin: NDArray[np.float64] | None = None
) -> bytes:
    """The content of a GLB file (glTF 2.0, 4.4).

    Parameters
    ----------
    items : (name, geometry); empty ones are left out. Colours of vertices are linear (3.7.2.1)
    origin : float64 (3,), what is subtracted from the coordinates, which are floats, and stands in the node of all
        instead: a translation of the whole, as numbers of JSON are doubles. None leaves the coordinates as they are
    """
    file = _File()
    for name, geometry in items:
        file.add(name, geometry, np.zeros(3) if origin is None else origin)
    return file.content(origin)


class _File:
    """A file that is put together."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []
        self._meshes: list[dict[str, Any]] = []
        self._nodes: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []
        self._length = 0

    def add(self, name: str, geometry: TriangleMesh | PointCloud, origin: NDArray[np.float64]) -> None:
        is_mesh = isinstance(geometry, TriangleMesh)
        points = geometry.vertices if isinstance(geometry, TriangleMesh) else geometry.points
        colours, normals, uv, faces = geometry.colours, geometry.normals, None, None
        if isinstance(geometry, TriangleMesh):
            faces = geometry.triangles
            if geometry.texture is not None and geometry.uv is not None:
                # A vertex has one place in the texture: each corner becomes a vertex.
                corners = faces.reshape(-1)
                points, colours = points[corners], None
                normals = None if normals is None else normals[corners]
                # Rows of a picture run downwards there (3.8.4).
                uv = np.column_stack([geometry.uv[..., 0].ravel(), 1 - geometry.uv[..., 1].ravel()])
                faces = np.arange(len(points), dtype=np.int32).reshape(-1, 3)
        if not len(points):
            return
        local = (points - origin).astype("<f4")
        limits = {"min": local.min(axis=0).tolist(), "max": local.max(axis=0).tolist()}
        attributes = {"POSITION": self._accessor(local, _FLOAT, "VEC3", **limits)}
        if normals is not None and is_mesh:
            attributes["NORMAL"] = self._accessor(normals.astype("<f4"), _FLOAT, "VEC3")
        if colours is not None:
            rows = np.full((len(points), 4), 65_535, "<u2")
            rows[:, :3] = np.round(decode_srgb(colours.astype(np.float32) / 255) * 65_535)
            attributes["COLOR_0"] = self._accessor(rows, _UINT16, "VEC4", normalized=True)
        primitive: dict[str, Any] = {"attributes": attributes, "mode": _TRIANGLES if is_mesh else _POINTS}
        if uv is not None and isinstance(geometry, TriangleMesh) and geometry.texture is not None:
            attributes["TEXCOORD_0"] = self._accessor(uv.astype("<f4"), _FLOAT, "VEC2")
            primitive["material"] = len(self._images)
            picture = self._view(encoded(geometry.texture, ".png"))
            self._images.append({"bufferView": picture, "mimeType": "image/png"})
        if faces is not None:
            primitive["indices"] = self._accessor(faces.astype("<u4").reshape(-1), _UINT32, "SCALAR")
        named = {"name": name} if name else {}
        self._nodes.append({"mesh": len(self._meshes), **named})
        self._meshes.append({"primitives": [primitive], **named})

    def _view(self, content: bytes) -> int:
        self._views.append({"buffer": 0, "byteOffset": self._length, "byteLength": len(content)})
        # Every part begins at a multiple of four bytes (3.6.2.4).
        padded = content + b"\0" * (-len(content) % 4)
        self._parts.append(padded)
        self._length += len(padded)
        return len(self._views) - 1

    def _accessor(self, values: NDArray[Any], component: int, kind: str, **more: Any) -> int:
        view = self._view(values.tobytes())
        self._accessors.append(
            {"bufferView": view, "componentType": component, "count": len(values), "type": kind, **more}
        )
        return len(self._accessors) - 1

    def content(self, origin: NDArray[np.float64] | None) -> bytes:
        nodes, roots = list(self._nodes), list(range(len(self._nodes)))
        if origin is not None and origin.any():
            nodes.append({"name": "origin", "translation": origin.tolist(), "children": roots})
            roots = [len(nodes) - 1]
        described: dict[str, Any] = {
            "asset": {"version": "2.0", "generator": "cvstudio"},
            "scene": 0,
            "scenes": [{"nodes": roots}],
            "nodes": nodes,
            "meshes": self._meshes,
            "buffers": [{"byteLength": self._length}],
            "bufferViews": self._views,
            "accessors": self._accessors,
        }
        if self._images:
            described["images"] = self._images
            described["samplers"] = [{"wrapS": 10497, "wrapT": 10497}]
            described["textures"] = [{"source": number, "sampler": 0} for number in range(len(self._images))]
            described["materials"] = [
                {"pbrMetallicRoughness": {"baseColorTexture": {"index": number}, "metallicFactor": 0.0}}
                for number in range(len(self._images))
            ]
        text = json.dumps(described).encode()
        text += b" " * (-len(text) % 4)
        length = 12 + 8 + len(text) + 8 + self._length
        head = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<I4s", len(text), b"JSON")
        return b"".join([head, text, struct.pack("<I4s", self._length, b"BIN\0"), *self._parts])
