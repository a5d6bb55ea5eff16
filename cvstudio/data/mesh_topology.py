"""What a mesh is as a surface: how large, whether it is closed, of how many pieces."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import TriangleMesh

# Odd constants of Knuth's multiplicative hashing (The Art of Computer Programming, 6.4), one a coordinate.
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)


def merge_equal(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which rows are equal.

    Parameters
    ----------
    points : float64 (n, 3)

    Returns
    -------
    kept : int64 (k,), the first row of each set of equal rows, in order
    number : int64 (n,), for each row its place in `kept`
    """
    # Adding 0 makes -0 the same as 0.
    bits = np.ascontiguousarray(points + 0.0).view(np.uint64).reshape(-1, 3)
    with np.errstate(over="ignore"):
        mixed = bits * _MIX
        mixed ^= mixed >> np.uint64(29)
        keys = (mixed * _MIX[::-1]).sum(axis=1, dtype=np.uint64)
    _, first, number = np.unique(keys, return_index=True, return_inverse=True)
    if not (bits[first[number]] == bits).all():  # two rows share a key by chance: sort the rows themselves
        _, first, number = np.unique(bits, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return first[order], place[number.reshape(-1)]


def extent(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smallest and largest x, y, z, float64 (3,) each; zeros where there is no point."""
    if not len(points):
        return np.zeros(3), np.zeros(3)
    return points.min(axis=0), points.max(axis=0)


def is_watertight(mesh: TriangleMesh) -> bool:
    """Whether every edge belongs to exactly two triangles. Vertices at the same place count as one, for files split
    them where textures or normals have a seam."""
    from trimesh import graph

    edges = _edges(_welded(mesh))
    return bool(len(edges)) and graph.is_watertight(edges, edges)[0]


def count_components(mesh: TriangleMesh) -> int:
    """How many pieces hang together by vertices, those at the same place being one; lone vertices are none."""
    from trimesh import graph

    edges = _edges(_welded(mesh))
    # Numbers of lone places have labels, too: only those of edges count.
    return len(np.unique(graph.connected_component_labels(edges)[edges])) if len(edges) else 0


def _welded(mesh: TriangleMesh) -> NDArray[np.int64]:
    """The triangles as numbers of places instead of vertices; those without an area are left out. trimesh's own
    welding rounds places to 1e-8, however small the mesh is."""
    found = merge_equal(mesh.vertices)[1][mesh.triangles]
    a, b, c = found.T
    return np.asarray(found[(a != b) & (b != c) & (a != c)])


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The three edges of each triangle, the smaller number first, int64 (3 m, 2)."""
    return np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
