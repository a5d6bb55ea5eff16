"""The shapes that scenes are furnished with, some variants of each, built once in a process."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping

import numpy as np

from cvstudio.world.shapes import everyday, furniture, outdoors, vehicles
from cvstudio.world.shapes.model import ShapeModel

BUILDERS: Mapping[str, Callable[[np.random.Generator], ShapeModel]] = {
    **furniture.BUILDERS,
    **everyday.BUILDERS,
    **outdoors.BUILDERS,
    **vehicles.BUILDERS,
}
"""How a shape of each class is made; figures, which move in parts, are those of `figures`."""
VARIANTS = 12
"""Different shapes of one class."""


@functools.cache
def shape_model(category: str, variant: int) -> ShapeModel:
    """One of the `VARIANTS` shapes of a class: the same in every process.

    Raises
    ------
    KeyError
        There is no such class.
    """
    rng = np.random.default_rng([zlib.crc32(category.encode()), variant])
    return BUILDERS[category](rng)
