"""Patterns of textures: tiles of grey values, filtered for every distance, computed once in a process."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly

SIDE = 256
"""Of a tile in texels."""
LEVELS = 9
"""Each level is half as large as the one before, down to one texel."""

Floats = NDArray[np.float64]
_ROWS: Floats
_COLUMNS: Floats
_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE] / SIDE


def _noise(seed: int, *cells: tuple[int, int, float]) -> Floats:
    """Tileable value noise 0..1: a sum of lattices of (rows, columns) cells with a weight each."""
    rng = np.random.default_rng([seed, 0x70617474])
    total = np.zeros((SIDE, SIDE))
    for rows, columns, weight in cells:
        lattice = rng.random((rows, columns))
        y, x = _ROWS * rows, _COLUMNS * columns
        top, left = np.floor(y).astype(int), np.floor(x).astype(int)
        down, right = y - top, x - left
        down, right = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
        above = lattice[top % rows, left % columns] * (1 - right) + lattice[top % rows, (left + 1) % columns] * right
        below = lattice[(top + 1) % rows, left % columns] * (1 - right)
        below = below + lattice[(top + 1) % rows, (left + 1) % columns] * right
        total += weight * (above * (1 - down) + below * down)
    return np.asarray((total - total.min()) / (total.max() - total.min()))


def _plain() -> Floats:
    return np.ones((SIDE, SIDE))


def _checker() -> Floats:
    return ((np.floor(_ROWS * 2) + np.floor(_COLUMNS * 2)) % 2).astype(np.float64)


def _stripes() -> Floats:
    return (_COLUMNS < 0.5).astype(np.float64)


def _dots() -> Floats:
    y, x = (_ROWS * 2) % 1 - 0.5, (_COLUMNS * 2) % 1 - 0.5
    return (np.hypot(y, x) < 0.27).astype(np.float64)


def _cloudy() -> Floats:
    return _noise(1, (4, 4, 1.0), (8, 8, 0.6), (16, 16, 0.35), (32, 32, 0.2), (64, 64, 0.12))


def _grain() -> Floats:
    """Fine grains, as of asphalt or plaster."""
    return _noise(2, (64, 64, 0.6), (128, 128, 1.0), (8, 8, 0.5))


def _blades() -> Floats:
    """Grass from above."""
    return _noise(3, (64, 64, 1.0), (96, 128, 0.8), (6, 6, 0.9))


def _wood() -> Floats:
    """Grain along v, four boards to a tile."""
    board = np.floor(_COLUMNS * 4)
    tone = np.array([0.1, -0.12, 0.16, -0.05])[board.astype(int)]
    warp = _noise(4, (2, 8, 1.0), (4, 16, 0.5))
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (9 * _COLUMNS + 2.2 * warp))
    gap = (_COLUMNS * 4) % 1 < 0.02
    values = 0.55 + tone + 0.25 * (rings - 0.5) + 0.25 * (_noise(5, (4, 128, 1.0)) - 0.5)
    return np.where(gap, 0.1, np.clip(values, 0, 1))


def _timber() -> Floats:
    """Grain along v without joints."""
    warp = _noise(6, (2, 4, 1.0), (4, 16, 0.4))
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (6 * _COLUMNS + 1.6 * warp))
    return np.clip(0.55 + 0.35 * (rings - 0.5) + 0.3 * (_noise(7, (4, 128, 1.0)) - 0.5), 0, 1)


def _brick() -> Floats:
    """Eight courses of four bricks in stretcher bond; the joints are 0."""
    row = np.floor(_ROWS * 8)
    x = (_COLUMNS * 4 + 0.5 * (row % 2)) % 4
    tone = np.random.default_rng(8).random((8, 4))[row.astype(int), np.floor(x).astype(int)]
    joint = ((_ROWS * 8) % 1 < 0.14) | (x % 1 < 0.06)
    return np.where(joint, 0.0, 0.55 + 0.3 * tone + 0.15 * _noise(9, (64, 64, 1.0)))


def _tiles() -> Floats:
    """Four by four flags with a narrow joint."""
    tone = np.random.default_rng(10).random((4, 4))[(_ROWS * 4).astype(int), (_COLUMNS * 4).astype(int)]
    joint = ((_ROWS * 4) % 1 < 0.035) | ((_COLUMNS * 4) % 1 < 0.035)
    return np.where(joint, 0.0, 0.7 + 0.2 * tone + 0.1 * _noise(11, (32, 32, 1.0)))


def _weave() -> Floats:
    y, x = np.sin(2 * np.pi * 24 * _ROWS), np.sin(2 * np.pi * 24 * _COLUMNS)
    return np.clip(0.6 + 0.2 * np.where(y * x > 0, np.abs(y), -np.abs(x)) + 0.2 * (_cloudy() - 0.5), 0, 1)


def _planks() -> Floats:
    """Boards across v, as of a fence or a bench."""
    gap = (_ROWS * 6) % 1 < 0.05
    tone = np.random.default_rng(12).random(6)[(_ROWS * 6).astype(int)]
    return np.where(gap, 0.0, 0.55 + 0.25 * tone + 0.2 * _noise(13, (128, 4, 1.0)))


def _leaves() -> Floats:
    return _noise(14, (24, 24, 1.0), (48, 48, 0.9), (6, 6, 0.5))


def _paper() -> Floats:
    """Framed wallpaper: narrow stripes with a sprinkle between."""
    stripe = ((_COLUMNS * 4) % 1 < 0.12).astype(np.float64)
    y, x = (_ROWS * 4) % 1 - 0.5, (_COLUMNS * 4) % 1 - 0.56
    return np.clip(1 - 0.7 * stripe - 0.5 * (np.hypot(y, x) < 0.1), 0, 1)


PATTERNS: dict[str, Callable[[], Floats]] = {
    "plain": _plain,
    "checker": _checker,
    "stripes": _stripes,
    "dots": _dots,
    "cloudy": _cloudy,
    "grain": _grain,
    "blades": _blades,
    "wood": _wood,
    "timber": _timber,
    "brick": _brick,
    "tiles": _tiles,
    "weave": _weave,
    "planks": _planks,
    "leaves": _leaves,
    "wallpaper": _paper,
}
NUMBERS = {name: number for number, name in enumerate(PATTERNS)}
"""Number of each pattern in the atlas."""

_STARTS = np.cumsum([0, *((SIDE >> level) ** 2 for level in range(LEVELS))])
_TEXELS = int(_STARTS[-1])


@functools.cache
def _atlas() -> NDArray[np.float32]:
    """The patterns behind one another with all their levels, float32 (patterns * texels)."""
    rows = []
    for paint in PATTERNS.values():
        level = paint()
        while True:
            rows.append(level.ravel())
            if len(level) == 1:
                break
            level = level.reshape(len(level) // 2, 2, len(level) // 2, 2).mean((1, 3))
    return readonly(np.concatenate(rows).astype(np.float32))


def pattern_values(
    numbers: NDArray[np.integer], u: NDArray[np.floating], v: NDArray[np.floating], footprint: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Values 0..1 of patterns, averaged over what a pixel sees of them.

    Parameters
    ----------
    numbers : int (n,), see `NUMBERS`
    u, v : float (n,), in tiles
    footprint : float (n,), side of a pixel on the surface, in tiles
    """
    level = np.clip(np.log2(np.maximum(footprint, 1e-6) * SIDE), 0, LEVELS - 1).astype(np.int32)
    side = np.right_shift(SIDE, level)
    # A tile repeats, also to the left of 0; the remainder may round up to 1.
    column = np.minimum(((u - np.floor(u)) * side).astype(np.int32), side - 1)
    row = np.minimum(((v - np.floor(v)) * side).astype(np.int32), side - 1)
    place = numbers * _TEXELS + _STARTS[level] + row * side + column
    values: NDArray[np.float32] = _atlas()[place]
    return values
