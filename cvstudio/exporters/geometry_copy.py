"""Copies of meshes and point clouds in other formats: PLY, OBJ, GLB, STL and XYZ."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.srgb import decode_srgb
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError

_Geometry = TriangleMesh | PointCloud
FORMATS = {
    ".ply": "PLY",
    ".obj": "Wavefront OBJ",
    ".glb": "glTF binary",
    ".stl": "STL, triangles only",
    ".xyz": "XYZ, points only",
}
"""Titles by ending, the one that keeps everything first."""


def endings(geometry: _Geometry) -> tuple[str, ...]:
    """Endings of the formats that hold `geometry`."""
    unfit = ".xyz" if isinstance(geometry, TriangleMesh) else ".stl"
    return tuple(ending for ending in FORMATS if ending != unfit)


def write_geometry(path: Path, geometry: _Geometry) -> tuple[str, ...]:
    """Write a mesh or a point cloud to `path`, in the format that its ending names.

    Returns
    -------
    tuple of str
        What the format does not hold, such as "colours"; empty where the copy is complete

    Raises
    ------
    ExportError
        The ending names no format that holds it, or `path` is an input.
    OSError
        The file cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in endings(geometry):
        kind = "mesh" if isinstance(geometry, TriangleMesh) else "point cloud"
        expected = ", ".join(endings(geometry))
        raise ExportError(f"{path.name} expects an ending for a {kind}, one of {expected}; choose another name.")
    content = _WRITERS[ending](geometry)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return _lost(geometry, ending)


def _lost(geometry: _Geometry, ending: str) -> tuple[str, ...]:
    lost = []
    if geometry.colours is not None and ending == ".stl":
        lost.append("colours")
    if isinstance(geometry, PointCloud) and geometry.normals is not None and ending in (".obj", ".glb", ".xyz"):
        lost.append("normals")
    points = _points(geometry)
    if ending in (".glb", ".stl") and np.any(points.astype(np.float32) != points):
        lost.append("digits beyond the seventh")
    return tuple(lost)


def _points(geometry: _Geometry) -> NDArray[np.float64]:
    return geometry.vertices if isinstance(geometry, TriangleMesh) else geometry.points


def _ply(geometry: _Geometry) -> bytes:
    points = _points(geometry)
    columns: list[tuple[str, str, str, NDArray[Any]]] = [
        (name, "double", "<f8", points[:, axis]) for axis, name in enumerate("xyz")
    ]
    if isinstance(geometry, PointCloud) and geometry.normals is not None:
        columns += [(f"n{name}", "float", "<f4", geometry.normals[:, axis]) for axis, name in enumerate("xyz")]
    if geometry.colours is not None:
        names = ("red", "green", "blue")
        columns += [(name, "uchar", "u1", geometry.colours[:, axis]) for axis, name in enumerate(names)]
    rows = np.empty(len(points), [(name, dtype) for name, _, dtype, _ in columns])
    for name, _, _, values in columns:
        rows[name] = values
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {kind} {name}" for name, kind, _, _ in columns]
    faces = b""
    if isinstance(geometry, TriangleMesh):
        header += [f"element face {len(geometry.triangles)}", "property list uchar int vertex_indices"]
        table = np.empty(len(geometry.triangles), [("count", "u1"), ("corners", "<i4", 3)])
        table["count"], table["corners"] = 3, geometry.triangles
        faces = table.tobytes()
    return "\n".join([*header, "end_header\n"]).encode() + rows.tobytes() + faces


def _lines(geometry: _Geometry, prefix: str, colours: NDArray[Any] | None) -> list[str]:
    """A line for each point; numbers in as many digits as tell it from every other."""
    table = _points(geometry).tolist()
    if colours is None:
        return [f"{prefix}{x!r} {y!r} {z!r}" for x, y, z in table]
    rows = zip(table, colours.tolist(), strict=True)
    return [f"{prefix}{x!r} {y!r} {z!r} {r!r} {g!r} {b!r}" for (x, y, z), (r, g, b) in rows]


def _obj(geometry: _Geometry) -> bytes:
    colours = None if geometry.colours is None else np.round(geometry.colours / 255, 6)
    lines = _lines(geometry, "v ", colours)
    if isinstance(geometry, TriangleMesh):
        lines += [f"f {a} {b} {c}" for a, b, c in (geometry.triangles + 1).tolist()]
    return "\n".join([*lines, ""]).encode()


def _xyz(geometry: _Geometry) -> bytes:
    return "\n".join([*_lines(geometry, "", geometry.colours), ""]).encode()


def _stl(geometry: _Geometry) -> bytes:
    assert isinstance(geometry, TriangleMesh)
    corners = geometry.vertices[geometry.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    rows = np.zeros(len(corners), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("unused", "<u2")])
    rows["normal"] = normals / np.where(lengths > 0, lengths, 1)
    rows["corners"] = corners
    return b"cvstudio".ljust(80, b" ") + struct.pack("<I", len(rows)) + rows.tobytes()


def _glb(geometry: _Geometry) -> bytes:
    """glTF 2.0, 4.4: one mesh of triangles or points; its colours are linear (3.7.2.1)."""
    points = _points(geometry).astype("<f4")
    parts: list[bytes] = [points.tobytes()]
    accessors: list[dict[str, Any]] = [
        {
            "bufferView": 0,
            "componentType": 5126,
            "count": len(points),
            "type": "VEC3",
            "min": points.min(axis=0).tolist(),
            "max": points.max(axis=0).tolist(),
        }
    ]
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0}, "mode": 4 if isinstance(geometry, TriangleMesh) else 0}
    if geometry.colours is not None:
        linear = decode_srgb(geometry.colours.astype(np.float32) / 255)
        rows = np.full((len(points), 4), 65_535, "<u2")
        rows[:, :3] = np.round(linear * 65_535)
        primitive["attributes"]["COLOR_0"] = len(parts)
        parts.append(rows.tobytes())
        accessors.append(
            {"bufferView": 1, "componentType": 5123, "normalized": True, "count": len(points), "type": "VEC4"}
        )
    if isinstance(geometry, TriangleMesh):
        primitive["indices"] = len(parts)
        count = geometry.triangles.size
        accessors.append({"bufferView": len(parts), "componentType": 5125, "count": count, "type": "SCALAR"})
        parts.append(geometry.triangles.astype("<u4").tobytes())
    views, start = [], 0
    for part in parts:
        views.append({"buffer": 0, "byteOffset": start, "byteLength": len(part)})
        start += len(part)
    content = {
        "asset": {"version": "2.0", "generator": "cvstudio"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": start}],
        "bufferViews": views,
        "accessors": accessors,
    }
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    length = 12 + 8 + len(text) + 8 + start
    head = struct.pack("<4sII", b"glTF", 2, length) + struct.pack("<I4s", len(text), b"JSON")
    return b"".join([head, text, struct.pack("<I4s", start, b"BIN\0"), *parts])


_WRITERS: dict[str, Callable[[_Geometry], bytes]] = {
    ".ply": _ply,
    ".obj": _obj,
    ".glb": _glb,
    ".stl": _stl,
    ".xyz": _xyz,
}
