"""Approximate convex decomposition: a mesh as a few convex parts.

The voxels of the mesh are cut in two, again and again, by the plane along an axis after which least is missing to the
convex hulls, as in V-HACD (Mamou, "Volumetric Hierarchical Approximate Convex Decomposition", Game Engine Gems 3, 2016)
and CoACD (Wei et al., 2022). Its own code, as their packages would be one more compiled library for a single function;
where they refine a plane, these parts are as exact as the voxels at their cuts and as the mesh at its surface.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.checks import usable_mesh
from cvstudio.conversion.sampling import uniform_points
from cvstudio.conversion.voxels import voxels_of
from cvstudio.data.samples import TriangleMesh
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.foundation.progress import Progress

_PLANES = 7
"""Planes along each axis that are tried for a part."""
_LEAST_CONCAVITY = 0.003
"""A part whose hull has less beyond it, as a share of the object's volume, is not cut."""
_STAIRCASE = 0.6
"""How much the hull of a slanted surface has beyond each of its voxels, in voxels: that is no concavity."""
_SAMPLES = 20_000
_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.int64)


@dataclass(frozen=True, eq=False)
class ConvexPart:
    """A convex part.

    Parameters
    ----------
    hull : its surface, closed
    concavity : what its hull has beyond the object, as a share of the object's volume
    """

    hull: TriangleMesh
    concavity: float


@dataclass(frozen=True, eq=False)
class Decomposition:
    """All decompositions of an object, from one part to many, each made from the one before by a cut.

    Parameters
    ----------
    parts : of all steps together
    steps : of each number of parts, from 1, the indices into `parts`
    """

    parts: tuple[ConvexPart, ...]
    steps: tuple[tuple[int, ...], ...]

    def at(self, count: int) -> tuple[ConvexPart, ...]:
        """The decomposition into at most `count` parts, the largest first."""
        chosen = self.steps[min(max(count, 1), len(self.steps)) - 1]
        return tuple(self.parts[number] for number in chosen)

    def concavity(self, count: int) -> float:
        """What the hulls of at most `count` parts have beyond the object, as a share of its volume."""
        return sum(part.concavity for part in self.at(count))


@dataclass(frozen=True, eq=False)
class _Block:
    """Voxels of a part: indices int64 (n, 3), the volume of their hull in voxels, and how much of it is beyond the
    object."""

    cells: NDArray[np.int64]
    hull: float
    missing: float


def decomposed(mesh: TriangleMesh, most: int, resolution: int = 40, progress: Progress | None = None) -> Decomposition:
    """The convex parts of a mesh, in all numbers from 1 to `most`.

    Parameters
    ----------
    mesh : any with an area; an open one counts as full as far as its rays tell (`solids.Interior`)
    most : largest number of parts
    resolution : voxels along the longest side

    Raises
    ------
    GeometryError
        There is no triangle with an area.
    """
    mesh = usable_mesh(mesh, "A convex decomposition")
    grid = voxels_of(mesh, resolution, "touched", progress)
    samples = np.concatenate([mesh.vertices, uniform_points(mesh, _SAMPLES).points])
    owners = np.clip(((samples - grid.origin) / grid.side).astype(np.int64), 0, np.array(grid.occupied.shape) - 1)
    label = np.zeros(grid.occupied.shape, np.int32)
    rim = _rim(grid.occupied)
    blocks = [_block(grid.indices, rim)]
    total = len(blocks[0].cells)
    steps: list[list[int]] = [[0]]
    # The block that misses most comes first; those of one amount by their number.
    queue = [(-blocks[0].missing, 0)]
    while queue and len(steps[-1]) < most:
        missing, number = heapq.heappop(queue)
        if -missing < _LEAST_CONCAVITY * total:
            break
        halves = _cut(blocks[number], rim, progress)
        if halves is None:
            continue
        current = [part for part in steps[-1] if part != number]
        for half in halves:
            blocks.append(half)
            current.append(len(blocks) - 1)
            heapq.heappush(queue, (-half.missing, len(blocks) - 1))
        current.sort(key=lambda part: -len(blocks[part].cells))
        steps.append(current)
        if progress is not None:
            progress(len(current) / most, "convex parts")
    parts = []
    for block in blocks:
        label[:] = 0
        label[tuple(block.cells.T)] = 1
        mine = samples[label[tuple(owners.T)] == 1]
        parts.append(ConvexPart(_hull(_outline(block.cells, grid, mine)), block.missing / total))
    return Decomposition(tuple(parts), tuple(map(tuple, steps)))


def _rim(occupied: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The occupied voxels beside an empty one, bool (nx, ny, nz)."""
    padded = np.pad(occupied, 1)
    inner = occupied.copy()
    for axis in range(3):
        for step in (slice(2, None), slice(0, -2)):
            beside = [slice(1, -1)] * 3
            beside[axis] = step
            inner &= padded[tuple(beside)]
    return occupied & ~inner


def _block(cells: NDArray[np.int64], rim: NDArray[np.bool_]) -> _Block:
    stairs = _STAIRCASE * np.count_nonzero(rim[tuple(cells.T)])
    hull = _hull_volume(cells)
    return _Block(cells, hull, float(max(hull - len(cells) - stairs, 0.0)))


def _hull_volume(cells: NDArray[np.int64]) -> float:
    """Volume of the convex hull of voxels, in voxels."""
    hull = _convex_hull(_extreme_corners(cells).astype(np.float64))
    return float(len(cells)) if hull is None else float(hull.volume)


def _extreme_corners(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Corners of the first and the last voxel of each row along x: the hull of all has no others."""
    order = np.lexsort((cells[:, 0], cells[:, 2], cells[:, 1]))
    rows = cells[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(rows[:, 1:], axis=0) != 0).any(axis=1)])
    ends = np.r_[starts[1:], len(rows)] - 1
    outer = np.unique(np.r_[starts, ends])
    return np.unique((rows[outer][:, None] + _CORNERS).reshape(-1, 3), axis=0)


def _convex_hull(points: NDArray[np.float64]) -> Any:
    """scipy's hull; None where the points lie in a plane."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        return ConvexHull(points)
    except QhullError:
        return None


def _cut(block: _Block, rim: NDArray[np.bool_], progress: Progress | None) -> tuple[_Block, _Block] | None:
    """The two halves with the smallest hulls; None for a single voxel.

    Planes along the axes are tried, `_PLANES` of each, and then all between the neighbours of the best one.
    """
    tried: dict[tuple[int, int], tuple[_Block, _Block]] = {}

    def attempt(axis: int, planes: list[int]) -> None:
        places = block.cells[:, axis]
        for plane in planes:
            if progress is not None:
                progress.check()
            under = places < plane
            if (axis, plane) not in tried and under.any() and not under.all():
                tried[axis, plane] = _block(block.cells[under], rim), _block(block.cells[~under], rim)

    def best() -> tuple[int, int]:
        return min(tried, key=lambda at: (tried[at][0].hull + tried[at][1].hull, at))

    steps = []
    for axis in range(3):
        low, high = int(block.cells[:, axis].min()), int(block.cells[:, axis].max())
        coarse = np.unique(np.linspace(low, high + 1, _PLANES + 2).round().astype(int)[1:-1])
        attempt(axis, coarse.tolist())
        steps.append(-(-(high + 1 - low) // (_PLANES + 1)))
    if not tried:
        return None
    axis, plane = best()
    attempt(axis, [*range(plane - steps[axis] + 1, plane), *range(plane + 1, plane + steps[axis])])
    return tried[best()]


def _outline(cells: NDArray[np.int64], grid: VoxelGrid, samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points whose hull is that of a part: those of the surface that lie in its voxels and, where it was cut off or the
    surface has no point, the corners of its voxels that are within the object."""
    taken = np.zeros(np.array(grid.occupied.shape) + 2, bool)
    taken[tuple((cells + 1).T)] = True
    full = np.pad(grid.occupied, 1)
    corners = []
    for axis in range(3):
        for step in (-1, 1):
            beside = cells + 1
            beside[:, axis] += step
            cut = full[tuple(beside.T)] & ~taken[tuple(beside.T)]
            faces = _CORNERS[_CORNERS[:, axis] == (step + 1) // 2]
            corners.append((cells[cut][:, None] + faces).reshape(-1, 3))
    places = np.unique(np.concatenate(corners), axis=0)
    if len(places):
        # Only corners all of whose voxels are occupied: others stand out of the surface.
        around = np.ones(len(places), bool)
        for corner in _CORNERS:
            around &= full[tuple((places + corner).T)]
        places = places[around]
    points = np.concatenate([samples, grid.origin + places * grid.side])
    if len(points) >= 4 and _convex_hull(points - points.mean(axis=0)) is not None:
        return points
    return np.asarray(grid.origin + _extreme_corners(cells) * grid.side)


def _hull(points: NDArray[np.float64]) -> TriangleMesh:
    """The convex hull as a closed mesh, counterclockwise as seen from outside."""
    centre = points.mean(axis=0)
    hull = _convex_hull(points - centre)
    assert hull is not None  # `_outline`
    triangles = hull.simplices.astype(np.int64)
    corners = hull.points[triangles]
    outwards = np.einsum(
        "ij,ij->i", np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), hull.equations[:, :3]
    )
    triangles = np.where((outwards < 0)[:, None], triangles[:, ::-1], triangles)
    used, numbers = np.unique(triangles, return_inverse=True)
    return TriangleMesh(points[used], numbers.reshape(-1, 3).astype(np.int32))
