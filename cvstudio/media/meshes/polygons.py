"""Triangulation of polygons, concave ones included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def triangulate(
    vertices: NDArray[np.float64], indices: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Split polygons into triangles: convex ones into a fan, concave ones by clipping ears (Meisters, 1975).

    Parameters
    ----------
    vertices : float64 (n, 3)
    indices : int64 (sum of counts,), corners of all polygons, one polygon after another
    counts : int64 (p,), corners of each polygon; those with fewer than three have no triangle

    Returns
    -------
    triangles : int32 (m, 3), in the order of the polygons and with their sense
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
        faces = indices[starts[polygons][:, None] + np.arange(count)]
        convex = np.ones(len(faces), bool) if count == 3 else _convex(vertices[faces])
        fan = np.stack([np.zeros(count - 2, np.int64), np.arange(1, count - 1), np.arange(2, count)], axis=1)
        triangles.append(faces[convex][:, fan].reshape(-1, 3))
        owners.append(np.repeat(polygons[convex], count - 2))
        for polygon, face in zip(polygons[~convex], faces[~convex], strict=True):
            clipped = face[_clip_ears(_flattened(vertices[face]))]
            triangles.append(clipped)
            owners.append(np.full(len(clipped), polygon))
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return np.concatenate(triangles)[order].astype(np.int32), owner[order]


def _normals(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newell's normal of each polygon (p, 3) from its corners (p, k, 3)."""
    local = corners - corners[:, :1]
    return np.asarray(np.cross(local, np.roll(local, -1, axis=1)).sum(axis=1))


def _convex(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    normals = _normals(corners)
    before, after = corners - np.roll(corners, 1, axis=1), np.roll(corners, -1, axis=1) - corners
    turns = np.einsum("pkc,pc->pk", np.cross(before, after), normals)
    return np.asarray((turns >= -1e-9 * (normals**2).sum(axis=1)[:, None]).all(axis=1))


def _flattened(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Corners (k, 3) seen along the main axis of the polygon's normal, (k, 2), counterclockwise."""
    normal = _normals(corners[None])[0]
    axis = int(np.abs(normal).argmax())
    flat: NDArray[np.float64] = (corners - corners[0])[:, [(axis + 1) % 3, (axis + 2) % 3]]
    return flat if normal[axis] >= 0 else flat * np.array([-1.0, 1.0])


def _cross(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the signed area of a, b, c; the last axis is x, y."""
    return np.asarray(
        (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (c[..., 0] - a[..., 0])
    )


def _clip_ears(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Triangles (k - 2, 3) of a counterclockwise polygon (k, 2). One that crosses itself is split, too, in some way."""
    left, triangles, at, missed = list(range(len(points))), [], 0, 0
    there = np.ones(len(points), bool)
    # Cutting an ear off changes what its neighbours are, and no other corner of a polygon that does not cross itself.
    ears: dict[int, bool] = {}
    tested = len(left)
    while len(left) > 3:
        at %= len(left)
        corner = [left[at - 1], left[at], left[(at + 1) % len(left)]]
        if missed >= len(left) and len(left) <= tested / 2:
            ears, missed, tested = {}, 0, len(left)
        if left[at] not in ears:
            ears[left[at]] = _is_ear(points, corner, there)
        # Where no corner is an ear, the polygon crosses itself or is flat: any corner will do.
        any_will_do = missed >= len(left)
        if any_will_do or ears[left[at]]:
            triangles.append(corner)
            there[left[at]] = False
            for neighbour in (corner[0], corner[2]):
                ears.pop(neighbour, None)
            del left[at]
            # Of a polygon without an ear, only the neighbours may be one now.
            at, missed = (at - 1, len(left) - 2) if any_will_do else (at, 0)
        else:
            at += 1
            missed += 1
    return np.array([*triangles, left], np.int64)


def _is_ear(points: NDArray[np.float64], corner: list[int], there: NDArray[np.bool_]) -> bool:
    """Whether the triangle of a corner and its neighbours holds none of the other corners that are still `there`."""
    a, b, c = points[corner]
    if _cross(a, b, c) <= 0:
        return False
    others = points[there]
    inside = others[(_cross(a, b, others) >= 0) & (_cross(b, c, others) >= 0) & (_cross(c, a, others) >= 0)]
    # Corners at the same place belong to a seam that joins a hole to the outline.
    return bool((inside[:, None] == points[corner]).all(axis=2).any(axis=1).all())
