"""Triangles of a shape, with all that rendering and labels ask of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.samples import TriangleMesh


@dataclass(frozen=True, eq=False)
class ShapeMesh:
    """Closed solids, which may reach into one another: a table is its top and four legs.

    Parameters
    ----------
    vertices : float32 (n, 3)
        In metres; no two solids share one.
    triangles : int32 (m, 3)
        Counterclockwise as seen from outside.
    normals : float32 (m, 3, 3)
        Of unit length at each corner of each triangle, so that a cylinder is smooth and its rim sharp.
    uv : float32 (m, 3, 2)
        Position of each corner on the solid's surface, 0..1.
    metres : float32 (m, 2)
        Length of the surface that 0..1 of u and v stand for, in metres: textures have the same grain everywhere.
    slots : uint8 (m,)
        Which of the shape's materials the triangle has.
    parts : uint8 (m,)
        Part of a figure; 0 of anything else.
    solids : int32 (m,)
        Which closed solid the triangle belongs to, from 0.

    Raises
    ------
    ValueError
        A shape or dtype differs.
    """

    vertices: NDArray[np.float32]
    triangles: NDArray[np.int32]
    normals: NDArray[np.float32]
    uv: NDArray[np.float32]
    metres: NDArray[np.float32]
    slots: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    solids: NDArray[np.int32]

    def __post_init__(self) -> None:
        m = len(self.triangles)
        expected: dict[str, tuple[tuple[int, ...], Any]] = {
            "vertices": ((len(self.vertices), 3), np.float32),
            "triangles": ((m, 3), np.int32),
            "normals": ((m, 3, 3), np.float32),
            "uv": ((m, 3, 2), np.float32),
            "metres": ((m, 2), np.float32),
            "slots": ((m,), np.uint8),
            "parts": ((m,), np.uint8),
            "solids": ((m,), np.int32),
        }
        for name, (shape, dtype) in expected.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"expected {name} {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}")
            object.__setattr__(self, name, readonly(array))

    def __len__(self) -> int:
        return len(self.triangles)

    @functools.cached_property
    def bounds(self) -> NDArray[np.float32]:
        """Smallest and largest x, y, z, float32 (2, 3), in metres."""
        return readonly(np.stack([self.vertices.min(0), self.vertices.max(0)]))

    def moved(self, matrix: NDArray[np.floating]) -> ShapeMesh:
        """The shape under an affine map (4, 4), or its first three rows; a mirror turns the triangles around."""
        linear = np.asarray(matrix, np.float64)[:3, :3]
        vertices = self.vertices @ linear.T + np.asarray(matrix, np.float64)[:3, 3]
        normals = self.normals @ np.linalg.inv(linear)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
        determinant = float(np.linalg.det(linear))
        order = [0, 1, 2] if determinant > 0 else [0, 2, 1]
        return dataclasses.replace(
            self,
            vertices=vertices.astype(np.float32),
            triangles=np.ascontiguousarray(self.triangles[:, order]),
            normals=np.ascontiguousarray(normals[:, order].astype(np.float32)),
            uv=np.ascontiguousarray(self.uv[:, order]),
            metres=(self.metres * abs(determinant) ** (1 / 3)).astype(np.float32),
        )

    def at(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> ShapeMesh:
        """The shape moved by x, y, z metres."""
        matrix = np.eye(4)
        matrix[:3, 3] = x, y, z
        return self.moved(matrix)

    def stretched(self, x: float, y: float, z: float) -> ShapeMesh:
        """The shape scaled about the origin along each axis."""
        return self.moved(np.diag([x, y, z, 1.0]))

    def turned(self, axis: str, degrees: float) -> ShapeMesh:
        """The shape turned about an axis, "x", "y" or "z", through the origin."""
        return self.moved(turn(axis, degrees))

    def with_slot(self, slot: int) -> ShapeMesh:
        """The shape with one material throughout."""
        return dataclasses.replace(self, slots=np.full(len(self), slot, np.uint8))

    def with_part(self, part: int) -> ShapeMesh:
        """The shape as one part of a figure."""
        return dataclasses.replace(self, parts=np.full(len(self), part, np.uint8))

    def sample(self, notes: tuple[tuple[str, str], ...] = ()) -> TriangleMesh:
        """The shape as a mesh that can be opened and written."""
        return TriangleMesh(self.vertices.astype(np.float64), np.array(self.triangles), notes=notes)


def joined(shapes: Iterable[ShapeMesh]) -> ShapeMesh:
    """Several shapes as one; their solids keep apart."""
    pieces = list(shapes)
    vertex_starts = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    solid_starts = np.cumsum([0, *(int(piece.solids.max()) + 1 for piece in pieces)])
    numbered = [
        (piece.triangles + int(vertex_starts[number]), piece.solids + int(solid_starts[number]))
        for number, piece in enumerate(pieces)
    ]
    return ShapeMesh(
        np.concatenate([piece.vertices for piece in pieces]),
        np.concatenate([triangles for triangles, _ in numbered]).astype(np.int32),
        np.concatenate([piece.normals for piece in pieces]),
        np.concatenate([piece.uv for piece in pieces]),
        np.concatenate([piece.metres for piece in pieces]),
        np.concatenate([piece.slots for piece in pieces]),
        np.concatenate([piece.parts for piece in pieces]),
        np.concatenate([solids for _, solids in numbered]).astype(np.int32),
    )


def turn(axis: str, degrees: float) -> NDArray[np.float64]:
    """Rotation (4, 4) about an axis, "x", "y" or "z", counterclockwise as seen from its tip."""
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(4)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix


def shift(x: float, y: float, z: float) -> NDArray[np.float64]:
    """Translation (4, 4) in metres."""
    matrix = np.eye(4)
    matrix[:3, 3] = x, y, z
    return matrix
