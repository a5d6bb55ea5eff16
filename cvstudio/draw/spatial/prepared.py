"""Things in space made ready to be drawn: surfaces, points and lines in single precision, each about its own origin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.mesh_topology import extent
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.voxel_faces import cubified
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.draw.spatial.surface import PreparedSurface, bounds_of, packed_normals, prepare_surface
from cvstudio.results.scene3d import Geometry3D

CAMERA_SHARE = 0.12
"""Depth at which the outline of a camera is drawn, as a share of the radius of its scene."""


@dataclass(frozen=True, eq=False)
class PreparedPoints:
    """A point cloud in random order, so that its first points are an even sample of it.

    Parameters
    ----------
    cloud : as it was
    origin : float64 (3,), middle of its bounds
    positions : float32 (n, 3), about `origin`
    normals : int16 (n, 4), -32767..32767; None without
    order : int32 (n,), point of the cloud that each is
    """

    cloud: PointCloud
    origin: NDArray[np.float64]
    positions: NDArray[np.float32]
    normals: NDArray[np.int16] | None
    order: NDArray[np.int32]

    @cached_property
    def bounds(self) -> NDArray[np.float32]:
        """Smallest and largest x, y, z about the origin, float32 (2, 3)."""
        return bounds_of(self.positions)


@dataclass(frozen=True, eq=False)
class PreparedLines:
    """Line segments.

    Parameters
    ----------
    origin : float64 (3,)
    positions : float32 (2 m, 3), about `origin`, both ends of each segment
    colours : uint8 (m, 3), or None
    """

    origin: NDArray[np.float64]
    positions: NDArray[np.float32]
    colours: NDArray[np.uint8] | None

    @cached_property
    def bounds(self) -> NDArray[np.float32]:
        """Smallest and largest x, y, z about the origin, float32 (2, 3)."""
        return bounds_of(self.positions)


Prepared = PreparedSurface | PreparedPoints | PreparedLines


def prepare(geometry: Geometry3D, radius: float) -> tuple[Prepared, ...]:
    """What is drawn of a thing in space.

    Parameters
    ----------
    radius : of its scene, from which the size of a drawn camera follows
    """
    if isinstance(geometry, TriangleMesh):
        if len(geometry.triangles):
            return (prepare_surface(geometry),)
        return (_points(PointCloud(geometry.vertices, geometry.colours, scalars=geometry.scalars)),)
    if isinstance(geometry, PointCloud):
        return (_points(geometry),)
    if isinstance(geometry, LineSet):
        return (_lines(geometry.points, geometry.lines, geometry.colours),)
    if isinstance(geometry, PosedCamera):
        return _camera(geometry, radius * CAMERA_SHARE)
    mesh = cubified(geometry) if isinstance(geometry, VoxelGrid) else _zero_level(geometry)
    return (prepare_surface(mesh),) if len(mesh.triangles) else ()


def _points(cloud: PointCloud) -> PreparedPoints:
    low, high = extent(cloud.points)
    origin = (low + high) / 2
    order = np.random.default_rng(0).permutation(len(cloud.points)).astype(np.int32)
    positions = (cloud.points[order] - origin).astype(np.float32)
    normals = None if cloud.normals is None else packed_normals(cloud.normals[order])
    return PreparedPoints(cloud, origin, positions, normals, order)


def _lines(points: NDArray[np.float64], lines: NDArray[np.int32], colours: NDArray[np.uint8] | None) -> PreparedLines:
    low, high = extent(points)
    origin = (low + high) / 2
    return PreparedLines(origin, (points[lines.reshape(-1)] - origin).astype(np.float32), colours)


_OUTLINE = np.array([[0, 1], [0, 2], [0, 3], [0, 4], [1, 2], [2, 3], [3, 4], [4, 1], [5, 6], [6, 7], [7, 5]], np.int32)
"""Edges of a camera: from its position to the corners of the picture, these, and a triangle above the picture."""


def _camera(camera: PosedCamera, depth: float) -> tuple[Prepared, ...]:
    corners = camera.frustum(depth)
    width, height = corners[1] - corners[0], corners[0] - corners[3]
    above = [corners[0] + 0.3 * width, corners[1] - 0.3 * width, (corners[0] + corners[1]) / 2 + 0.35 * height]
    above = [point + 0.06 * height for point in above]
    outline = _lines(np.stack([camera.position, *corners, *above]), _OUTLINE, None)
    if camera.picture is None:
        return (outline,)
    uv = np.array([[[0, 1], [1, 1], [1, 0]], [[0, 1], [1, 0], [0, 0]]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    return outline, prepare_surface(TriangleMesh(corners, triangles, uv=uv, texture=camera.picture))


def _zero_level(field: DistanceField) -> TriangleMesh:
    """The surface of a distance field (Lorensen and Cline, "Marching cubes", 1987); empty where nothing is inside."""
    from skimage import measure

    low, high = field.extent
    if not low < 0 < high:
        return TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    known = np.isfinite(field.values)
    values = np.where(known, field.values, np.float32(high))
    cubes: Callable[..., tuple[NDArray[np.float32], NDArray[np.int32], Any, Any]] = measure.marching_cubes
    vertices, triangles, _, _ = cubes(values, 0.0, mask=known, gradient_direction="ascent")
    placed = field.origin + vertices.astype(np.float64) * field.spacing
    return TriangleMesh(readonly(placed), triangles.astype(np.int32))
