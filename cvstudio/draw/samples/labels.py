"""Colour-coded picture of a label map."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.palette import COLOURS, identity_colour

_SHADES = (1.0, 0.8, 0.6, 0.45)


def label_picture(labels: NDArray[Any]) -> NDArray[np.uint8]:
    """Each label of the integers (H, W) in a colour of its own, 0 and below black: uint8 RGB (H, W, 3).

    Colours come again after 48 labels, in darker shades after 12.
    """
    colours = [np.multiply(identity_colour(number), shade) for shade in _SHADES for number in range(len(COLOURS))]
    table = np.array([(0, 0, 0), *colours]).round().astype(np.uint8)
    rows = np.where(labels > 0, (labels.astype(np.int64) - 1) % len(colours) + 1, 0)
    return table[rows]
