"""Outlines joined to one polygon: where, and in how much memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
from scipy.spatial.distance import cdist

from cvstudio.data.outlines import joined


def ring(count: int, x: float, y: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + 100 * np.cos(angles), y + 100 * np.sin(angles)], 1)


def test_parts_are_joined_between_their_nearest_corners() -> None:
    first, second = ring(31, 100, 100), ring(17, 350, 180)
    polygon = joined([first, second])
    distances = cdist(first, second)
    place, other = np.unravel_index(distances.argmin(), distances.shape)
    assert len(polygon) == 31 + 17 + 2
    assert np.array_equal(polygon[: place + 1], first[: place + 1])
    assert np.array_equal(polygon[place + 1], second[other])
    # Back on the same line.
    assert np.array_equal(polygon[place + 18], second[other])
    assert np.array_equal(polygon[place + 19 :], first[place:])


def test_long_outlines_take_no_gigabytes() -> None:
    parts = [ring(5000, 100, 100), ring(5000, 350, 180)]
    tracemalloc.start()
    try:
        assert len(joined(parts)) == 10_002
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()
