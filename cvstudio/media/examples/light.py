"""Light for the still life: a soft window from the upper left, a bright room, and one mirrored bounce."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.examples.geometry import Floats, Solid, nearest
from cvstudio.media.examples.patterns import Pattern

WINDOW = np.array([[-3.9], [3.7], [0.1]], np.float32)
"""Centre of the square window; it faces the middle of the scene."""
WINDOW_HALF = 0.8
WINDOW_AIM = np.array([[0.2], [0.2], [2.6]], np.float32)
KEY = np.array([[1.00], [0.93], [0.82]], np.float32) * 60
SKY = np.array([[0.52], [0.58], [0.66]], np.float32) * 0.52
BOUNCE = np.array([[0.62], [0.52], [0.42]], np.float32) * 0.34
FILL_FROM = np.array([[0.80], [0.42], [-0.43]], np.float32)
FILL = np.array([[0.75], [0.85], [1.0]], np.float32) * 0.16
SHADOW_SAMPLES = 4
EPSILON = np.float32(2e-4)


@dataclass(frozen=True)
class Surface:
    """Material of a solid.

    Parameters
    ----------
    pattern : colour by position
    mirror : reflectance at normal incidence, 0..1
    polish : strength of highlights
    """

    pattern: Pattern
    mirror: float = 0.0
    polish: float = 0.15


Surfaces = tuple[tuple[Solid, Surface], ...]


def _unit(vectors: Floats) -> Floats:
    result: Floats = vectors / np.sqrt((vectors * vectors).sum(axis=0))
    return result


def _window_frame() -> tuple[Floats, Floats]:
    forward = _unit(WINDOW_AIM - WINDOW)
    side = _unit(np.cross(forward[:, 0], np.array([0.0, 1.0, 0.0], np.float32))[:, None])
    return side, np.cross(side[:, 0], forward[:, 0])[:, None]


def _window_points(number: int, jitter: Floats) -> list[Floats]:
    """Points (3, N) on the window for sample `number` of a pixel; its four samples form a shifted 4 x 4 grid."""
    side, up = _window_frame()
    points = []
    for k in range(SHADOW_SAMPLES):
        # A Latin square: the samples of each pass lie in four columns and four rows.
        x = (k + jitter[0]) / 2 - 1
        y = ((2 * k + k // 2 + number) % 4 + jitter[1]) / 2 - 1
        points.append(WINDOW + WINDOW_HALF * (side * x + up * y))
    return points


def _shaded_by(solid: Solid, points: Floats) -> NDArray[np.intp]:
    """Indices of the points for which `solid` may hide a part of the window; the others need no shadow rays."""
    bound = solid.bound
    if bound is None:
        return np.empty(0, np.intp)
    center, radius = np.array(bound[0], np.float32)[:, None], bound[1]
    to_window, to_center = WINDOW - points, center - points
    along = (to_window * to_center).sum(axis=0) / (to_window * to_window).sum(axis=0)
    off = to_center - to_window * np.clip(along, 0, 1)
    # The bundle of rays to the window widens along the way to its half diagonal.
    reach = radius + 1.42 * WINDOW_HALF * np.clip(along + radius * 0.5, 0, 1)
    return np.flatnonzero((off * off).sum(axis=0) < reach * reach)


def _key_light(solids: tuple[Solid, ...], points: Floats, normals: Floats, seed: tuple[int, int]) -> Floats:
    """Light (N,) from the window: soft shadows by sampling it."""
    # One random shift per pixel turns the steps of a sampled penumbra into fine grain.
    jitter = np.random.default_rng(seed).random((2, points.shape[1]), np.float32)
    origin = points + normals * (EPSILON * 4)
    rays = [target - origin for target in _window_points(seed[1], jitter)]
    lights = []
    for ray in rays:
        square = (ray * ray).sum(axis=0)
        lights.append(np.maximum((ray * normals).sum(axis=0), 0) / (square * np.sqrt(square)))
    for solid in solids:
        shaded = _shaded_by(solid, origin)
        if shaded.size:
            start = origin[:, shaded]
            for ray, light in zip(rays, lights, strict=True):
                light[shaded] *= solid.hit(start, ray[:, shaded]) >= 1
    return np.asarray(sum(lights[1:], lights[0]) / SHADOW_SAMPLES, np.float32)


HEIGHTS = ((0.02, 0.28), (0.06, 0.26), (0.15, 0.22), (0.36, 0.20))
"""Heights in metres at which ambient occlusion is sampled, and the weight of each."""


def _openness(solids: tuple[Solid, ...], points: Floats, normals: Floats) -> Floats:
    """Unoccluded fraction (N,) of the room, 0..1, from distances at a few heights above each point."""
    near = [np.full(points.shape[1], height, np.float32) for height, _ in HEIGHTS]
    far = 2 * HEIGHTS[-1][0]
    for solid in solids:
        close = np.flatnonzero(solid.distance(points) < far)
        if close.size:
            start, normal = points[:, close], normals[:, close]
            for lowest, (height, _) in zip(near, HEIGHTS, strict=True):
                lowest[close] = np.minimum(lowest[close], solid.distance(start + normal * np.float32(height)))
    closed = np.zeros(points.shape[1], np.float32)
    for lowest, (height, weight) in zip(near, HEIGHTS, strict=True):
        closed += np.float32(weight) * (1 - np.maximum(lowest, 0) / np.float32(height))
    return 1 - np.minimum(closed, 0.92)


def _colors(surfaces: Surfaces, points: Floats, which: NDArray[np.int8], width: Floats) -> tuple[Floats, Floats]:
    colors = np.zeros_like(points)
    normals = np.zeros_like(points)
    for number, (solid, surface) in enumerate(surfaces):
        hits = np.flatnonzero(which == number)
        if hits.size:
            hit_points = points[:, hits]
            colors[:, hits] = surface.pattern(solid.local(hit_points), width[hits])
            normals[:, hits] = solid.normal(hit_points)
    return colors, normals


def _ambient(normals: Floats) -> Floats:
    """Light of the open room on a surface: cool from above, warm from below, a little from the right."""
    up = 0.5 + 0.5 * normals[1]
    result: Floats = BOUNCE + (SKY - BOUNCE) * up + FILL * np.maximum((normals * FILL_FROM).sum(axis=0), 0)
    return result


def _property(surfaces: Surfaces, which: NDArray[np.int8], name: str) -> Floats:
    table = np.array([getattr(surface, name) for _, surface in surfaces], np.float32)
    return table[which]


def shade(surfaces: Surfaces, origin: Floats, directions: Floats, pixel: float, seed: tuple[int, int]) -> Floats:
    """Light arriving along rays.

    Parameters
    ----------
    surfaces : the scene; every ray ends on one of them
    origin : float32 (3, 1)
    directions : float32 (3, N), of length 1 along the optical axis
    pixel : width of a pixel at a depth of 1 m, in metres
    seed : of the shadows' noise: the tile, and the number of the sample in a pixel (0..3)

    Returns
    -------
    colors : float32 (3, N), linear light, 1 being white
    """
    solids = tuple(solid for solid, _ in surfaces)
    t, which = nearest(solids, origin, directions)
    points = origin + directions * t
    unit_directions = _unit(directions)
    base, normals = _colors(surfaces, points, which, t * np.float32(pixel))
    key = _key_light(solids, points, normals, seed)
    openness = _openness(solids, points, normals)
    colors = base * (KEY * key + _ambient(normals) * openness)
    colors += KEY * key * _highlight(points, normals, unit_directions) * _property(surfaces, which, "polish")
    return _with_mirror(surfaces, solids, points, normals, unit_directions, which, t * np.float32(pixel), colors)


def _highlight(points: Floats, normals: Floats, unit_directions: Floats) -> Floats:
    """Highlight (N,) of the window by Blinn's model (1977)."""
    half = _unit(_unit(WINDOW - points) - unit_directions)
    result: Floats = np.maximum((normals * half).sum(axis=0), 0) ** 90
    return result


def _with_mirror(
    surfaces: Surfaces,
    solids: tuple[Solid, ...],
    points: Floats,
    normals: Floats,
    unit_directions: Floats,
    which: NDArray[np.int8],
    width: Floats,
    colors: Floats,
) -> Floats:
    """Add reflections, with a Fresnel term that grows towards grazing angles (Schlick, 1994)."""
    mirror = _property(surfaces, which, "mirror")
    mirrors = np.flatnonzero(mirror)
    if not mirrors.size:
        return colors
    normal, direction = normals[:, mirrors], unit_directions[:, mirrors]
    cos = -(normal * direction).sum(axis=0)
    reflectance = mirror[mirrors]
    reflectance = reflectance + np.where(reflectance > 0.5, 1 - reflectance, 0.16) * (1 - np.clip(cos, 0, 1)) ** 5
    reflected = direction + 2 * cos * normal
    start = points[:, mirrors] + normal * EPSILON * 4
    t, hit = nearest(solids, start, reflected)
    # Behind the viewer is a bright room with the window in it.
    outside = ~np.isfinite(t)
    t = np.where(outside, 1, np.minimum(t, 40))
    ends = start + reflected * t
    # In a curved mirror a pixel covers a wider patch.
    base, end_normals = _colors(surfaces, ends, hit, (width[mirrors] + t * 0.004).astype(np.float32))
    to_window = _unit(WINDOW - ends)
    direct = np.maximum((end_normals * to_window).sum(axis=0), 0) / ((WINDOW - ends) ** 2).sum(axis=0)
    reflection = base * (KEY * direct * 0.8 + _ambient(end_normals) * 0.7)
    reflection = np.where(outside, _room(start, reflected), reflection)
    result = colors.copy()
    result[:, mirrors] = colors[:, mirrors] * (1 - reflectance) + reflection * reflectance
    return result


def _room(origin: Floats, directions: Floats) -> Floats:
    """The room behind the viewer: a gradient, and the window where the ray meets it."""
    up = np.clip(0.5 + 0.5 * directions[1], 0, 1)
    walls = np.array([[0.20], [0.19], [0.18]], np.float32) + np.array([[0.36], [0.38], [0.40]], np.float32) * up
    forward = _unit(WINDOW_AIM - WINDOW)
    side, above = _window_frame()
    with np.errstate(divide="ignore", invalid="ignore"):
        t = ((WINDOW - origin) * forward).sum(axis=0) / (directions * forward).sum(axis=0)
        across = ((origin + directions * t - WINDOW) * side).sum(axis=0) / WINDOW_HALF
        high = ((origin + directions * t - WINDOW) * above).sum(axis=0) / WINDOW_HALF
    pane = (t > 0) & (np.abs(across) < 1) & (np.abs(high) < 1) & (np.abs(across) > 0.06) & (np.abs(high) > 0.06)
    return np.where(pane, np.float32(5.0), walls).astype(np.float32)


def to_srgb8(colors: Floats) -> NDArray[np.uint8]:
    """Linear light (3, N) to sRGB uint8, highlights rolled off by Narkowicz's filmic curve (2015)."""
    x = colors * np.float32(0.72)
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    srgb = np.where(x <= 0.0031308, x * 12.92, 1.055 * np.power(np.maximum(x, 1e-8), 1 / 2.4) - 0.055)
    return (srgb * 255 + 0.5).astype(np.uint8)
