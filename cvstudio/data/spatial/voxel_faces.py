"""The surface of voxel grids, made of the faces between occupied and empty voxels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import TriangleMesh
from cvstudio.data.spatial.voxel_grid import VoxelGrid

_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.int64)


def cubified(grid: VoxelGrid) -> TriangleMesh:
    """The boundary of the occupied voxels as triangles, two for each face, counterclockwise as seen from outside.

    Faces between two occupied voxels are left out, and corners at the same place are one vertex (the "cubify" of
    Gkioxari et al., "Mesh R-CNN", 2019, 3.2). Colours of voxels become those of their corners. Empty for an empty grid.
    """
    padded = np.pad(grid.occupied, 1)
    core = (slice(1, -1),) * 3
    quads: list[NDArray[np.int64]] = []
    owners: list[NDArray[np.int64]] = []
    for axis in range(3):
        first, second = (axis + 1) % 3, (axis + 2) % 3
        for step in (0, 1):
            beside = list(core)
            beside[axis] = slice(2, None) if step else slice(0, -2)
            cells = np.argwhere(grid.occupied & ~padded[tuple(beside)])
            corners = np.repeat(cells[:, None], 4, axis=1)
            corners[:, :, axis] += step
            # Counterclockwise about the axis where it points outwards, and the other way round where it points inwards.
            square = _SQUARE if step else _SQUARE[::-1]
            corners[:, :, first] += square[:, 0]
            corners[:, :, second] += square[:, 1]
            quads.append(corners)
            owners.append(cells)
    corners = np.concatenate(quads).reshape(-1, 3)
    shape = np.array(grid.occupied.shape) + 1
    keys = np.ravel_multi_index(tuple(corners.T), tuple(shape)) if len(corners) else np.zeros(0, np.int64)
    unique, numbers = np.unique(keys, return_inverse=True)
    places = np.column_stack(np.unravel_index(unique, tuple(shape))).reshape(-1, 3)
    faces = numbers.reshape(-1, 4)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]).astype(np.int32)
    colours = None
    if grid.colours is not None:
        owner = np.repeat(np.concatenate(owners), 4, axis=0)
        painted = grid.colours[tuple(owner.T)]
        count = np.maximum(np.bincount(numbers, minlength=len(unique)), 1)
        sums = [np.bincount(numbers, painted[:, channel], len(unique)) for channel in range(3)]
        colours = np.rint(np.stack(sums, axis=1) / count[:, None]).astype(np.uint8)
    return TriangleMesh(grid.origin + places * grid.side, triangles, colours)
