"""Tiles: a large picture in overlapping parts of equal size."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple, TypeVar

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import Image

I = TypeVar("I", bound=Image)  # noqa: E741  (an image)


class Tile(NamedTuple):
    """A part of a picture, in whole pixels: `left`, `top`, and exclusive `right`, `bottom`."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self) -> Size:
        return Size(self.right - self.left, self.bottom - self.top)

    def onto(self, size: Size) -> PixelMap:
        """Map from the pixels of the tile to those of the picture of `size`."""
        return PixelMap((1, 0, 0, 1), (self.left, self.top), self.size, size)


def tiles(size: Size, side: int, overlap: float) -> tuple[Tile, ...]:
    """Tiles of `side` pixels, or of the picture where that is shorter, row by row.

    They are spread evenly, so that neighbours overlap by at least the fraction `overlap` (0..1) of their sides. One
    that holds the whole picture is the only one.
    """
    columns, rows = (_starts(length, side, overlap) for length in size)
    width, height = min(side, size.width), min(side, size.height)
    return tuple(Tile(left, top, left + width, top + height) for top in rows for left in columns)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    count = math.ceil((length - side) / max(side * (1 - overlap), 1.0)) + 1
    return [round(number * (length - side) / (count - 1)) for number in range(count)]


def cropped(image: I, tile: Tile) -> I:
    """The part of `image` in `tile`, its arrays contiguous, as networks read them."""
    rows, columns = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
    alpha = None if image.alpha is None else np.ascontiguousarray(image.alpha[rows, columns])
    return dataclasses.replace(image, pixels=np.ascontiguousarray(image.pixels[rows, columns]), alpha=alpha)
