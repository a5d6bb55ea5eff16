"""Meshes and point clouds: PLY, OBJ, STL, GLB and glTF, OFF, PCD, and plain columns of numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.mesh_topology import count_components, extent, is_watertight, merge_equal
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import Format, Media, MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, damaged, decoding, quoted
from cvstudio.media.formats import FORMATS
from cvstudio.media.formats._geometry_headers import recognise
from cvstudio.media.formats._pcd import read_pcd
from cvstudio.media.formats._single_sample import WholeReader

_NAMES = {
    "ply": "PLY",
    "glb": "GLB",
    "gltf": "glTF",
    "pcd": "PCD",
    "off": "OFF",
    "stl": "STL",
    "obj": "Wavefront OBJ",
    "xyz": "XYZ",
}

# Formats of machine parts and surveys, whose up axis is z.
_Z_UP = ("stl", "pcd", "xyz")


def read_geometry(path: Path, *, forced: bool = True) -> TriangleMesh | PointCloud:
    """Decode a mesh or a point cloud.

    Returns
    -------
    TriangleMesh or PointCloud
        Polygons are triangulated. Vertices are as in the file, except for STL, which repeats them for every triangle:
        equal ones are merged. A scene becomes one mesh. Colours of faces and textures are assigned to the vertices.

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
    geometry = read_pcd(path) if key == "pcd" else _read_columns(path) if key == "xyz" else _read_mesh(path, key)
    if not len(geometry.points if isinstance(geometry, PointCloud) else geometry.vertices):
        raise MediaError(f"{quoted(path)} holds no point that was measured; choose another file.")
    return geometry


def _read_mesh(path: Path, key: str) -> TriangleMesh | PointCloud:
    with decoding(path):
        import trimesh

        # From memory, so that no file that this one names is opened: materials, textures, other buffers.
        content = io.BytesIO(path.read_bytes())
        options: dict[str, Any] = {"maintain_order": True, "skip_materials": True} if key == "obj" else {}
        kind = "stl_ascii" if key == "stl" and not _is_binary_stl(content.getvalue()) else key
        loaded: Any = trimesh.load(content, file_type=kind, process=False, **options)
        if isinstance(loaded, trimesh.Scene):
            loaded = loaded.to_mesh() if any(hasattr(g, "faces") for g in loaded.geometry.values()) else _points(loaded)
        if not hasattr(loaded, "faces") or not len(loaded.faces):
            colours = getattr(loaded, "colors", None)
            return PointCloud(np.array(loaded.vertices, np.float64), _rgb(colours, len(loaded.vertices)))
        vertices, triangles = np.array(loaded.vertices, np.float64), np.array(loaded.faces, np.int32)
        if key == "stl":
            first, index = merge_equal(vertices)
            return TriangleMesh(vertices[first], index[triangles].astype(np.int32))
        return TriangleMesh(vertices, triangles, _mesh_colours(loaded))


def _is_binary_stl(content: bytes) -> bool:
    return len(content) >= 84 and len(content) == 84 + 50 * int.from_bytes(content[80:84], "little")


def _points(scene: Any) -> Any:
    """The first point cloud of a scene without faces."""
    return next(geometry for geometry in scene.geometry.values() if hasattr(geometry, "vertices"))


def _mesh_colours(mesh: Any) -> NDArray[np.uint8] | None:
    visual = mesh.visual
    if visual.kind == "texture":
        if getattr(visual, "material", None) is None:
            return None
        visual = visual.to_color()
    return _rgb(visual.vertex_colors, len(mesh.vertices)) if visual.kind in ("vertex", "face") else None


def _rgb(colours: Any, count: int) -> NDArray[np.uint8] | None:
    if colours is None or np.shape(colours) not in ((count, 4), (count, 3)) or not count:
        return None
    return np.ascontiguousarray(np.asarray(colours, np.uint8)[:, :3])


def _read_columns(path: Path) -> PointCloud:
    """Columns x y z; further ones are taken, by their number and range, as a normal, a colour in 0..1 or 0..255, or an
    intensity, which is dropped."""
    with decoding(path):
        lines = path.read_bytes().splitlines()
        rows = [line.split() for line in lines if line.strip() and not line.lstrip().startswith((b"#", b"//"))]
        if rows and len(rows[0]) == 1:
            del rows[0]  # the number of points
        table = np.array(rows, np.float64)
        table = table[np.isfinite(table[:, :3]).all(axis=1)]
        points, rest = np.ascontiguousarray(table[:, :3]), table[:, 3:]
        if rest.shape[1] in (4, 6):
            rest = rest[:, -3:] if rest.shape[1] == 4 else rest[:, :3]
        if rest.shape[1] != 3 or not len(points) or not np.isfinite(rest).all():
            return PointCloud(points)
        if np.allclose(np.linalg.norm(rest[:1000], axis=1), 1, atol=0.01) and path.suffix.lower() != ".xyzrgb":
            return PointCloud(points, normals=rest.astype(np.float32))
        if rest.min() >= 0 and rest.max() <= 255:
            return PointCloud(points, np.rint(rest * (255 if rest.max() <= 1 else 1)).astype(np.uint8))
        return PointCloud(points)


def geometry_facts(sample: TriangleMesh | PointCloud) -> Iterator[tuple[str, str]]:
    """Counts, extent and topology of a mesh or point cloud, as (title, text)."""
    mesh = isinstance(sample, TriangleMesh)
    points = sample.vertices if isinstance(sample, TriangleMesh) else sample.points
    yield ("Vertices" if mesh else "Points"), f"{len(points):,}"
    if isinstance(sample, TriangleMesh):
        yield "Faces", f"{len(sample.triangles):,} triangles"
        yield "Watertight", "yes" if is_watertight(sample) else "no"
        yield "Components", f"{count_components(sample):,}"
    low, high = extent(points)
    yield "Size", " × ".join(f"{side:.4g}" for side in high - low)
    yield "Extent", "\n".join(f"{axis} {a:.4g} to {b:.4g}" for axis, a, b in zip("xyz", low, high, strict=True))
    if sample.colours is not None:
        yield "Colours", "of each vertex" if mesh else "of each point"
    if isinstance(sample, PointCloud) and sample.normals is not None:
        yield "Normals", "of each point"


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
