"""What is under the mouse, in doubles, and what lies between picked points: distances and angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.spatial.orbit_camera import Floats
from cvstudio.draw.spatial.picture import Hit, SpatialPicture
from cvstudio.draw.spatial.prepared import PreparedPoints
from cvstudio.draw.spatial.surface import PreparedSurface


def point_of(picture: SpatialPicture, hit: Hit, x: float, y: float) -> Floats:
    """The point in the scene, float64 (3,), that is seen at a place of a picture, where `hit` is.

    Of a cloud the point itself, of a surface where the ray meets its triangle, of a line the point of it that is
    nearest to the ray. Computed from the doubles of the file, so that coordinates of surveys keep their millimetres.
    """
    prepared = picture.parts[hit.part].prepared
    start, direction = picture.camera.ray(x, y, picture.size)
    if isinstance(prepared, PreparedPoints):
        return np.array(prepared.cloud.points[hit.element])
    if isinstance(prepared, PreparedSurface):
        a, b, c = prepared.mesh.vertices[prepared.mesh.triangles[hit.element]]
        normal = np.cross(b - a, c - a)
        slope = float(normal @ direction)
        # A triangle seen from its edge has no such point.
        return start + direction * (float(normal @ (a - start)) / slope) if abs(slope) > 1e-300 else np.array(a)
    one, other = prepared.positions[2 * hit.element : 2 * hit.element + 2].astype(np.float64) + prepared.origin
    along = other - one
    across = np.cross(direction, np.cross(along, direction))
    scale = float(across @ along)
    share = float(across @ (start - one)) / scale if abs(scale) > 1e-300 else 0.0
    return np.asarray(one + along * min(max(share, 0.0), 1.0))


def vertex_of(picture: SpatialPicture, hit: Hit, x: float, y: float) -> int | None:
    """Number of the point of a cloud, or of the vertex of a mesh that is nearest in the picture; None for lines."""
    prepared = picture.parts[hit.part].prepared
    if isinstance(prepared, PreparedPoints):
        return hit.element
    if not isinstance(prepared, PreparedSurface):
        return None
    corners = prepared.mesh.triangles[hit.element]
    places = picture.camera.places(prepared.mesh.vertices[corners], picture.size)[:, :2]
    return int(corners[int(((places - (x, y)) ** 2).sum(axis=1).argmin())])


def lengths(points: Sequence[Floats]) -> NDArray[np.float64]:
    """Distances of each point to the next, float64 (n - 1,)."""
    if len(points) < 2:
        return np.zeros(0)
    return np.asarray(np.linalg.norm(np.diff(np.stack(points), axis=0), axis=1))


def angles_deg(points: Sequence[Floats]) -> NDArray[np.float64]:
    """Angle at each point but the first and the last, between the directions to both neighbours, in degrees 0..180;
    NaN where two of them are at one place."""
    if len(points) < 3:
        return np.zeros(0)
    steps = np.diff(np.stack(points), axis=0)
    back, forth = -steps[:-1], steps[1:]
    cross = np.linalg.norm(np.cross(back, forth), axis=1)
    dot = np.einsum("ij,ij->i", back, forth)
    degrees = np.degrees(np.arctan2(cross, dot))
    return np.where((np.abs(steps[:-1]).max(axis=1) > 0) & (np.abs(steps[1:]).max(axis=1) > 0), degrees, np.nan)


def coordinate_digits(extent: float) -> int:
    """Decimals with which coordinates of a scene of this extent are told: to about a ten-thousandth of it."""
    return int(np.clip(np.ceil(4 - np.log10(extent)), 0, 9)) if extent > 0 else 4
