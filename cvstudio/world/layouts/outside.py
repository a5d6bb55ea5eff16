"""Daylight."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.world.layouts.builder import SceneBuilder
from cvstudio.world.materials import Rgb, colour
from cvstudio.world.scene import Lighting

_SKIES = (("#dfe9ef", "#5d94cf"), ("#e6e6e2", "#9aa9b5"), ("#f0d9bd", "#7d9fc4"))
"""Horizon and zenith: clear, overcast, evening."""


def daylight(build: SceneBuilder, light: float, bearing: tuple[float, float], haze: float) -> Lighting:
    """Sun and sky.

    Parameters
    ----------
    light : strength, 1 as usual
    bearing : range of the angle between the sun and straight behind a camera that looks along y, in degrees
    haze : see `Lighting`
    """
    rng = build.rng
    kind = int(rng.choice([0, 0, 0, 1, 2]))
    horizon, zenith = (np.array(colour(item)) * light for item in _SKIES[kind])
    around = np.radians(-90 + rng.choice([-1, 1]) * rng.uniform(*bearing))
    height = np.radians(rng.uniform(22, 32) if kind == 2 else rng.uniform(35, 60))
    sun = (float(np.cos(around) * np.cos(height)), float(np.sin(around) * np.cos(height)), float(np.sin(height)))
    direct = np.array([(1.45, 1.36, 1.22), (0.45, 0.45, 0.46), (1.4, 1.0, 0.64)][kind]) * light
    above = np.array([(0.36, 0.4, 0.46), (0.54, 0.54, 0.55), (0.32, 0.36, 0.44)][kind]) * light
    below = np.array((0.16, 0.15, 0.135)) * light
    spread = 0.2 if kind == 1 else 0.02
    return Lighting(None, sun, rgb(direct), rgb(above), rgb(below), spread, (rgb(horizon), rgb(zenith)), haze)


def rgb(values: NDArray[np.float64]) -> Rgb:
    """Three values as a colour."""
    red, green, blue = values.tolist()
    return red, green, blue
