"""Pixels in tiles that versions of a map share: an edit copies the tiles that it touches, so that undo is cheap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

TILE = 256
"""Side of a tile in pixels."""


class MapTile:
    """Pixels of one tile, int32 (h, w), read-only, with the hash of their content."""

    __slots__ = ("_digest", "pixels")

    def __init__(self, pixels: NDArray[np.int32]) -> None:
        self.pixels = readonly(pixels)
        self._digest = ""

    @property
    def digest(self) -> str:
        """Hash of the pixels, computed once."""
        if not self._digest:
            import xxhash

            self._digest = xxhash.xxh3_128(self.pixels.tobytes()).hexdigest()
        return self._digest


class MapTiles:
    """A map of numbers in tiles.

    Parameters
    ----------
    rows : the tiles, from the top left; all but the last ones of a row and column have sides of `TILE`
    shape : height and width in pixels
    """

    __slots__ = ("rows", "shape")

    def __init__(self, rows: tuple[tuple[MapTile, ...], ...], shape: tuple[int, int]) -> None:
        self.rows = rows
        self.shape = shape

    @classmethod
    def of(cls, pixels: NDArray[np.int32]) -> MapTiles:
        """The tiles of a map, int32 (H, W): copies, but for a map that is one tile wide."""
        height, width = pixels.shape
        rows = tuple(
            tuple(MapTile(pixels[y : y + TILE, x : x + TILE]) for x in range(0, width, TILE))
            for y in range(0, height, TILE)
        )
        return cls(rows, (height, width))

    def array(self) -> NDArray[np.int32]:
        """All pixels, int32 (H, W)."""
        pixels = np.empty(self.shape, np.int32)
        for (y, x), tile in self._placed((0, 0, self.shape[1], self.shape[0])):
            pixels[y : y + tile.pixels.shape[0], x : x + tile.pixels.shape[1]] = tile.pixels
        return pixels

    def digests(self) -> str:
        """The hashes of all tiles, one after the other."""
        return "".join(tile.digest for row in self.rows for tile in row)

    def _placed(self, window: tuple[int, int, int, int]) -> Iterator[tuple[tuple[int, int], MapTile]]:
        """Top and left of each tile that a window (left, top, right, bottom) touches, and the tile."""
        left, top, right, bottom = window
        for row in range(top // TILE, -(-bottom // TILE)):
            for column in range(left // TILE, -(-right // TILE)):
                yield (row * TILE, column * TILE), self.rows[row][column]

    def window(self, window: tuple[int, int, int, int]) -> NDArray[np.int32]:
        """The pixels of a window (left, top, right, bottom) in the map, int32 (bottom - top, right - left)."""
        left, top, right, bottom = window
        pixels = np.empty((bottom - top, right - left), np.int32)
        for (y, x), tile in self._placed(window):
            inner, outer = _overlap((y, x), tile, window)
            pixels[outer] = tile.pixels[inner]
        return pixels

    def with_window(self, left: int, top: int, pixels: NDArray[np.int32]) -> MapTiles:
        """A copy with other pixels, int32 (h, w), at `left`, `top`; tiles that stay as they are are shared."""
        window = (left, top, left + pixels.shape[1], top + pixels.shape[0])
        rows = [list(row) for row in self.rows]
        for (y, x), tile in self._placed(window):
            inner, outer = _overlap((y, x), tile, window)
            if np.array_equal(tile.pixels[inner], pixels[outer]):
                continue
            changed = tile.pixels.copy()
            changed[inner] = pixels[outer]
            rows[y // TILE][x // TILE] = MapTile(changed)
        return MapTiles(tuple(map(tuple, rows)), self.shape)


def _overlap(
    corner: tuple[int, int], tile: MapTile, window: tuple[int, int, int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The part of a tile at `corner` (top, left) in a window: in the tile's own pixels, and in those of the window."""
    left, top, right, bottom = window
    y, x = corner
    y1, y2 = max(y, top), min(y + tile.pixels.shape[0], bottom)
    x1, x2 = max(x, left), min(x + tile.pixels.shape[1], right)
    inner = (slice(y1 - y, y2 - y), slice(x1 - x, x2 - x))
    return inner, (slice(y1 - top, y2 - top), slice(x1 - left, x2 - left))
