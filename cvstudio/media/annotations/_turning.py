"""Shapes that are turned about their middle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.shapes import Box, Polygon


def turned(offsets: NDArray[np.float64], middle: Sequence[float], degrees: float) -> Polygon:
    """Corners at `offsets` (n, 2) from the middle, turned clockwise as they are seen; empty where they are too far
    away to be numbers."""
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    with np.errstate(over="ignore", invalid="ignore"):
        corners = offsets @ matrix + middle
    return tuple((float(x), float(y)) for x, y in corners) if np.isfinite(corners).all() else ()


def turned_box(box: Box, degrees: float) -> Polygon:
    """Corners of a box, see `turned`."""
    x1, y1, x2, y2 = box
    half = np.array([[x1 - x2, y1 - y2], [x2 - x1, y1 - y2], [x2 - x1, y2 - y1], [x1 - x2, y2 - y1]]) / 2
    return turned(half, ((x1 + x2) / 2, (y1 + y2) / 2), degrees)
