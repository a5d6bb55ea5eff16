"""What readers of geometry share: samples of the points that were measured, and colours of faces."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh

Notes = dict[str, str]
"""What a reader left out or changed, title -> text."""


def measured(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32] | None,
    colours: NDArray[np.uint8] | None,
    normals: NDArray[np.float32] | None,
    notes: Notes,
) -> TriangleMesh | PointCloud:
    """A sample without the points that were not measured (NaN, infinite), and without the triangles that use them.

    Parameters
    ----------
    points : float64 (n, 3)
    triangles : int32 (m, 3); None makes a point cloud
    colours : uint8 (n, 3), or None
    normals : float32 (n, 3), or None; kept for point clouds, and made of unit length
    """
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
    missing = int(len(points) - finite.sum())
    if missing:
        unit = "point" if triangles is None else "vertex" if missing == 1 else "vertice"
        plural = "s" if missing != 1 else ""
        were = "were" if plural else "was"
        notes = {**notes, "Left out": f"{missing:,} {unit}{plural} that {were} not measured (NaN or infinite)"}
    points = np.ascontiguousarray(points[finite])
    colours = None if colours is None else np.ascontiguousarray(colours[finite])
    if triangles is None:
        kept = None if normals is None else _unit(normals[finite])
        return PointCloud(points, colours, kept, tuple(notes.items()))
    if normals is not None:
        notes = {**notes, "Normals": "of vertices, not read: those of the faces are shown"}
    if missing:
        number = np.cumsum(finite) - 1
        triangles = number[triangles[finite[triangles].all(axis=1)]].astype(np.int32)
    return TriangleMesh(points, triangles, colours, tuple(notes.items()))


def scaled_colours(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours as 8 bits: floats of 0..1, or of 0..255 where one exceeds 1; 16-bit integers of 0..65535, or of 0..255
    where none exceeds 255."""
    largest = np.nanmax(values) if values.size else 0
    scale = 1.0
    if values.dtype.kind == "f" and largest <= 1:
        scale = 255.0
    elif values.dtype.itemsize == 2 and values.dtype.kind == "u" and largest > 255:
        scale = 255 / 65535
    return np.rint(np.clip(np.nan_to_num(values.astype(np.float64)) * scale, 0, 255)).astype(np.uint8)


def _unit(normals: NDArray[np.float32]) -> NDArray[np.float32]:
    finite = np.where(np.isfinite(normals).all(axis=1, keepdims=True), normals, 0).astype(np.float64)
    length = np.linalg.norm(finite, axis=1, keepdims=True)
    return (finite / np.where(length > 0, length, 1)).astype(np.float32)


def face_colours_of_vertices(
    colours: NDArray[np.uint8], triangles: NDArray[np.int32], n_vertices: int
) -> NDArray[np.uint8]:
    """Mean colour of the triangles at each vertex.

    Parameters
    ----------
    colours : uint8 (m, 3), of the triangles
    triangles : int32 (m, 3)

    Returns
    -------
    uint8 (n_vertices, 3); vertices without a triangle are white
    """
    corners = triangles.reshape(-1)
    count = np.bincount(corners, minlength=n_vertices)
    sums = [np.bincount(corners, np.repeat(colours[:, channel], 3), n_vertices) for channel in range(3)]
    mean = np.stack(sums, axis=1) / np.maximum(count, 1)[:, None]
    return np.where(count[:, None] > 0, np.rint(mean), 255).astype(np.uint8)
