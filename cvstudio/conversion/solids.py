"""What is inside of a mesh: occupancy and signed distances, also of open meshes and of solids that overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.open3d_geometry import ray_scene, tensor
from cvstudio.conversion.sampling import uniform_points
from cvstudio.data.mesh_topology import is_watertight, surface_area
from cvstudio.data.samples import TriangleMesh
from cvstudio.foundation.progress import Progress

_MOST_SOLIDS = 64
"""Closed pieces that are looked at one by one; more are taken together."""
_RAYS = 3
"""Rays for each point: one that meets an edge may count it twice."""
_RAYS_OPEN = 11
"""Rays for each point of an open mesh, whose majority tells."""
_BLOCK = 1 << 16
_NEIGHBOURS = 8
_NEAR = 20.0
_SURFACE_SAMPLES = 60_000


def pieces(mesh: TriangleMesh) -> list[TriangleMesh]:
    """The connected pieces of a welded mesh, the largest first; the mesh alone where there are more than 64."""
    from trimesh import graph

    edges = np.concatenate([mesh.triangles[:, [0, 1]], mesh.triangles[:, [1, 2]]])
    labels = graph.connected_component_labels(edges, node_count=len(mesh.vertices))[mesh.triangles[:, 0]]
    kinds, counts = np.unique(labels, return_counts=True)
    if len(kinds) > _MOST_SOLIDS:
        return [mesh]
    found = []
    for kind in kinds[np.argsort(-counts, kind="stable")]:
        triangles = mesh.triangles[labels == kind]
        used, numbers = np.unique(triangles, return_inverse=True)
        found.append(TriangleMesh(mesh.vertices[used], numbers.reshape(-1, 3).astype(np.int32)))
    return found


class Interior:
    """Tells which points are inside of a welded mesh.

    A point is inside of closed pieces where it is inside of any of them, so that a table is its top and four legs. In
    an open piece the majority of `_RAYS_OPEN` rays tells, which is a guess near its holes.

    Parameters
    ----------
    mesh : welded, see `checks.usable_mesh`
    origin : middle of the coordinates, about which single precision is good enough
    """

    def __init__(self, mesh: TriangleMesh, origin: NDArray[np.float64]) -> None:
        self._origin = origin
        self._pieces: list[tuple[Any, int, NDArray[np.float64]]] = []
        self.closed = True
        for piece in pieces(mesh):
            closed = is_watertight(piece)
            self.closed = self.closed and closed
            bounds = np.stack([piece.vertices.min(0), piece.vertices.max(0)])
            self._pieces.append((ray_scene(piece, origin), _RAYS if closed else _RAYS_OPEN, bounds))

    def holds(self, points: NDArray[np.float64], progress: Progress | None = None) -> NDArray[np.bool_]:
        """Whether each of `points` (n, 3) is inside, bool (n,)."""
        inside = np.zeros(len(points), bool)
        for scene, rays, (low, high) in self._pieces:
            near = np.flatnonzero(((points >= low) & (points <= high)).all(axis=1) & ~inside)
            for start in range(0, len(near), _BLOCK):
                if progress is not None:
                    progress.check()
                rows = near[start : start + _BLOCK]
                occupancy = scene.compute_occupancy(tensor(points[rows] - self._origin), nsamples=rays).numpy()
                inside[rows] = occupancy > 0.5
        return inside


class SurfaceDistance:
    """Distances to a mesh, by its nearest of many points and, near the surface, the triangles of the nearest ones.

    All distances are at most `most`: a search that need not go farther is a hundred times as fast, as in the middle of
    a ball every point of the surface is a candidate. Within `_NEAR` mean distances of the points the triangles
    themselves are measured; beyond, the nearest point is farther than the surface by less than that mean distance.

    Parameters
    ----------
    mesh : with an area
    most : largest distance that is told
    """

    def __init__(self, mesh: TriangleMesh, most: float = np.inf) -> None:
        from scipy.spatial import cKDTree

        self._corners = mesh.vertices[mesh.triangles]
        centres = self._corners.mean(axis=1)
        self._tree = cKDTree(np.concatenate([centres, uniform_points(mesh, _SURFACE_SAMPLES).points]))
        self._rows = np.concatenate([np.arange(len(centres)), _owners(mesh)])
        self._most = most
        self._near = _NEAR * float(np.sqrt(surface_area(mesh) / _SURFACE_SAMPLES))

    def __call__(self, points: NDArray[np.float64], progress: Progress | None = None) -> NDArray[np.float64]:
        """Distance of each of `points` (n, 3), at most `most`, float64 (n,)."""
        distances = np.empty(len(points))
        for start in range(0, len(points), _BLOCK):
            if progress is not None:
                progress.check()
            part = points[start : start + _BLOCK]
            nearest = np.minimum(self._tree.query(part, distance_upper_bound=self._most)[0], self._most)
            close = np.flatnonzero(nearest < self._near)
            count = min(_NEIGHBOURS, len(self._rows))
            rows = self._rows[self._tree.query(part[close], count)[1].reshape(len(close), -1)]
            for column in range(count):
                squared = _squared_to_triangles(part[close], self._corners[rows[:, column]])
                nearest[close] = np.minimum(nearest[close], np.sqrt(squared))
            distances[start : start + _BLOCK] = nearest
        return distances


def _owners(mesh: TriangleMesh) -> NDArray[np.int64]:
    """The triangles of the points that `uniform_points` gives, by the same random numbers."""
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    edges = np.cumsum(np.linalg.norm(np.cross(b - a, c - a), axis=1))
    shares = np.random.default_rng(0).random(_SURFACE_SAMPLES) * edges[-1]
    return np.asarray(np.minimum(np.searchsorted(edges, shares, side="right"), len(edges) - 1), np.int64)


def _squared_to_triangles(points: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distance of each point (n, 3) to its triangle (n, 3, 3), float64 (n,): to its plane where the foot lies
    within, else to the nearest edge."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    squared_area = np.einsum("ij,ij->i", normal, normal)
    safe = np.where(squared_area > 0, squared_area, 1)
    height = np.einsum("ij,ij->i", points - a, normal)
    best = np.full(len(points), np.inf)
    within = squared_area > 0
    for first, second in ((a, b), (b, c), (c, a)):
        edge, away = second - first, points - first
        length = np.einsum("ij,ij->i", edge, edge)
        along = np.einsum("ij,ij->i", away, edge) / np.where(length > 0, length, 1)
        gap = away - np.clip(along, 0, 1)[:, None] * edge
        best = np.minimum(best, np.einsum("ij,ij->i", gap, gap))
        within &= np.einsum("ij,ij->i", np.cross(edge, away), normal) >= 0
    return np.where(within, height**2 / safe, best)
