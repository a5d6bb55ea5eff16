"""Meshes and clouds as Open3D's, and back. Coordinates are moved by an origin, so that single precision is enough."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.mesh_topology import extent
from cvstudio.data.samples import PointCloud, TriangleMesh


def middle(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle of the bounding box, float64 (3,)."""
    low, high = extent(points)
    return np.asarray((low + high) / 2)


def diagonal(points: NDArray[np.float64]) -> float:
    """Length of the bounding box's diagonal; 0 without points."""
    low, high = extent(points)
    return float(np.linalg.norm(high - low))


def mesh_to_open3d(mesh: TriangleMesh, origin: NDArray[np.float64]) -> Any:
    """An `open3d.geometry.TriangleMesh` with its vertices, colours and normals, relative to `origin`."""
    import open3d as o3d

    made = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices - origin),
        # Its constructor does not take what is read-only.
        o3d.utility.Vector3iVector(np.array(mesh.triangles)),
    )
    if mesh.colours is not None:
        made.vertex_colors = o3d.utility.Vector3dVector(mesh.colours / 255.0)
    if mesh.normals is not None:
        made.vertex_normals = o3d.utility.Vector3dVector(mesh.normals.astype(np.float64))
    return made


def mesh_from_open3d(mesh: Any, origin: NDArray[np.float64]) -> TriangleMesh:
    """The triangles and colours of an `open3d.geometry.TriangleMesh`, moved back by `origin`."""
    colours = colours8(np.asarray(mesh.vertex_colors)) if mesh.has_vertex_colors() else None
    triangles = np.asarray(mesh.triangles).astype(np.int32).reshape(-1, 3)
    return TriangleMesh(np.asarray(mesh.vertices).reshape(-1, 3) + origin, triangles, colours)


def cloud_to_open3d(cloud: PointCloud, origin: NDArray[np.float64]) -> Any:
    """An `open3d.geometry.PointCloud` with its colours and normals, relative to `origin`."""
    import open3d as o3d

    made = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(cloud.points - origin))
    if cloud.colours is not None:
        made.colors = o3d.utility.Vector3dVector(cloud.colours / 255.0)
    if cloud.normals is not None:
        made.normals = o3d.utility.Vector3dVector(cloud.normals.astype(np.float64))
    return made


def cloud_from_open3d(cloud: Any, origin: NDArray[np.float64]) -> PointCloud:
    """The points, colours and normals of an `open3d.geometry.PointCloud`, moved back by `origin`."""
    colours = colours8(np.asarray(cloud.colors)) if cloud.has_colors() else None
    normals = np.asarray(cloud.normals).astype(np.float32) if cloud.has_normals() else None
    return PointCloud(np.asarray(cloud.points).reshape(-1, 3) + origin, colours, normals)


def colours8(colours: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours of 0..1 as 0..255."""
    return np.rint(np.clip(colours, 0, 1) * 255).astype(np.uint8)


def ray_scene(mesh: TriangleMesh, origin: NDArray[np.float64]) -> Any:
    """An `open3d.t.geometry.RaycastingScene` with the triangles of a mesh, relative to `origin`."""
    import open3d as o3d

    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(mesh.vertices - origin), o3d.core.Tensor.from_numpy(mesh.triangles.astype(np.uint32)))
    return scene


def tensor(values: NDArray[np.floating]) -> Any:
    """A float32 `open3d.core.Tensor`."""
    import open3d as o3d

    # A copy, as what is read-only is not taken.
    return o3d.core.Tensor.from_numpy(np.array(values, np.float32, order="C"))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings that Open3D prints: what they tell is told as a sentence."""
    import open3d as o3d

    with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        yield
