"""Triangulation of polygons, concave ones included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.meshes.ear_clipping import clip_ears

_STRAIGHT_SINE = 1e-7
"""Sine of the angle up to which a line is straight."""


def triangulate(
    vertices: NDArray[np.float64], indices: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Split polygons into triangles: convex ones into a fan, concave ones by clipping ears.

    As `triangle_corners`, with the vertices of the triangles in place of the numbers of the corners.
    """
    corners, owner = triangle_corners(vertices, indices, counts)
    return indices[corners].astype(np.int32), owner


def triangle_corners(
    vertices: NDArray[np.float64], indices: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split polygons into triangles: convex ones into a fan, concave ones by clipping ears.

    Parameters
    ----------
    vertices : float64 (n, 3)
    indices : int64 (sum of counts,), corners of all polygons, one polygon after another
    counts : int64 (p,), corners of each polygon; those with fewer than three have no triangle

    Returns
    -------
    corners : int64 (m, 3), rows of `indices`, in the order of the polygons and with their sense
    owner : int64 (m,), polygon of each triangle

    Raises
    ------
    ValueError
        A corner is no vertex.
    """
    if indices.size and not (indices.min() >= 0 and indices.max() < len(vertices)):
        raise ValueError(f"expected corners 0..{len(vertices) - 1}, found {indices.min()} to {indices.max()}")
    starts = np.cumsum(counts) - counts
    triangles, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for count in np.unique(counts[counts >= 3]):
        polygons = np.flatnonzero(counts == count)
        faces = starts[polygons][:, None] + np.arange(count)
        convex = np.ones(len(faces), bool) if count == 3 else _convex(vertices[indices[faces]])
        fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], axis=1)
        triangles.append(faces[convex][:, fan].reshape(-1, 3))
        owners.append(np.repeat(polygons[convex], count - 2))
        for polygon, face in zip(polygons[~convex], faces[~convex], strict=True):
            clipped = face[clip_ears(_flattened(vertices[indices[face]]))]
            triangles.append(clipped)
            owners.append(np.full(len(clipped), polygon))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order], owner[order]


def _normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newell's normal of each polygon (p, 3) from its corners (p, k, 3)."""
    local = corners - corners[:, :1]
    return np.asarray(np.cross(local, np.roll(local, -1, axis=1)).sum(axis=1))


def _convex(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each polygon is convex, or has corners that are no numbers."""
    normals = _normals(corners)
    before, after = corners - np.roll(corners, 1, axis=1), np.roll(corners, -1, axis=1) - corners
    turns = np.einsum("pkc,pc->pk", np.cross(before, after), normals)
    lengths = np.linalg.norm(before, axis=2) * np.linalg.norm(after, axis=2)
    # By the angle: an arc of many corners turns little at each of them.
    straight = lengths * np.linalg.norm(normals, axis=1)[:, None] * _STRAIGHT_SINE
    return np.asarray((turns >= -straight).all(axis=1) | ~np.isfinite(turns).all(axis=1))


def _flattened(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (k, 3) seen along the main axis of the polygon's normal, (k, 2), counterclockwise."""
    normal = _normals(corners[None])[0]
    axis = int(np.abs(normal).argmax())
    flat: NDArray[np.float64] = (corners - corners[0])[:, [(axis + 1) % 3, (axis + 2) % 3]]
    return flat if normal[axis] >= 0 else flat * np.array([-1.0, 1.0])
