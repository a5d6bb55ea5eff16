"""Meshes and point clouds as PLY, OBJ, GLB, STL, OFF, PCD and XYZ.

The writers are the program's own, as those of Open3D and trimesh lose what is here: Open3D writes coordinates as floats
to PCD and cannot read the GLB that it writes; trimesh rounds those of OBJ to eight digits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.vertex_colours import without_texture
from cvstudio.exporters.file_names import encoded, safe_name
from cvstudio.exporters.spatial.glb import glb_bytes
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError

_Geometry = TriangleMesh | PointCloud
FORMATS = {
    ".ply": "PLY",
    ".obj": "Wavefront OBJ",
    ".glb": "glTF binary",
    ".stl": "STL, triangles only",
    ".off": "OFF",
    ".pcd": "PCD, points only",
    ".xyz": "XYZ, points only",
}
_POINTS_ONLY, _TRIANGLES_ONLY = (".pcd", ".xyz"), (".stl",)
"""Titles by ending, the one that keeps everything first."""


def endings(geometry: _Geometry) -> tuple[str, ...]:
    """Endings of the formats that hold `geometry`."""
    unfit = _POINTS_ONLY if isinstance(geometry, TriangleMesh) else _TRIANGLES_ONLY
    return tuple(ending for ending in FORMATS if ending not in unfit)


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
    textured = ending == ".obj" and isinstance(geometry, TriangleMesh) and geometry.texture is not None
    if textured:
        write_obj(path, [("", geometry)])
    else:
        content = geometry_bytes(geometry, ending)
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
    return lost_in(geometry, ending, textured=textured)


def geometry_bytes(geometry: _Geometry, ending: str) -> bytes:
    """The content of a file of one of the `endings` of `geometry`. A texture is in GLB only; in other files the
    vertices have its colours."""
    if isinstance(geometry, TriangleMesh) and ending != ".glb":
        geometry = without_texture(geometry)
    return _WRITERS[ending](geometry)


def write_obj(path: Path, items: Sequence[tuple[str, _Geometry]]) -> None:
    """Write an OBJ with an object for each item, and beside it the materials (MTL) and textures (PNG) of those that
    have some.

    Parameters
    ----------
    items : (name, geometry); a name of "" is not written
    """
    lines, materials, first, first_uv, first_normal = [f"mtllib {path.stem}.mtl"], [], 1, 1, 1
    for number, (name, geometry) in enumerate(items, 1):
        lines += [f"o {safe_name(name)}"] if name else []
        textured = isinstance(geometry, TriangleMesh) and geometry.texture is not None
        if isinstance(geometry, TriangleMesh) and geometry.texture is not None:
            picture = f"{path.stem}-{number}.png"
            with atomic_path(path.with_name(picture)) as temporary:
                temporary.write_bytes(encoded(geometry.texture, ".png"))
            materials += [f"newmtl material{number}", "Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0", f"map_Kd {picture}", ""]
            lines.append(f"usemtl material{number}")
        lines += obj_lines(geometry, first=first, first_uv=first_uv, first_normal=first_normal, textured=textured)
        first += len(_points(geometry))
        if isinstance(geometry, TriangleMesh):
            first_normal += len(geometry.vertices) if geometry.normals is not None else 0
            first_uv += geometry.triangles.size if textured else 0
    if materials:
        with atomic_path(path.with_suffix(".mtl")) as temporary:
            temporary.write_text("\n".join(materials), encoding="utf-8")
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join([*lines[not materials :], ""]), encoding="utf-8")


def lost_in(geometry: _Geometry, ending: str, *, textured: bool) -> tuple[str, ...]:
    """What a format does not hold of `geometry`; `textured` where OBJ is written with its texture beside it."""
    lost = []
    if geometry.colours is not None and ending == ".stl":
        lost.append("colours")
    keeps_normals = (".ply", ".pcd", ".off") if isinstance(geometry, PointCloud) else (".ply", ".obj", ".glb")
    if geometry.normals is not None and ending not in keeps_normals:
        lost.append("normals")
    keeps_texture = ending == ".glb" or (ending == ".obj" and textured)
    if isinstance(geometry, TriangleMesh) and geometry.texture is not None and not keeps_texture:
        lost.append("texture" if ending == ".stl" else "texture (the vertices have its colours)")
    if geometry.scalars and ending != ".ply":
        lost.append("scalars")
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
    if geometry.normals is not None:
        columns += [(f"n{name}", "float", "<f4", geometry.normals[:, axis]) for axis, name in enumerate("xyz")]
    if geometry.colours is not None:
        names = ("red", "green", "blue")
        columns += [(name, "uchar", "u1", geometry.colours[:, axis]) for axis, name in enumerate(names)]
    columns += [(_property(field.name), "float", "<f4", field.values) for field in geometry.scalars]
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


def _property(name: str) -> str:
    """Name of a scalar field as CloudCompare writes and reads it: one word."""
    return "scalar_" + "_".join(name.split())


def _lines(geometry: _Geometry, prefix: str, colours: NDArray[Any] | None) -> list[str]:
    """A line for each point; numbers in as many digits as tell it from every other."""
    table = _points(geometry).tolist()
    if colours is None:
        return [f"{prefix}{x!r} {y!r} {z!r}" for x, y, z in table]
    rows = zip(table, colours.tolist(), strict=True)
    return [f"{prefix}{x!r} {y!r} {z!r} {r!r} {g!r} {b!r}" for (x, y, z), (r, g, b) in rows]


def _obj(geometry: _Geometry) -> bytes:
    return "\n".join([*obj_lines(geometry), ""]).encode()


def obj_lines(
    geometry: _Geometry, *, first: int = 1, first_uv: int = 1, first_normal: int = 1, textured: bool = False
) -> list[str]:
    """The lines of one object of an OBJ file.

    Parameters
    ----------
    first, first_uv, first_normal : numbers of its first vertex, of its first place in the texture and first normal
    textured : whether to write places in the texture
    """
    colours = None if geometry.colours is None else np.round(geometry.colours / 255, 6)
    lines = _lines(geometry, "v ", colours)
    if not isinstance(geometry, TriangleMesh):
        return lines
    places = geometry.uv if textured else None
    if geometry.normals is not None:
        lines += [f"vn {x:.6g} {y:.6g} {z:.6g}" for x, y, z in geometry.normals.tolist()]
    if places is not None:
        lines += [f"vt {u:.7g} {v:.7g}" for u, v in places.reshape(-1, 2).tolist()]
    normal = geometry.normals is not None
    for number, triangle in enumerate(geometry.triangles.tolist()):
        words = []
        for corner, at in enumerate(triangle):
            place = str(first_uv + 3 * number + corner) if places is not None else ""
            word = f"{at + first}/{place}/{at + first_normal}" if normal else f"{at + first}/{place}"
            words.append(word.rstrip("/"))
        lines.append(f"f {' '.join(words)}")
    return lines


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


def _off(geometry: _Geometry) -> bytes:
    """OFF, with normals (N) of a cloud and colours (C)."""
    normals = geometry.normals if isinstance(geometry, PointCloud) else None
    points, faces = _points(geometry), geometry.triangles if isinstance(geometry, TriangleMesh) else None
    kind = ("C" if geometry.colours is not None else "") + ("N" if normals is not None else "")
    columns: list[list[str]] = [[f"{x!r} {y!r} {z!r}" for x, y, z in points.tolist()]]
    if normals is not None:
        columns.append([f"{x:.6g} {y:.6g} {z:.6g}" for x, y, z in normals.tolist()])
    if geometry.colours is not None:
        columns.append([f"{r} {g} {b} 255" for r, g, b in geometry.colours.tolist()])
    lines = [f"{kind}OFF", f"{len(points)} {0 if faces is None else len(faces)} 0"]
    lines += [" ".join(words) for words in zip(*columns, strict=True)]
    if faces is not None:
        lines += [f"3 {a} {b} {c}" for a, b, c in faces.tolist()]
    return "\n".join([*lines, ""]).encode()


def _pcd(geometry: _Geometry) -> bytes:
    """PCD 0.7 of the Point Cloud Library, in binary.

    Coordinates are floats, as most programs read no others, and doubles only where floats would lose a millionth of the
    cloud's size, as of surveyed coordinates.
    """
    points = _points(geometry)
    rounding = np.abs(points - points.astype(np.float32)).max(initial=0.0)
    kind = "<f4" if rounding <= 1e-6 * float(np.ptp(points, axis=0).max(initial=0.0)) else "<f8"
    columns: list[tuple[str, str, NDArray[Any]]] = [(name, kind, points[:, axis]) for axis, name in enumerate("xyz")]
    if geometry.normals is not None:
        columns += [(f"normal_{name}", "<f4", geometry.normals[:, axis]) for axis, name in enumerate("xyz")]
    if geometry.colours is not None:
        red, green, blue = geometry.colours.astype(np.uint32).T
        columns.append(("rgb", "<u4", red << 16 | green << 8 | blue))
    rows = np.empty(len(points), [(name, dtype) for name, dtype, _ in columns])
    for name, _, values in columns:
        rows[name] = values
    # A colour is the bits of a float there.
    kinds = ["F" for _ in columns]
    header = [
        "# .PCD v0.7 - Point Cloud Data file format",
        "VERSION 0.7",
        "FIELDS " + " ".join(name for name, _, _ in columns),
        "SIZE " + " ".join(dtype[-1] for _, dtype, _ in columns),
        "TYPE " + " ".join(kinds),
        "COUNT " + " ".join("1" for _ in columns),
        f"WIDTH {len(points)}",
        "HEIGHT 1",
        "VIEWPOINT 0 0 0 1 0 0 0",
        f"POINTS {len(points)}",
        "DATA binary",
        "",
    ]
    return "\n".join(header).encode() + rows.tobytes()


def _glb(geometry: _Geometry) -> bytes:
    return glb_bytes([("", geometry)])


_WRITERS: dict[str, Callable[[_Geometry], bytes]] = {
    ".ply": _ply,
    ".obj": _obj,
    ".glb": _glb,
    ".stl": _stl,
    ".off": _off,
    ".pcd": _pcd,
    ".xyz": _xyz,
}
