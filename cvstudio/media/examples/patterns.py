"""Surfaces: colours in linear light as functions of a point in the solid's own axes (metres)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.examples.geometry import Floats

Pattern = Callable[[Floats, Floats], Floats]
"""(points (3, N), footprint (N,) of a pixel in metres) -> colours (3, N), linear light 0..1."""


def linear(hexcode: str) -> NDArray[np.float32]:
    """An sRGB colour such as "#c8553d" in linear light, float32 (3, 1)."""
    srgb = np.array([int(hexcode[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)[:, None]


def mix(first: Floats, second: Floats, amount: Floats) -> Floats:
    """`first` where `amount` is 0, `second` where it is 1."""
    return first + (second - first) * amount


def step(edge: float, values: Floats, width: Floats) -> Floats:
    """0 below `edge` and 1 above, with a ramp as wide as a pixel's footprint: no aliasing."""
    return np.clip((values - edge) / np.maximum(width, 1e-5) + 0.5, 0, 1)


def square_wave(values: Floats, period: float, width: Floats) -> Floats:
    """-1 and 1 in turn along `values`, averaged over a pixel's footprint `width` in closed form."""
    width = np.maximum(width, 1e-5)

    def triangle(at: Floats) -> Floats:
        # The integral of the wave, a triangle between 0 and period / 2.
        phase = np.mod(at / period, 2)
        result: Floats = np.where(phase < 1, phase, 2 - phase) * period
        return result

    result: Floats = (triangle(values + width / 2) - triangle(values - width / 2)) / width
    return result


@cache
def _lattice(seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random((64, 64), np.float32)


def noise(u: Floats, v: Floats, seed: int) -> Floats:
    """Smooth random values 0..1 with one feature per unit of `u` and `v`, repeating every 64."""
    lattice = _lattice(seed)
    base_u, base_v = np.floor(u), np.floor(v)
    fu, fv = u - base_u, v - base_v
    fu, fv = fu * fu * (3 - 2 * fu), fv * fv * (3 - 2 * fv)
    iu, iv = base_u.astype(np.int32) & 63, base_v.astype(np.int32) & 63
    ju, jv = (iu + 1) & 63, (iv + 1) & 63
    low = lattice[iv, iu] * (1 - fu) + lattice[iv, ju] * fu
    high = lattice[jv, iu] * (1 - fu) + lattice[jv, ju] * fu
    result: Floats = low * (1 - fv) + high * fv
    return result


def plain(color: str) -> Pattern:
    """One colour."""
    value = linear(color)
    return lambda points, width: np.broadcast_to(value, points.shape)


def checks(light: str, dark: str, size: float) -> Pattern:
    """A chequered floor in x and z with a slight mottle in the tiles."""
    first, second = linear(light), linear(dark)

    def pattern(points: Floats, width: Floats) -> Floats:
        wave = square_wave(points[0] + size / 2, size, width) * square_wave(points[2], size, width * 2)
        fade = 1 / (1 + (width * 40) ** 2)
        mottle = 1 + 0.10 * fade * (noise(points[0] * 22, points[2] * 22, 1) - 0.5)
        mottle = mottle + 0.16 * (noise(points[0] * 3.1 + 9, points[2] * 3.1, 2) - 0.5)
        result: Floats = mix(first, second, 0.5 + 0.5 * wave) * mottle
        return result

    return pattern


def plaster(color: str, dado: str, height: float) -> Pattern:
    """A wall: plaster above, painted boards with grooves up to `height`, a rail between."""
    above, below, rail = linear(color), linear(dado), linear("#efe9dd")

    def pattern(points: Floats, width: Floats) -> Floats:
        x, y = points[0], points[1]
        cloud = noise(x * 1.3, y * 1.3, 3) * 0.6 + noise(x * 5, y * 5, 4) * 0.3 + noise(x * 31, y * 31, 5) * 0.25
        upper = above * (0.86 + 0.24 * cloud)
        board = np.abs(np.mod(x, 0.22) - 0.11)
        groove = 1 - step(0.006, 0.11 - board, width)
        grain = noise(x * 60, y * 2.5, 6)
        lower = below * (0.90 + 0.14 * grain) * (1 - 0.55 * groove)
        colors = mix(lower, upper, step(height, y, width))
        band = step(height - 0.05, y, width) * (1 - step(height + 0.02, y, width))
        colors = mix(colors, rail, band)
        skirting = 1 - step(0.11, y, width)
        return mix(colors, rail * 0.95, skirting)

    return pattern


def bands(colors: tuple[str, ...], edges: tuple[float, ...], radius: float) -> Pattern:
    """Rings round a ball: `colors` from the bottom up, `edges` at heights in radii."""
    values = [linear(color) for color in colors]

    def pattern(points: Floats, width: Floats) -> Floats:
        result: Floats = np.broadcast_to(values[0], points.shape)
        for value, edge in zip(values[1:], edges, strict=True):
            result = mix(result, value, step(edge * radius, points[1], width))
        return result

    return pattern


def dots(ground: str, dot: str, radius: float, rows: int, share: float = 0.42) -> Pattern:
    """Dots in `rows` rings on a ball, alternate rings offset; `share` is a dot's radius over the spacing."""
    first, second = linear(ground), linear(dot)
    step_rad = np.pi / rows

    def pattern(points: Floats, width: Floats) -> Floats:
        latitude = np.arcsin(np.clip(points[1] / radius, -1, 1))
        ring = np.floor(latitude / step_rad)
        middle = (ring + 0.5) * step_rad
        count = np.maximum(np.round(2 * np.pi * np.cos(middle) / step_rad), 1)
        turn = np.arctan2(points[0], -points[2]) / (2 * np.pi) * count + 0.5 * np.mod(ring, 2)
        along = (turn - np.floor(turn) - 0.5) * 2 * np.pi * np.cos(middle) / count
        away = np.sqrt(along**2 + (latitude - middle) ** 2) * radius
        return mix(first, second, 1 - step(share * step_rad * radius, away, width))

    return pattern


def wedges(colors: tuple[str, ...], count: int, radius: float) -> Pattern:
    """A beach ball: `count` wedges about the vertical, with caps at the poles."""
    values = np.concatenate([linear(color) for color in colors], axis=1)
    cap = linear("#f4efe6")

    def pattern(points: Floats, width: Floats) -> Floats:
        turn = np.mod(np.arctan2(points[0], -points[2]) / (2 * np.pi) * count, count)
        number = np.floor(turn).astype(np.int32)
        result: Floats = values[:, number % len(colors)]
        # Ease from a wedge into the next one over a pixel.
        around = np.maximum(np.hypot(points[0], points[2]), 1e-4) * 2 * np.pi / count
        after = values[:, (number + 1) % len(colors)]
        result = mix(result, after, np.clip(1 - (number + 1 - turn) * around / np.maximum(width, 1e-5), 0, 1))
        return mix(result, cap, step(0.93 * radius, np.abs(points[1]), width))

    return pattern


def wood(light: str, dark: str, rings: float = 34.0) -> Pattern:
    """Grain along the longest visible edge of a block."""
    first, second = linear(light), linear(dark)

    def pattern(points: Floats, width: Floats) -> Floats:
        wobble = noise(points[0] * 7 + 3, (points[1] + points[2]) * 9, 7)
        at = (points[1] * 0.9 + points[2] * 0.45) * rings + wobble * 1.1
        grain = 0.5 + 0.5 * np.sin(at * 2 * np.pi)
        fine = noise(points[0] * 14, (points[1] - points[2] * 0.7) * 260, 8)
        return mix(first, second, 0.55 * grain**2 + 0.25 * fine)

    return pattern


def stripes(colors: tuple[str, str], period: float, axis: int = 0) -> Pattern:
    """Stripes of equal width across `axis`."""
    first, second = linear(colors[0]), linear(colors[1])
    return lambda points, width: mix(first, second, 0.5 + 0.5 * square_wave(points[axis], period, width))


def pages(cover: str, half: tuple[float, float, float]) -> Pattern:
    """A closed book lying flat: covers, spine to the left, paper between."""
    board, paper = linear(cover), linear("#e8dcc3")

    def pattern(points: Floats, width: Floats) -> Floats:
        lines = 0.82 + 0.18 * square_wave(points[1], 0.0035, width)
        inside = 1 - step(half[1] - 0.008, np.abs(points[1]), width)
        inside = inside * step(-half[0] + 0.012, points[0], width)
        gilt = step(half[1] - 0.004, points[1], width) * (
            1 - step(0.004, np.abs(np.abs(points[2]) - half[2] * 0.82), width)
        )
        return mix(mix(board, paper * lines, inside), linear("#e9c46a"), gilt * 0.8)

    return pattern
