"""Surfaces made ready to be drawn: normals with creases, and coarser stand-ins for the time in which a view turns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.mesh_topology import extent, merge_equal
from cvstudio.data.samples import TriangleMesh

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

CREASE_COS = math.cos(math.radians(40))
"""Cosine of the crease angle: triangles that meet at a larger angle have a sharp edge, others are shaded smoothly."""
_HALF_CREASE_COS = math.cos(math.radians(20))
_EXACT_CREASES = 300_000
"""Triangles up to which creases are looked for between neighbours, and not by the mean normal at a vertex."""
_MOST_AROUND = 64
"""Largest number of triangles around a vertex that are averaged; more meet only at the tip of a fan."""
STAND_INS = (250_000, 80_000, 25_000)
"""Triangles of the stand-ins of a surface that has at least twice as many."""


@dataclass(frozen=True, eq=False)
class SurfaceLevel:
    """Triangles in single precision, with the vertices of the mesh split where the surface has a crease or a seam.

    Parameters
    ----------
    positions : float32 (k, 3), about the origin of the surface
    normals : int16 (k, 4), -32767..32767, the last 0
    triangles : int32 (m, 3), indices into `positions`
    source : int32 (k,), vertex of the mesh from which each was split
    uv : float32 (k, 2), place in the texture; None without one
    """

    positions: Floats
    normals: NDArray[np.int16]
    triangles: Ints
    source: Ints
    uv: Floats | None


@dataclass(frozen=True, eq=False)
class PreparedSurface:
    """A mesh for drawing.

    Parameters
    ----------
    mesh : as it was
    origin : float64 (3,), middle of its bounds
    levels : from the whole to the coarsest stand-in
    facing : 1 where all triangles show their outside to who looks at the closed surface, -1 where all show their
        inside, 0 where it is open or both are found: then no side may be left out
    """

    mesh: TriangleMesh
    origin: NDArray[np.float64]
    levels: tuple[SurfaceLevel, ...]
    facing: int

    @cached_property
    def bounds(self) -> Floats:
        """Smallest and largest x, y, z about the origin, float32 (2, 3)."""
        return bounds_of(self.levels[0].positions)


def bounds_of(positions: Floats) -> Floats:
    """Smallest and largest x, y, z, float32 (2, 3); zeros without points."""
    return np.stack([positions.min(axis=0), positions.max(axis=0)]) if len(positions) else np.zeros((2, 3), np.float32)


def prepare_surface(mesh: TriangleMesh) -> PreparedSurface:
    """Split, shade and simplify a mesh."""
    low, high = extent(mesh.vertices)
    origin = (low + high) / 2
    positions = (mesh.vertices - origin).astype(np.float32)
    first, merged = merge_equal(mesh.vertices)
    whole = _whole(mesh, positions, merged)
    levels = [whole]
    for count in STAND_INS:
        if len(levels[-1].triangles) >= 2 * count:
            levels.append(_stand_in(mesh, positions, count))
    return PreparedSurface(mesh, origin, tuple(levels), facing(positions[first], merged[mesh.triangles]))


# Normals ------------------------------------------------------------------------------------------------------------


def unit(vectors: Floats) -> Floats:
    """Vectors of unit length; those of no length stay so."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-20), np.float32)


def packed_normals(normals: Floats) -> NDArray[np.int16]:
    """Unit vectors float32 (n, 3) as int16 (n, 4)."""
    packed = np.zeros((len(normals), 4), np.int16)
    packed[:, :3] = np.rint(normals * 32767)
    return packed


def _area_normals(vertices: Floats, triangles: NDArray[np.integer]) -> Floats:
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a).astype(np.float32)


def _vertex_normals(area_normals: Floats, triangles: NDArray[np.integer], count: int) -> Floats:
    """Mean normal of the triangles at each vertex, weighted by area."""
    corners = triangles.reshape(-1)
    sums = [np.bincount(corners, np.repeat(area_normals[:, axis], 3), count) for axis in range(3)]
    return unit(np.stack(sums, axis=1).astype(np.float32))


def corner_normals(vertices: Floats, triangles: NDArray[np.int32], merged: NDArray[np.int64]) -> Floats:
    """Normals of the corners of triangles, float32 (m, 3, 3): the mean normal of the triangles around the vertex,
    weighted by area, without those beyond the crease angle (`CREASE_COS`).

    `merged` has one number for all vertices at the same place, as files split them at seams.
    """
    area_normals = _area_normals(vertices, triangles)
    face_normals = unit(area_normals)
    corners = merged[triangles].reshape(-1)
    if len(triangles) > _EXACT_CREASES:
        mean = _vertex_normals(area_normals, merged[triangles], int(merged.max(initial=-1)) + 1)[corners]
        own = np.repeat(face_normals, 3, axis=0)
        sharp = np.einsum("ij,ij->i", mean, own) < _HALF_CREASE_COS
        mean[sharp] = own[sharp]
        return mean.reshape(-1, 3, 3)
    order = np.argsort(corners, kind="stable")
    count = np.bincount(corners)
    start = np.cumsum(count) - count
    own_face = np.arange(len(corners)) // 3
    total = area_normals[own_face].copy()
    rank = np.empty(len(corners), np.int64)
    rank[order] = np.arange(len(corners)) - start[corners[order]]
    for step in range(1, min(int(count.max(initial=0)), _MOST_AROUND)):
        rows = np.flatnonzero(step < count[corners])
        vertex = corners[rows]
        other_face = order[start[vertex] + (rank[rows] + step) % count[vertex]] // 3
        smooth = np.einsum("ij,ij->i", face_normals[own_face[rows]], face_normals[other_face]) >= CREASE_COS
        total[rows[smooth]] += area_normals[other_face[smooth]]
    return unit(total).reshape(-1, 3, 3)


# Levels -------------------------------------------------------------------------------------------------------------


def _whole(mesh: TriangleMesh, positions: Floats, merged: NDArray[np.int64]) -> SurfaceLevel:
    triangles = mesh.triangles
    corners = triangles.reshape(-1)
    if mesh.normals is not None and mesh.uv is None:
        return SurfaceLevel(positions, packed_normals(mesh.normals), triangles, _numbers(len(positions)), None)
    if mesh.normals is not None:
        normals = mesh.normals[corners]
    else:
        normals = corner_normals(positions, triangles, merged).reshape(-1, 3)
    # Corners of a vertex that agree in normal and place in the texture share it; ten bits for each coordinate.
    coarse = np.clip(np.rint(normals * 511) + 511, 0, 1022).astype(np.int64)
    keys = corners.astype(np.int64) << 30 | coarse[:, 0] << 20 | coarse[:, 1] << 10 | coarse[:, 2]
    if mesh.uv is not None:
        # Adding 0 turns -0 into 0.
        places = np.ascontiguousarray(mesh.uv.reshape(-1, 2) + np.float32(0)).view(np.int64).reshape(-1)
        known = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        keys = known << 31 | np.unique(places, return_inverse=True)[1]
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    source = corners[first].astype(np.int32)
    uv = None if mesh.uv is None else np.ascontiguousarray(mesh.uv.reshape(-1, 2)[first])
    split = number.reshape(-1, 3).astype(np.int32)
    return SurfaceLevel(positions[source], packed_normals(normals[first]), split, source, uv)


def _stand_in(mesh: TriangleMesh, positions: Floats, count: int) -> SurfaceLevel:
    """About `count` triangles: all vertices in a cell of a grid become their mean (Rossignac and Borrel, "Multi-
    resolution 3D approximations for rendering complex scenes", 1993)."""
    low = positions.min(axis=0)
    area = float(np.linalg.norm(_area_normals(positions, mesh.triangles), axis=1).sum()) / 2
    span = float(np.ptp(positions, axis=0).max()) or 1.0
    # A closed surface has half as many vertices as triangles.
    side = max(math.sqrt(2 * area / count), span / 2**20)
    keys = _cells(positions, low, side)
    for _ in range(2):
        occupied = len(np.unique(keys))
        if 0.8 < occupied / (count / 2) < 1.25:
            break
        side = max(side * math.sqrt(occupied / (count / 2)), span / 2**20)
        keys = _cells(positions, low, side)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    size = np.bincount(number)
    means = [np.bincount(number, positions[:, axis]) / size for axis in range(3)]
    clustered = np.stack(means, axis=1).astype(np.float32)
    triangles = number[mesh.triangles].astype(np.int32)
    a, b, c = triangles.T
    triangles = np.ascontiguousarray(triangles[(a != b) & (b != c) & (a != c)])
    # Two sheets that fell together, one seen from each side, would flicker: of equal triangles one stays.
    ordered = np.sort(triangles, axis=1).astype(np.int64)
    total = len(clustered)
    _, kept = np.unique((ordered[:, 0] * total + ordered[:, 1]) * total + ordered[:, 2], return_index=True)
    triangles = triangles[np.sort(kept)]
    normals = _vertex_normals(_area_normals(clustered, triangles), triangles, total)
    uv = None if mesh.uv is None else _any_uv(mesh)[first]
    return SurfaceLevel(clustered, packed_normals(normals), triangles, first.astype(np.int32), uv)


def _cells(positions: Floats, low: Floats, side: float) -> NDArray[np.int64]:
    x, y, z = ((positions - low) / side).astype(np.int64).T
    return np.asarray(x << 42 | y << 21 | z)


def _any_uv(mesh: TriangleMesh) -> Floats:
    """For each vertex the place of one of its corners in the texture."""
    assert mesh.uv is not None
    places = np.zeros((len(mesh.vertices), 2), np.float32)
    places[mesh.triangles.reshape(-1)] = mesh.uv.reshape(-1, 2)
    return places


def _numbers(count: int) -> Ints:
    return np.arange(count, dtype=np.int32)


def facing(places: Floats, triangles: NDArray[np.int64]) -> int:
    """Which side a surface shows to the outside, as `PreparedSurface.facing`; `triangles` (m, 3) of distinct `places`.

    Every part of it counts: files hold closed parts of which some are inside out.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (a != c)]
    if not len(triangles):
        return 0
    total = len(places)
    start, end = (np.concatenate([triangles[:, corner] for corner in corners]) for corners in ((0, 1, 2), (1, 2, 0)))
    forth, back = np.sort(start * total + end), np.sort(end * total + start)
    # Each edge of a closed surface is walked once in each direction.
    if (forth[1:] == forth[:-1]).any() or not np.array_equal(forth, back):
        return 0
    ones = np.ones(len(start), np.int8)
    _, parts = connected_components(coo_array((ones, (start, end)), (total, total)), directed=False)
    corners = places[triangles].astype(np.float64)
    volumes = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    of_parts = np.bincount(parts[triangles[:, 0]], volumes)[np.unique(parts[triangles[:, 0]])]
    return 1 if (of_parts > 0).all() else -1 if (of_parts < 0).all() else 0
