"""What a mesh or cloud has to have, told in one sentence where it is missing."""

from __future__ import annotations

import numpy as np

from cvstudio.conversion.open3d_geometry import diagonal
from cvstudio.data.mesh_topology import merge_equal
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.vertex_colours import vertex_colours
from cvstudio.foundation.errors import GeometryError


def usable_mesh(sample: TriangleMesh | PointCloud, purpose: str) -> TriangleMesh:
    """A mesh without triangles that have no area, whose vertices at one place are one.

    Normals, texture and scalars are left out. Vertices of different colours at one place get the first one's.

    Parameters
    ----------
    purpose : what it is for, the beginning of a sentence, such as "Voxels"

    Raises
    ------
    GeometryError
        There is no triangle with an area.
    """
    if isinstance(sample, PointCloud):
        raise GeometryError(
            f"{purpose} expects a mesh, found a point cloud; reconstruct its surface first (Surface reconstruction)."
        )
    first, number = merge_equal(sample.vertices)
    triangles = number[sample.triangles]
    a, b, c = (sample.vertices[sample.triangles[:, corner]] for corner in range(3))
    areas = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    solid = (areas > 0) & (triangles[:, 0] != triangles[:, 1]) & (triangles[:, 1] != triangles[:, 2])
    triangles = triangles[solid & (triangles[:, 0] != triangles[:, 2])]
    if not len(triangles):
        raise GeometryError(f"{purpose} expects a mesh with an area, found none; choose another file.")
    # Only vertices of triangles: a stray one would make the box around the object larger.
    used = np.unique(triangles)
    place = np.zeros(len(first), np.int32)
    place[used] = np.arange(len(used))
    rows = first[used]
    colours = vertex_colours(sample)
    colours = None if colours is None else colours[rows]
    return TriangleMesh(sample.vertices[rows], place[triangles], colours)


def usable_cloud(sample: TriangleMesh | PointCloud, purpose: str, least: int = 4) -> PointCloud:
    """The points of a cloud or the vertices of a mesh, each place once.

    Raises
    ------
    GeometryError
        There are fewer than `least` places, or all are one.
    """
    points = sample.vertices if isinstance(sample, TriangleMesh) else sample.points
    first, _ = merge_equal(points)
    if len(first) < least or diagonal(points) == 0:
        raise GeometryError(
            f"{purpose} expects at least {least} points at different places, found {len(first)}; choose another file."
        )
    normals = None if sample.normals is None else sample.normals[first]
    colours = vertex_colours(sample) if isinstance(sample, TriangleMesh) else sample.colours
    colours = None if colours is None else colours[first]
    return PointCloud(points[first], colours, normals)
