"""Meshes and point clouds: PLY, OBJ, STL, GLB and glTF, OFF, PCD, plain columns of numbers, and scans of KITTI."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.mesh_topology import count_components, extent, is_watertight
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._single_sample import WholeReader
from cvstudio.media.meshes.columns import cloud_of_columns
from cvstudio.media.meshes.geometry_headers import check_rows, column_names, number_rows, recognise, scan_width
from cvstudio.media.meshes.gltf import plain_glb
from cvstudio.media.meshes.gltf_scene import read_gltf
from cvstudio.media.meshes.obj import read_obj
from cvstudio.media.meshes.pcd import read_pcd
from cvstudio.media.meshes.ply import read_ply
from cvstudio.media.meshes.stl import read_stl
from cvstudio.media.meshes.surfaces import measured, scalar_fields
from cvstudio.media.meshes.text_meshes import plain_text, read_off

_NAMES = {
    "ply": "PLY",
    "glb": "GLB",
    "gltf": "glTF",
    "pcd": "PCD",
    "off": "OFF",
    "stl": "STL",
    "obj": "Wavefront OBJ",
    "xyz": "XYZ",
    "bin": "LiDAR scan",
}

# Formats of machine parts and surveys, whose up axis is z.
_Z_UP = ("stl", "pcd", "xyz", "bin")


def read_geometry(path: Path, *, forced: bool = True) -> TriangleMesh | PointCloud:
    """Decode a mesh or a point cloud.

    Returns
    -------
    TriangleMesh or PointCloud
        Polygons are triangulated. Vertices are as in the file, except for STL, which repeats them for every triangle:
        equal ones are merged. A scene becomes one mesh, with one texture. Colours of faces are given to the vertices.

    Raises
    ------
    MediaError
        The file is damaged, empty or was removed, or refers to other files.
    """
    with decoding(path), path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    key = recognise(path, head, forced=forced)
    if key is None:
        raise damaged(path)
    readers = {"pcd": read_pcd, "xyz": _read_columns, "bin": _read_scan}
    geometry = readers[key](path) if key in readers else _read_mesh(path, key)
    if not len(geometry.points if isinstance(geometry, PointCloud) else geometry.vertices):
        raise MediaError(f"{quoted(path)} holds no point that was measured; choose another file.")
    return geometry


def _read_mesh(path: Path, key: str) -> TriangleMesh | PointCloud:
    with decoding(path):
        content = path.read_bytes()
        if key in _BESIDE:
            return _BESIDE[key](content, path.parent)
        if key in _READERS:
            return _READERS[key](content)
        return read_gltf(*plain_glb(path, content))


_READERS = {"off": read_off, "stl": read_stl}
_BESIDE = {"ply": read_ply, "obj": read_obj}
"""Readers that look for textures in the folder of the file."""


def _read_columns(path: Path) -> PointCloud:
    with decoding(path):
        lines = plain_text(path.read_bytes()).splitlines()
        rows, numbers = number_rows(lines)
        check_rows(path, rows, numbers)
        table = np.array(rows, np.float64)
        return cloud_of_columns(table, column_names(lines, table.shape[1]), path.suffix.lower())


def _read_scan(path: Path) -> PointCloud:
    """A scan of KITTI or nuScenes, in metres, with its reflectance and, of nuScenes, the ring of each point."""
    with decoding(path):
        content = path.read_bytes()
        width = scan_width(path, content[:HEAD_BYTES])
        table = np.frombuffer(content, "<f4").reshape(-1, width)
    names = ("reflectance", "ring")[: width - 3]
    scalars = scalar_fields({name: table[:, 3 + column] for column, name in enumerate(names)})
    cloud = measured(table[:, :3].astype(np.float64), None, None, None, {}, scalars=tuple(scalars.values()))
    assert isinstance(cloud, PointCloud)
    return cloud


def geometry_facts(sample: TriangleMesh | PointCloud) -> Iterator[tuple[str, str]]:
    """Counts, extent and topology of a mesh or point cloud, as (title, text)."""
    mesh = isinstance(sample, TriangleMesh)
    points = sample.vertices if isinstance(sample, TriangleMesh) else sample.points
    yield ("Vertices" if mesh else "Points"), f"{len(points):,}"
    if isinstance(sample, TriangleMesh):
        yield "Faces", f"{len(sample.triangles):,} triangle{'s' * (len(sample.triangles) != 1)}"
        yield "Watertight", "yes" if is_watertight(sample) else "no"
        yield "Components", f"{count_components(sample):,}"
    low, high = extent(points)
    yield "Size", " × ".join(f"{side:.4g}" for side in high - low)
    yield "Extent", "\n".join(_range(axis, a, b) for axis, a, b in zip("xyz", low, high, strict=True))
    if sample.colours is not None and "Colours" not in dict(sample.notes):
        text = "of each vertex" if mesh else "of each point"
        yield "Colours", text if sample.colours.any() else f"{text}, all black; shown in grey"
    if sample.normals is not None:
        yield "Normals", "of each vertex" if mesh else "of each point"
    if isinstance(sample, TriangleMesh) and sample.texture is not None:
        height, width = sample.texture.shape[:2]
        yield "Texture", f"{width:,} × {height:,} pixels"
    if sample.scalars:
        yield "Scalar fields", ", ".join(field.name for field in sample.scalars)
    yield from sample.notes


def _range(axis: str, low: float, high: float) -> str:
    """Limits along one axis, in digits enough to tell them apart: surveyed coordinates lie far from their origin."""
    side, largest = high - low, max(abs(low), abs(high))
    digits = 3 + math.floor(math.log10(largest)) - math.floor(math.log10(side)) if side > 0 else 4
    if largest:
        # Whole units are told up to a million kilometres in millimetres; doubles hold 15 digits.
        digits = max(digits, math.floor(math.log10(largest)) + (1 if side > 0 else 4))
    digits = min(max(digits, 4), 15) if largest < 1e12 else 4
    return f"{axis} {low:.{digits}g} to {high:.{digits}g}"


def _facts(media: Media, sample: Any) -> Iterator[tuple[str, str]]:
    return geometry_facts(sample if sample is not None else read_geometry(media.path))


def _probe(path: Path, head: bytes, identity: str, forced: bool) -> Media | None:
    key = recognise(path, head, forced=forced)
    if key is None:
        return None
    return Media(
        identity, path, MediaKind.GEOMETRY, details={"format": _NAMES[key], "up": "z" if key in _Z_UP else "y"}
    )


FORMATS.register(
    Format(
        key="geometry",
        kind=MediaKind.GEOMETRY,
        title="mesh or point cloud",
        suffixes=(".ply", ".obj", ".stl", ".glb", ".gltf", ".off", ".pcd", ".xyz"),
        probe=_probe,
        reader=lambda media: WholeReader(media, read_geometry),
        facts=_facts,
        order=35,
    )
)
