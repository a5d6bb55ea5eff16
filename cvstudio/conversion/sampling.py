"""Points on the surface of a mesh, uniformly at random or evenly apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.open3d_geometry import cloud_from_open3d, cloud_to_open3d, mesh_to_open3d, middle, quiet
from cvstudio.data.samples import PointCloud, TriangleMesh

_CANDIDATES = 5
"""Random points for each that is kept, as Yuksel proposes."""


def uniform_points(mesh: TriangleMesh, count: int, seed: int = 0) -> PointCloud:
    """Random points, equally dense on all of the surface, with the normals of their triangles and, where the vertices
    have some, their colours.

    Parameters
    ----------
    mesh : with an area
    count : number of points
    seed : of the random numbers
    """
    random = np.random.default_rng(seed)
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]] for corner in range(3))
    normals = np.cross(b - a, c - a)
    areas = np.linalg.norm(normals, axis=1)
    edges = np.cumsum(areas)
    rows = np.minimum(np.searchsorted(edges, random.random(count) * edges[-1], side="right"), len(edges) - 1)
    # The square root spreads them evenly between a corner and its opposite side (Osada et al., 2002).
    root, share = np.sqrt(random.random(count)), random.random(count)
    weights = np.stack([1 - root, root * (1 - share), root * share], axis=1)
    points = np.einsum("nk,nkj->nj", weights, mesh.vertices[mesh.triangles[rows]])
    unit = normals[rows] / np.maximum(areas[rows], np.finfo(float).tiny)[:, None]
    return PointCloud(points, _colours(mesh, rows, weights), unit.astype(np.float32))


def _colours(mesh: TriangleMesh, rows: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    if mesh.colours is None:
        return None
    corners = mesh.colours[mesh.triangles[rows]].astype(np.float64)
    return np.asarray(np.rint(np.einsum("nk,nkj->nj", weights, corners)), np.uint8)


def poisson_disk_points(mesh: TriangleMesh, count: int, seed: int = 0) -> PointCloud:
    """Points that are about equally far apart: of `_CANDIDATES` times as many random ones those are eliminated that
    have the nearest neighbours (Yuksel, "Sample Elimination for Generating Poisson Disk Sample Sets", 2015).

    Parameters, normals and colours are as in `uniform_points`.
    """
    candidates = uniform_points(mesh, count * _CANDIDATES, seed)
    origin = middle(mesh.vertices)
    with quiet():
        kept = mesh_to_open3d(mesh, origin).sample_points_poisson_disk(count, pcl=cloud_to_open3d(candidates, origin))
    cloud = cloud_from_open3d(kept, origin)
    return PointCloud(cloud.points, cloud.colours, _unit(cloud.normals))


def _unit(normals: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
    if normals is None:
        return None
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.where(lengths > 0, lengths, 1), np.float32)


def thinned(cloud: PointCloud, most: int, seed: int = 0) -> PointCloud:
    """At most `most` of the points, chosen at random, in their order."""
    if len(cloud.points) <= most:
        return cloud
    rows = np.sort(np.random.default_rng(seed).choice(len(cloud.points), most, replace=False))
    return PointCloud(
        cloud.points[rows],
        None if cloud.colours is None else cloud.colours[rows],
        None if cloud.normals is None else cloud.normals[rows],
    )
