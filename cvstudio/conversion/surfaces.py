"""Surfaces of point clouds: normals, screened Poisson and ball pivoting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.checks import usable_cloud
from cvstudio.conversion.open3d_geometry import (
    cloud_to_open3d,
    diagonal,
    mesh_from_open3d,
    middle,
    quiet,
)
from cvstudio.data.geometry import readonly
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import GeometryError
from cvstudio.foundation.progress import Progress

MOST_POINTS = 200_000
NEIGHBOURS = 16
"""Points around each whose plane tells its normal."""
_LEAST = 16
_MARGIN = 1.1

Facing = Literal["outside", "viewpoint"]


@dataclass(frozen=True, eq=False)
class PoissonSurface:
    """A surface with how densely the points lie that support it.

    Parameters
    ----------
    mesh : the whole surface, which closes holes
    density : float32 (n,), of each vertex, 0 for the least to 1 for the most supported one
    """

    mesh: TriangleMesh
    density: NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "density", readonly(self.density))

    def trimmed(self, share: float) -> TriangleMesh:
        """The surface without the `share` (0..1) of its vertices that the fewest points support."""
        if share <= 0 or not len(self.density):
            return self.mesh
        return kept_vertices(self.mesh, self.density >= np.quantile(self.density, min(share, 1.0)))


def kept_vertices(mesh: TriangleMesh, kept: NDArray[np.bool_]) -> TriangleMesh:
    """The triangles whose vertices are all `kept`, bool (n,), and the vertices that these use, with their colours."""
    triangles = mesh.triangles[kept[mesh.triangles].all(axis=1)]
    used, numbers = np.unique(triangles, return_inverse=True)
    return TriangleMesh(
        mesh.vertices[used],
        numbers.reshape(-1, 3).astype(np.int32),
        None if mesh.colours is None else mesh.colours[used],
        normals=None if mesh.normals is None else mesh.normals[used],
    )


def spacing(cloud: PointCloud) -> float:
    """Median distance of a point to its nearest neighbour, of at most 20,000 of the points."""
    from scipy.spatial import cKDTree

    rows = np.random.default_rng(0).permutation(len(cloud.points))[:20_000]
    nearest = cKDTree(cloud.points).query(cloud.points[rows], 2)[0][:, 1]
    return float(np.median(nearest))


def with_normals(
    cloud: PointCloud, *, viewpoint: NDArray[np.float64] | None = None, progress: Progress | None = None
) -> PointCloud:
    """The cloud with a normal for each point; its own where it has some.

    Normals are those of the plane through the `NEIGHBOURS` nearest points (Hoppe et al., 1992). They face `viewpoint`,
    such as the camera; without one they agree with their neighbours along a spanning tree of the points, and face
    outwards as far as the farthest points tell.

    Parameters
    ----------
    cloud : at least `_LEAST` points
    viewpoint : float64 (3,), optional
    """
    import open3d as o3d

    if cloud.normals is not None and np.abs(cloud.normals).any(axis=1).all():
        return cloud
    origin = middle(cloud.points)
    made = cloud_to_open3d(PointCloud(cloud.points, cloud.colours), origin)
    if progress is not None:
        progress(None, "normals")
    with quiet():
        made.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(min(NEIGHBOURS, len(cloud.points))))
        if viewpoint is None:
            made.orient_normals_consistent_tangent_plane(min(NEIGHBOURS, len(cloud.points) - 1))
        else:
            made.orient_normals_towards_camera_location(viewpoint - origin)
    normals = np.asarray(made.normals)
    if viewpoint is None:
        normals = _outwards(cloud.points - origin, normals)
    return PointCloud(cloud.points, cloud.colours, np.ascontiguousarray(normals, np.float32))


def _outwards(points: NDArray[np.float64], normals: NDArray[np.float64]) -> NDArray[np.float64]:
    """`normals`, all turned around where those of the points that are outermost face inwards."""
    outermost = np.unique([f(points[:, axis]) for axis in range(3) for f in (np.argmin, np.argmax)])
    facing = np.einsum("ij,ij->i", points[outermost], normals[outermost]).sum()
    return normals if facing >= 0 else -normals


def poisson_surface(cloud: PointCloud, depth: int, progress: Progress | None = None) -> PoissonSurface:
    """A closed surface by screened Poisson reconstruction (Kazhdan and Hoppe, 2013).

    Parameters
    ----------
    cloud : with normals that face outwards
    depth : of the octree: the grid has 2 to the power of it cells a side

    Raises
    ------
    GeometryError
        There are too few points, or they have no normals.
    """
    import open3d as o3d

    points = usable_cloud(cloud, "Poisson reconstruction", _LEAST)
    if points.normals is None or not np.abs(points.normals).any():
        raise GeometryError("Poisson reconstruction expects normals, found none; estimate them first.")
    origin = middle(points.points)
    if progress is not None:
        progress(None, "Poisson reconstruction")
    with quiet():
        # With several threads the same cloud gives another surface each time.
        made, densities = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(
            cloud_to_open3d(points, origin), depth=depth, scale=_MARGIN, n_threads=1
        )
    mesh = mesh_from_open3d(made, origin)
    if not len(mesh.triangles):
        raise GeometryError("Poisson reconstruction found no surface in these points; try ball pivoting.")
    support = np.asarray(densities, np.float64)
    low, high = float(support.min()), float(support.max())
    return PoissonSurface(mesh, ((support - low) / max(high - low, 1e-12)).astype(np.float32))


def ball_pivoting_surface(cloud: PointCloud, radius: float, progress: Progress | None = None) -> TriangleMesh:
    """A surface of the points themselves: a triangle where a ball rests on three of them (Bernardini et al., 1999).

    Parameters
    ----------
    cloud : with normals
    radius : of the ball, in the unit of the coordinates; a second round with twice as large a one closes gaps

    Raises
    ------
    GeometryError
        There are too few points, they have no normals, or the ball rests nowhere.
    """
    import open3d as o3d

    points = usable_cloud(cloud, "Ball pivoting", _LEAST)
    if points.normals is None:
        raise GeometryError("Ball pivoting expects normals, found none; estimate them first.")
    if radius > diagonal(points.points):
        raise GeometryError("Ball pivoting expects a ball smaller than the object; choose a smaller radius.")
    origin = middle(points.points)
    if progress is not None:
        progress(None, "ball pivoting")
    with quiet():
        made = o3d.geometry.TriangleMesh.create_from_point_cloud_ball_pivoting(
            cloud_to_open3d(points, origin), o3d.utility.DoubleVector([radius, 2 * radius])
        )
    mesh = mesh_from_open3d(made, origin)
    if not len(mesh.triangles):
        raise GeometryError("Ball pivoting found no three points that carry the ball; choose a larger radius.")
    return mesh
