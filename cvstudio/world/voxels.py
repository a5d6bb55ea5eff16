"""Voxels of shapes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.world.shape_mesh import ShapeMesh


@dataclass(frozen=True, eq=False)
class ShapeVoxels:
    """A cube of voxels around a shape.

    Parameters
    ----------
    inside : bool (n, n, n), by x, y and z
        Whether the centre of the voxel is inside of any of the shape's solids.
    surface : bool (n, n, n)
        Whether any triangle reaches into the voxel: what is thin has a surface, but hardly an inside.
    origin : outer corner of the first voxel, x, y, z in metres of the shape
    side : of a voxel in metres
    """

    inside: NDArray[np.bool_]
    surface: NDArray[np.bool_]
    origin: tuple[float, float, float]
    side: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "inside", readonly(self.inside))
        object.__setattr__(self, "surface", readonly(self.surface))

    @property
    def occupied(self) -> NDArray[np.bool_]:
        """Whether the shape has any part in the voxel: inside or surface, bool (n, n, n)."""
        return readonly(self.inside | self.surface)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Centres of the voxels, (n, n, n, 3), in metres of the shape."""
        places = (np.indices(self.inside.shape) + 0.5) * self.side
        return np.asarray(np.moveaxis(places, 0, -1) + np.array(self.origin))


def voxelised(mesh: ShapeMesh, resolution: int = 32) -> ShapeVoxels:
    """The voxels of a shape, whose longest side `resolution` of them span; the shape is in the middle of the cube."""
    low, high = mesh.bounds.astype(np.float64)
    # A little more, so that the outermost vertices are within.
    side = float((high - low).max()) * 1.0001 / resolution
    origin = (low + high) / 2 - side * resolution / 2
    inside = np.zeros((resolution,) * 3, bool)
    for solid in range(int(mesh.solids.max()) + 1):
        _fill(inside, mesh.vertices, mesh.triangles[mesh.solids == solid], origin, side)
    x, y, z = origin.tolist()
    return ShapeVoxels(inside, _surface(mesh, origin, side, resolution), (x, y, z), side)


def _fill(
    inside: NDArray[np.bool_],
    vertices: NDArray[np.float32],
    triangles: NDArray[np.int32],
    origin: NDArray[np.float64],
    side: float,
) -> None:
    """Mark the voxels whose centres are inside of a closed solid."""
    import open3d as o3d

    tensor = o3d.core.Tensor.from_numpy
    corners = vertices[triangles]
    # The voxels whose centres lie within the solid's bounds.
    first = np.maximum(np.ceil((corners.min((0, 1)) - origin) / side - 0.5).astype(int), 0)
    last = np.minimum(np.floor((corners.max((0, 1)) - origin) / side - 0.5).astype(int) + 1, len(inside))
    if not (last > first).all():
        return
    scene = o3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(np.array(vertices)), tensor(triangles.astype(np.uint32)))
    shape = tuple((last - first).tolist())
    places = np.moveaxis((np.indices(shape) + first[:, None, None, None] + 0.5) * side, 0, -1) + origin
    # Three rays each: one that meets an edge may count it twice.
    occupancy = scene.compute_occupancy(tensor(places.astype(np.float32, order="C")), nsamples=3).numpy()
    region = tuple(slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True))
    inside[region] |= occupancy > 0.5


def _surface(mesh: ShapeMesh, origin: NDArray[np.float64], side: float, resolution: int) -> NDArray[np.bool_]:
    """The voxels that triangles reach into."""
    import open3d as o3d

    shell = o3d.geometry.TriangleMesh(
        o3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)),
        o3d.utility.Vector3iVector(np.array(mesh.triangles)),
    )
    # Its last voxel may be cut off by rounding.
    far = origin + side * (resolution + 0.5)
    grid = o3d.geometry.VoxelGrid.create_from_triangle_mesh_within_bounds(shell, side, origin, far)
    indices = np.array([voxel.grid_index for voxel in grid.get_voxels()], np.int64).reshape(-1, 3)
    surface = np.zeros((resolution,) * 3, bool)
    x, y, z = indices[(indices < resolution).all(1)].T
    surface[x, y, z] = True
    return surface
