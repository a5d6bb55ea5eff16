"""What readers of geometry share: samples of the points that were measured, and colours of faces."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.scalars import ScalarField

_SCALAR, _MOST_SCALARS = "scalar_", 32
Notes = dict[str, str]
"""What a reader left out or changed, title -> text."""


def measured(
    points: NDArray[np.float64],
    triangles: NDArray[np.int32] | None,
    colours: NDArray[np.uint8] | None,
    normals: NDArray[np.float32] | None,
    notes: Notes,
    *,
    uv: NDArray[np.float32] | None = None,
    texture: NDArray[np.uint8] | None = None,
    scalars: tuple[ScalarField, ...] = (),
) -> TriangleMesh | PointCloud:
    """A sample without the points that were not measured (NaN, infinite), and without the triangles that use them.

    Parameters
    ----------
    points : float64 (n, 3)
    triangles : int32 (m, 3); None makes a point cloud
    colours : uint8 (n, 3), or None
    normals : float32 (n, 3), or None; made of unit length. Those of a mesh are left out where they are not all there,
        or show inwards
    uv : float32 (m, 3, 2), of the corners of `triangles`, or None
    texture : uint8 (h, w, 3), or None
    scalars : of the points
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
    kept = None if normals is None else _unit(normals[finite])
    if missing:
        scalars = tuple(dataclasses.replace(field, values=field.values[finite]) for field in scalars)
    if triangles is None:
        return PointCloud(points, colours, kept, tuple(notes.items()), scalars)
    if missing:
        number, whole = np.cumsum(finite) - 1, finite[triangles].all(axis=1)
        triangles = number[triangles[whole]].astype(np.int32)
        uv = None if uv is None else np.ascontiguousarray(uv[whole])
    if kept is not None and (fault := _fault_of_normals(points, triangles, kept)):
        kept, notes = None, {**notes, "Normals": f"of vertices, {fault}: those of the faces are shown"}
    if uv is not None and not np.isfinite(uv).all():
        uv = np.nan_to_num(uv, posinf=0, neginf=0)
    texture = None if uv is None else texture
    return TriangleMesh(points, triangles, colours, tuple(notes.items()), kept, uv, texture, scalars)


def _fault_of_normals(points: NDArray[np.float64], triangles: NDArray[np.int32], normals: NDArray[np.float32]) -> str:
    """Why `normals` (n, 3) of a mesh are not shown; empty where they are."""
    if not len(triangles):
        return ""
    lengths = np.abs(normals).max(axis=1) > 0
    if not lengths[triangles].all():
        return "some of no length"
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    means = normals[triangles].sum(axis=1)
    return "most against the triangles" if np.einsum("ij,ij->i", faces, means).sum() < 0 else ""


def scalar_fields(columns: Mapping[str, NDArray[Any]]) -> dict[str, ScalarField]:
    """Scalar fields of columns (n,) by name, as programs name them: CloudCompare puts "scalar_" in front, and one word
    in place of several."""
    fields: dict[str, ScalarField] = {}
    for name, values in list(columns.items())[:_MOST_SCALARS]:
        title = name.removeprefix(_SCALAR).replace("_", " ") if name.startswith(_SCALAR) else name
        if title and title not in {field.name for field in fields.values()}:
            fields[name] = ScalarField(title, np.ascontiguousarray(values, np.float32))
    return fields


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
