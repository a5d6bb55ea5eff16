"""Colour of what rays meet: texture, direct light with shadows, light from above and below, highlight, haze.

Vectors stand in columns, (3, n).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.patterns import pattern_values
from cvstudio.world.scene import Lighting
from cvstudio.world.surfaces import SELF_HIT_METRES, Hits, Surfaces

Floats = NDArray[np.float32]
Vectors = NDArray[np.floating]
_DISC = np.array([[-0.6, -0.25], [0.25, -0.6], [0.6, 0.25], [-0.25, 0.6]], np.float32).T
"""Places on the lamp, or on the sun's disc, that the samples of a pixel see."""
_DARK, _LIGHT, _PATTERN, _PERIOD, _GLOSS, _GLOW = slice(0, 3), slice(3, 6), 6, 7, 8, 9
"""Rows of the table of materials."""


def shaded(
    surfaces: Surfaces, hits: Hits, origin: NDArray[np.float64], directions: Floats, pixel: float, samples: int
) -> Floats:
    """Linear light of rays, float32 (3, n).

    Parameters
    ----------
    origin : of all rays, (3,)
    directions : (3, n); first the first ray of each pixel, then the second, up to `samples`
    pixel : side of a pixel at a depth of one metre, in metres
    samples : 1, or 4 rays in each pixel
    """
    light = surfaces.of.scene.lighting
    lengths = np.sqrt(_dot(directions, directions))
    met = hits.met
    seen = np.flatnonzero(met)
    result = np.empty_like(directions)
    nothing = np.flatnonzero(~met)
    if len(nothing):
        result[:, nothing] = _sky(light, directions[2, nothing] / lengths[nothing])
    if len(seen) == 0:
        return result
    if len(nothing):
        hits, directions, lengths = hits.take(seen), directions[:, seen], lengths[seen]
    points = directions * hits.depth + origin.astype(np.float32)[:, None]
    normals = _unit(hits.corners(surfaces.normals))
    towards = directions / lengths
    facing = np.abs(_dot(normals, towards))
    slots = surfaces.of.slots[hits.triangles]
    materials = surfaces.of.materials
    colour = _albedo(surfaces, hits, slots, pixel, facing)

    disc = _DISC[:, seen // (result.shape[1] // samples)] if samples > 1 else np.zeros((2, 1), np.float32)
    to_light, far, strength = _direct(light, points, disc)
    cosine = _dot(normals, to_light)
    lit = np.flatnonzero((cosine > 0) & (_dot(hits.normals, to_light) > 0))
    off = SELF_HIT_METRES * (1 + np.float32(0.01) * hits.depth[lit])
    aim = np.broadcast_to(to_light, points.shape)[:, lit]
    reach = 1.0 if light.lamp is not None else float("inf")
    free = ~surfaces.blocked(
        points[:, lit] + hits.normals[:, lit] * off, aim * far[lit] if len(far) > 1 else aim, reach
    )
    direct = np.zeros_like(cosine)
    direct[lit] = (cosine * strength)[lit] * free

    half = _unit(to_light - towards)
    shine = np.maximum(_dot(normals, half), 0)
    # To the power of 32.
    for _ in range(5):
        shine *= shine
    shine *= materials[_GLOSS][slots] * direct * np.float32(0.6)
    upwards = np.float32(0.5) + np.float32(0.5) * normals[2]
    # Surfaces that are seen edge on give back less of what is around: shape shows without direct light, too.
    edge = np.float32(0.72) + np.float32(0.28) * facing
    glow = materials[_GLOW][slots]
    clear = None
    if light.haze and light.sky is not None:
        clear = np.exp(np.float32(-light.haze) * hits.depth * lengths)
    for channel in range(3):
        above, below, strong = light.above[channel], light.below[channel], np.float32(light.direct[channel])
        around = (np.float32(below) + np.float32(above - below) * upwards) * edge + glow
        value = colour[channel] * (direct * strong + around) + shine * strong
        if clear is not None and light.sky is not None:
            horizon = np.float32(light.sky[0][channel])
            value = (value - horizon) * clear + horizon
        if len(nothing):
            result[channel, seen] = value
        else:
            result[channel] = value
    return result


def _albedo(surfaces: Surfaces, hits: Hits, slots: NDArray[np.int32], pixel: float, facing: Floats) -> Floats:
    materials = surfaces.of.materials
    uv = hits.corners(surfaces.of.uv)
    period = materials[_PERIOD][slots]
    # A pixel sees more of a surface that it looks along; the mean of both directions is taken.
    spread = np.sqrt(np.maximum(facing, np.float32(0.05)))
    footprint = np.float32(pixel) * hits.depth / (period * spread)
    u, v = (uv[axis] * surfaces.of.metres[axis][hits.triangles] / period for axis in (0, 1))
    value = pattern_values(materials[_PATTERN].astype(np.int64)[slots], u, v, footprint)
    dark, step = materials[_DARK], materials[_LIGHT] - materials[_DARK]
    return np.stack([dark[channel][slots] + step[channel][slots] * value for channel in range(3)])


def _direct(light: Lighting, points: Floats, disc: Floats) -> tuple[Floats, Floats, Floats]:
    """Unit directions (3, n) to the light, its distance (n,) in metres and its strength (n,); n is 1 for one sun."""
    if light.lamp is None:
        sun = np.array(light.sun)
        side = np.cross(sun, (0.0, 0.0, 1.0))
        side /= np.linalg.norm(side)
        across = np.stack([side, np.cross(sun, side)], 1).astype(np.float32) * np.float32(light.spread)
        ones = np.ones(1, np.float32)
        return _unit(sun.astype(np.float32)[:, None] + across @ disc), ones, ones
    away = np.array(light.lamp, np.float32)[:, None] - points
    away[:2] += disc * np.float32(light.spread)
    far = np.maximum(np.sqrt(_dot(away, away)), np.float32(0.05))
    return np.asarray(away / far, np.float32), far, np.asarray(4 / (1 + far * far), np.float32)


def _sky(light: Lighting, height: Floats) -> Floats:
    """Colour (3, n) of the sky by the upward part of unit directions."""
    if light.sky is None:
        return np.zeros((3, len(height)), np.float32)
    share = np.clip(height * np.float32(1.8), 0, 1) ** np.float32(0.6)
    horizon, zenith = (np.array(colour, np.float32)[:, None] for colour in light.sky)
    return np.asarray(horizon * (1 - share) + zenith * share, np.float32)


def _dot(first: Vectors, second: Vectors) -> Floats:
    return np.asarray(first[0] * second[0] + first[1] * second[1] + first[2] * second[2], np.float32)


def _unit(vectors: Vectors) -> Floats:
    return np.asarray(vectors / np.maximum(np.sqrt(_dot(vectors, vectors)), np.float32(1e-6)), np.float32)
