"""Meshes to voxels, and voxels and distance fields to meshes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.checks import usable_mesh
from cvstudio.conversion.open3d_geometry import mesh_to_open3d, middle
from cvstudio.conversion.solids import Interior
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.foundation.errors import GeometryError
from cvstudio.foundation.progress import Progress

Cells = Literal["touched", "centres", "shell"]
MOST_CELLS = 512**3
_ROWS = 1 << 17


def voxels_of(
    sample: TriangleMesh | PointCloud, resolution: int, cells: Cells = "touched", progress: Progress | None = None
) -> VoxelGrid:
    """The voxels of a mesh or cloud, whose longest side `resolution` of them span.

    Parameters
    ----------
    sample : mesh or cloud; of a cloud the voxels that hold a point
    cells : which voxels of a mesh are occupied
        "centres": those whose centre is inside, whose number times their volume tends to that of the mesh;
        "shell": those that a triangle reaches into; "touched": either, so that what is thin is not lost.

    Raises
    ------
    GeometryError
        There is no point, or no triangle with an area.
    """
    if isinstance(sample, PointCloud):
        return _voxels_of_points(sample, resolution)
    mesh = usable_mesh(sample, "A voxel grid")
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    side, shape, origin = _frame(low, high, resolution)
    occupied = np.zeros(shape, bool)
    if cells != "centres":
        occupied |= _shell(mesh, origin, side, shape)
    if cells != "shell":
        solid = Interior(mesh, middle(mesh.vertices))
        empty = np.argwhere(~occupied)
        # In parts, as a grid of many million centres would not fit into memory.
        for start in range(0, len(empty), _ROWS):
            rows = empty[start : start + _ROWS]
            inside = rows[solid.holds(origin + (rows + 0.5) * side, progress)]
            occupied[tuple(inside.T)] = True
    return VoxelGrid(occupied, origin, side)


def _frame(
    low: NDArray[np.float64], high: NDArray[np.float64], resolution: int
) -> tuple[float, tuple[int, int, int], NDArray[np.float64]]:
    """Edge length, shape and origin of a grid around a box, which lies in its middle."""
    # A little more, so that the outermost vertices are within.
    side = float((high - low).max()) * 1.0001 / resolution
    counts = np.maximum(np.ceil((high - low) * 1.00005 / side), 1).astype(int)
    nx, ny, nz = counts.tolist()
    if nx * ny * nz > MOST_CELLS:
        raise GeometryError(f"A grid of {nx} x {ny} x {nz} is too large; choose a lower resolution.")
    return side, (nx, ny, nz), (low + high) / 2 - side * counts / 2


def _shell(
    mesh: TriangleMesh, origin: NDArray[np.float64], side: float, shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """The voxels that triangles reach into."""
    import open3d as o3d

    # Open3D rounds the number of voxels, and its last one may be cut off.
    far = (np.array(shape) + 0.5) * side
    grid = o3d.geometry.VoxelGrid.create_from_triangle_mesh_within_bounds(
        mesh_to_open3d(TriangleMesh(mesh.vertices, mesh.triangles), origin), side, np.zeros(3), far
    )
    indices = np.array([voxel.grid_index for voxel in grid.get_voxels()], np.int64).reshape(-1, 3)
    shell = np.zeros(shape, bool)
    shell[tuple(indices[(indices < shape).all(axis=1)].T)] = True
    return shell


def _voxels_of_points(cloud: PointCloud, resolution: int) -> VoxelGrid:
    if not len(cloud.points):
        raise GeometryError("A voxel grid expects at least one point, found none; choose another file.")
    low, high = cloud.points.min(axis=0), cloud.points.max(axis=0)
    if not (high > low).any():
        high = low + 1.0
    side, shape, origin = _frame(low, high, resolution)
    indices = np.minimum(((cloud.points - origin) / side).astype(np.int64), np.array(shape) - 1)
    flat = np.ravel_multi_index(tuple(np.maximum(indices, 0).T), shape)
    counts = np.bincount(flat, minlength=int(np.prod(shape)))
    colours = None
    if cloud.colours is not None:
        sums = [np.bincount(flat, cloud.colours[:, channel], len(counts)) for channel in range(3)]
        mean = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
        colours = np.rint(mean).astype(np.uint8).reshape(*shape, 3)
    return VoxelGrid((counts > 0).reshape(shape), origin, side, colours)


def smooth_surface(grid: VoxelGrid) -> TriangleMesh:
    """The surface of voxels by marching cubes half way between the centres of full and empty ones: closed, with
    bevelled edges. Empty for an empty grid. `voxel_faces.cubified` is the exact one."""
    values = np.pad(np.where(grid.occupied, np.float32(-0.5), np.float32(0.5)), 1, constant_values=0.5)
    return isosurface(DistanceField(values, grid.origin - grid.side / 2, grid.side), 0.0)


def isosurface(field: DistanceField, level: float) -> TriangleMesh:
    """The surface where a field has the value `level`, by marching cubes (Lewiner et al., 2003), with normals.

    Triangles are counterclockwise as seen from where values are larger. There is none next to nodes without a value.
    Empty where no value lies on either side of the level.
    """
    from skimage.measure import marching_cubes

    known = np.isfinite(field.values)
    low, high = field.extent
    nothing = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    if not known.any() or not low < level < high:
        return nothing
    # skimage wants to be allowed to write.
    values, mask = field.values.copy(), None
    if not known.all():
        # A cube has a surface only where all its corners are known.
        values, mask = np.where(known, values, np.float32(high)), _whole_cubes(known)
        if not mask.any():
            return nothing
    try:
        places, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
            values, level, gradient_direction="descent", mask=mask
        )
    except RuntimeError:  # no cube that is whole holds the level
        return nothing
    return TriangleMesh(
        field.origin + places.astype(np.float64) * field.spacing,
        np.ascontiguousarray(faces, np.int32),
        normals=_normals(places.astype(np.float64), faces),
    )


def _whole_cubes(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The nodes at whose cubes, as skimage counts them, every corner is known."""
    whole = known[:-1, :-1, :-1].copy()
    for x in (0, 1):
        for y in (0, 1):
            for z in (0, 1):
                whole &= known[x : known.shape[0] - 1 + x, y : known.shape[1] - 1 + y, z : known.shape[2] - 1 + z]
    mask = np.zeros(known.shape, bool)
    # skimage looks at the mask of the last corner of a cube.
    mask[1:, 1:, 1:] = whole
    return mask


def _normals(places: NDArray[np.float64], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Normal of each vertex, the mean of its triangles' by their areas, float32 (n, 3)."""
    a, b, c = (places[faces[:, corner]] for corner in range(3))
    each = np.repeat(np.cross(b - a, c - a), 3, axis=0)
    corners = faces.reshape(-1)
    sums = np.stack([np.bincount(corners, each[:, axis], len(places)) for axis in range(3)], axis=1)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.where(lengths > 0, lengths, 1), np.float32)
