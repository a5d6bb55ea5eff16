"""Closed solids that shapes are made of: boxes, solids of revolution, rods, prisms. Sizes are in metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.shape_mesh import ShapeMesh

SEGMENTS = 20
"""Corners of a circle."""
_SHARP_COS = 0.8
"""Profile lines that meet at a smaller cosine keep their edge."""

_SIDES = (
    # Normal, then the directions of u and v, with u x v = normal.
    ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    ((-1, 0, 0), (0, -1, 0), (0, 0, 1)),
    ((0, 1, 0), (-1, 0, 0), (0, 0, 1)),
    ((0, -1, 0), (1, 0, 0), (0, 0, 1)),
    ((0, 0, 1), (1, 0, 0), (0, 1, 0)),
    ((0, 0, -1), (-1, 0, 0), (0, 1, 0)),
)


def _mesh(
    vertices: NDArray[np.floating],
    triangles: NDArray[np.integer],
    normals: NDArray[np.floating],
    uv: NDArray[np.floating],
    metres: NDArray[np.floating],
) -> ShapeMesh:
    m = len(triangles)
    return ShapeMesh(
        vertices.astype(np.float32),
        triangles.astype(np.int32),
        normals.astype(np.float32),
        uv.astype(np.float32),
        metres.astype(np.float32),
        np.zeros(m, np.uint8),
        np.zeros(m, np.uint8),
        np.zeros(m, np.int32),
    )


def box(width: float, depth: float, height: float) -> ShapeMesh:
    """A box that stands on z = 0, centred in x and y. Every side has its own 0..1."""
    half = np.array([width, depth, height]) / 2
    corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * half
    index = {tuple(np.sign(corner).astype(int)): number for number, corner in enumerate(corners)}
    triangles, normals, uv, metres = [], [], [], []
    square = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    for normal, right, up in np.array(_SIDES):
        ring = [index[tuple((normal + right * u + up * v).tolist())] for u, v in square]
        for chosen in ((0, 1, 2), (0, 2, 3)):
            triangles.append([ring[number] for number in chosen])
            normals.append([normal] * 3)
            uv.append([((square[number][0] + 1) / 2, (square[number][1] + 1) / 2) for number in chosen])
            metres.append((2 * abs(half @ right), 2 * abs(half @ up)))
    corners[:, 2] += half[2]
    return _mesh(corners, *(np.array(part) for part in (triangles, normals, uv, metres)))


def lathe(profile: Sequence[tuple[float, float]], segments: int = SEGMENTS) -> ShapeMesh:
    """A solid of revolution about z.

    Parameters
    ----------
    profile : (radius, z) from the bottom up, outside to the right; ends that are not on the axis are capped, and one
        that ends where it begins becomes a ring
    segments : corners of a circle
    """
    points = [(float(radius), float(z)) for radius, z in profile]
    ring = points[0] == points[-1]
    if not ring:
        points = [(0.0, points[0][1])] * (points[0][0] > 0) + points + [(0.0, points[-1][1])] * (points[-1][0] > 0)
    line = np.array(points)
    steps = np.diff(line, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    # To the right of the way up.
    outwards = np.stack([steps[:, 1], -steps[:, 0]], 1) / lengths[:, None]
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    total, widest = float(along[-1]), float(line[:, 0].max())
    angles = np.arange(segments + 1) * (2 * np.pi / segments)
    cos, sin = np.cos(angles[:-1]), np.sin(angles[:-1])

    vertices: list[NDArray[np.float64]] = []
    starts: list[int] = []
    count = 0
    for radius, z in line[:-1] if ring else line:
        circle = np.array([[0.0, 0.0, z]]) if radius == 0 else np.stack([radius * cos, radius * sin, z + 0 * cos], 1)
        starts.append(count)
        vertices.append(circle)
        count += len(circle)
    if ring:
        starts.append(0)

    columns = np.arange(segments)
    following = (columns + 1) % segments
    triangles, normals, uv = [], [], []
    last = len(steps) - 1
    for number in range(len(steps)):
        ends = _end_normals(outwards, number, last, ring)
        low, high = line[number, 0] > 0, line[number + 1, 0] > 0
        a = starts[number] + columns if low else np.full(segments, starts[number])
        b = starts[number] + following if low else a
        c = starts[number + 1] + following if high else np.full(segments, starts[number + 1])
        d = starts[number + 1] + columns if high else c
        # Corners as (vertex, its angle's number, 0 at the lower and 1 at the upper end of the line).
        corners = {"a": (a, columns, 0), "b": (b, columns + 1, 0), "c": (c, columns + 1, 1), "d": (d, columns, 1)}
        faces = (["abc"] if low else []) + (["acd"] if high else [])
        for face in faces:
            picked = [corners[letter] for letter in face]
            triangles.append(np.stack([vertex for vertex, _, _ in picked], 1))
            turned = [angles[place] for _, place, _ in picked]
            normals.append(
                np.stack(
                    [
                        np.stack([ends[end][0] * np.cos(t), ends[end][0] * np.sin(t), ends[end][1] + 0 * t], 1)
                        for t, (_, _, end) in zip(turned, picked, strict=True)
                    ],
                    1,
                )
            )
            uv.append(
                np.stack(
                    [np.stack([p / segments, along[number + e] / total + 0 * p], 1) for _, p, e in picked],
                    1,
                )
            )
    metres = np.tile([2 * np.pi * widest, total], (sum(map(len, triangles)), 1))
    corners_of = [np.concatenate(part) for part in (triangles, normals, uv)]
    return _mesh(np.concatenate(vertices), corners_of[0], corners_of[1], corners_of[2], metres)


def _end_normals(
    outwards: NDArray[np.float64], number: int, last: int, ring: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Normals (radius, z) at both ends of a line of a profile: shared with its neighbour where the bend is smooth."""

    def shared(other: int) -> NDArray[np.float64]:
        if ring:
            other %= last + 1
        if not 0 <= other <= last or outwards[number] @ outwards[other] < _SHARP_COS:
            return np.asarray(outwards[number])
        mean: NDArray[np.float64] = outwards[number] + outwards[other]
        return np.asarray(mean / np.linalg.norm(mean))

    return shared(number - 1), shared(number + 1)


def cylinder(radius: float, height: float, segments: int = SEGMENTS) -> ShapeMesh:
    """A cylinder that stands on z = 0."""
    return lathe([(radius, 0), (radius, height)], segments)


def cone(bottom: float, top: float, height: float, segments: int = SEGMENTS) -> ShapeMesh:
    """A cone, or the frustum of one, by the radii of its ends; it stands on z = 0."""
    return lathe([(bottom, 0), (top, height)], segments)


def sphere(radius: float, segments: int = SEGMENTS) -> ShapeMesh:
    """A sphere about the origin."""
    heights = np.linspace(-np.pi / 2, np.pi / 2, segments // 2 + 1)
    inner = [(radius * np.cos(t), radius * np.sin(t)) for t in heights[1:-1]]
    return lathe([(0, -radius), *inner, (0, radius)], segments)


def ellipsoid(x: float, y: float, z: float, segments: int = SEGMENTS) -> ShapeMesh:
    """An ellipsoid about the origin, by its half axes."""
    return sphere(1.0, segments).stretched(x, y, z)


def ring(radius: float, thickness: float, segments: int = 28, sides: int = 8) -> ShapeMesh:
    """A torus about z through the origin, by the radius of its core and of its tube."""
    turns = np.linspace(-np.pi / 2, 3 * np.pi / 2, sides + 1)[:-1]
    profile = [(radius + thickness * np.cos(t), thickness * np.sin(t)) for t in turns]
    return lathe([*profile, profile[0]], segments)


def rod(
    start: Sequence[float], end: Sequence[float], radius: float, end_radius: float | None = None, segments: int = 10
) -> ShapeMesh:
    """A rod between two points, flat at its ends."""
    length = float(np.linalg.norm(np.subtract(end, start)))
    return cone(radius, radius if end_radius is None else end_radius, length, segments).moved(_along(start, end))


def limb(
    start: Sequence[float], end: Sequence[float], radius: float, end_radius: float, segments: int = 14
) -> ShapeMesh:
    """A rod with round ends whose centres are two points."""
    length = float(np.linalg.norm(np.subtract(end, start)))
    lower = [(radius * np.cos(t), radius * np.sin(t)) for t in np.linspace(-np.pi / 2, 0, 5)[1:]]
    upper = [(end_radius * np.cos(t), length + end_radius * np.sin(t)) for t in np.linspace(0, np.pi / 2, 5)[:-1]]
    profile = [(0, -radius), *lower, *upper, (0, length + end_radius)]
    return lathe(profile, segments).moved(_along(start, end))


def _along(start: Sequence[float], end: Sequence[float]) -> NDArray[np.float64]:
    """The pose (4, 4) whose origin is `start` and whose z looks at `end`."""
    forward = np.subtract(end, start).astype(np.float64)
    forward /= np.linalg.norm(forward)
    helper = np.array([0.0, 1.0, 0.0]) if abs(forward[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(helper, forward)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], 1)
    matrix[:3, 3] = start
    return matrix


def prism(outline: Sequence[tuple[float, float]], depth: float) -> ShapeMesh:
    """A prism whose outline lies in x and z, centred in y.

    Parameters
    ----------
    outline : (x, z), counterclockwise as seen from -y; all of it is visible from the middle of its bounds
    """
    points = np.array(outline, np.float64)
    n = len(points)
    low, high = points.min(0), points.max(0)
    centre = (low + high) / 2
    flat = np.concatenate([points, [centre]])
    front = np.stack([flat[:, 0], np.full(n + 1, -depth / 2), flat[:, 1]], 1)
    back = front * (1, -1, 1)
    here = np.arange(n)
    after = (here + 1) % n
    middle = np.full(n, n)
    behind = n + 1
    edges = points[after] - points
    lengths = np.linalg.norm(edges, axis=1)
    side_normals = np.stack([edges[:, 1], 0 * lengths, -edges[:, 0]], 1) / lengths[:, None]
    chart = (flat - low) / (high - low)
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    triangles = [
        np.stack([here, after, middle], 1),
        np.stack([after + behind, here + behind, middle + behind], 1),
        np.stack([after, here, here + behind], 1),
        np.stack([after, here + behind, after + behind], 1),
    ]
    normals = [
        np.tile([0.0, -1, 0], (n, 3, 1)),
        np.tile([0.0, 1, 0], (n, 3, 1)),
        *[np.repeat(side_normals[:, None], 3, 1)] * 2,
    ]
    uv = [
        chart[triangles[0]],
        chart[triangles[1] - behind],
        np.tile(square[[1, 0, 3]], (n, 1, 1)),
        np.tile(square[[1, 3, 2]], (n, 1, 1)),
    ]
    side_metres = np.stack([lengths, np.full(n, depth)], 1)
    metres = [*[np.tile(high - low, (n, 1))] * 2, side_metres, side_metres]
    return _mesh(np.concatenate([front, back]), *(np.concatenate(part) for part in (triangles, normals, uv, metres)))
