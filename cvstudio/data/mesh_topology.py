"""Topology and measures of meshes: extent, area, volume, watertightness and connected components."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import TriangleMesh

# Odd constants of Knuth's multiplicative hashing (The Art of Computer Programming, 6.4), one per coordinate.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def merge_equal(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Merge equal rows.

    Parameters
    ----------
    points : float64 (n, 3)

    Returns
    -------
    first : int64 (k,), row of the first occurrence of each distinct point, ascending
    number : int64 (n,), for each row the index into `first` of its point
    """
    # Adding 0 turns -0 into 0.
    bits = np.ascontiguousarray(points + 0.0).view(np.uint64).reshape(-1, 3)
    with np.errstate(over="ignore"):
        mixed = bits * _MIX
        mixed ^= mixed >> np.uint64(29)
        keys = (mixed * _MIX[::-1]).sum(axis=1, dtype=np.uint64)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    if not (bits[first[number]] == bits).all():  # a hash collision: sort the rows themselves
        _, first, number = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[number.reshape(-1)]


def extent(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest x, y, z, float64 (3,) each; zeros without points."""
    if not len(points):
        return np.zeros(3), np.zeros(3)
    return points.min(axis=0), points.max(axis=0)


def surface_area(mesh: TriangleMesh) -> float:
    """Area of all triangles, in the unit of the coordinates squared."""
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)


def enclosed_volume(mesh: TriangleMesh) -> float:
    """Volume that a closed mesh encloses, in the unit of the coordinates cubed: the sum of signed tetrahedra (Gauss).

    It is negative where the triangles are clockwise as seen from outside, and depends on the place of an open mesh.
    """
    low, high = extent(mesh.vertices)
    # About the middle: far from their origin the tetrahedra would be huge and cancel.
    corners = mesh.vertices[mesh.triangles] - (low + high) / 2
    return float(np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6)


def is_watertight(mesh: TriangleMesh) -> bool:
    """Whether every edge belongs to exactly two triangles. Vertices at the same position count as one, as files split
    them at the seams of textures or normals."""
    from trimesh import graph

    edges = _edges(_welded(mesh))
    return bool(len(edges)) and graph.is_watertight(edges, edges)[0]


def count_components(mesh: TriangleMesh) -> int:
    """Number of connected components; vertices at the same position count as one, unreferenced vertices not at all."""
    from trimesh import graph

    edges = _edges(_welded(mesh))
    # Unreferenced vertices have labels, too; only those of edges count.
    return len(np.unique(graph.connected_component_labels(edges)[edges])) if len(edges) else 0


def _welded(mesh: TriangleMesh) -> NDArray[np.int64]:
    """The triangles, int64 (m, 3), by distinct positions instead of vertices, without degenerate ones. trimesh's own
    welding rounds positions to 1e-8, however small the mesh is."""
    triangles = merge_equal(mesh.vertices)[1][mesh.triangles]
    a, b, c = triangles.T
    return np.asarray(triangles[(a != b) & (b != c) & (a != c)])


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The three edges of each triangle, the smaller number first, int64 (3 m, 2)."""
    return np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
