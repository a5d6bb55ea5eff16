"""The map of one unit over the picture, and the maps of all units as a grid of tiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import View
from cvstudio.draw.base import Emphasis, Look, paints
from cvstudio.draw.heat_map import paint_heat_map
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.results.activation_maps import ActivationMaps

GAP = 2


@paints(ActivationMaps)
def paint_activation_maps(
    result: ActivationMaps, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis
) -> None:
    paint_heat_map(result.heat(), canvas, view, look, emphasis)


@dataclass(frozen=True)
class TileGrid:
    """Tiles in rows of `columns`, each of `side` pixels, `GAP` apart."""

    count: int
    columns: int
    side: int

    @property
    def rows(self) -> int:
        return -(-self.count // self.columns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        step = self.side + GAP
        return self.columns * step - GAP, self.rows * step - GAP

    def corner(self, place: int) -> tuple[int, int]:
        """Left and top of the tile at `place` in the order."""
        step = self.side + GAP
        return place % self.columns * step, place // self.columns * step

    def place_at(self, x: float, y: float) -> int | None:
        """Place of the tile at (x, y); None beside all."""
        step = self.side + GAP
        column, row = int(x // step), int(y // step)
        place = row * self.columns + column
        inside = x >= 0 and y >= 0 and column < self.columns and x % step < self.side and y % step < self.side
        return place if inside and place < self.count else None


def tile_grid(count: int, width: int, side: int) -> TileGrid:
    """Grid of `count` tiles of `side` pixels in at most `width` pixels, at least one column."""
    return TileGrid(count, max(1, min(count, (width + GAP) // (side + GAP))), side)


def activation_tiles(
    result: ActivationMaps, grid: TileGrid, colour_map: str, background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """All maps in their order as tiles: uint8 RGB (height, width, 3).

    Colours run from the least to the largest value of the layer, or from 0 where none is negative, so that silent units
    are dark. Each map is as wide as its tile, and keeps its ratio.
    """
    import cv2

    height, width = result.maps.shape[1:]
    low, high = min(0.0, float(result.maps.min())), float(result.maps.max())
    fractions = (result.maps - low) / (high - low) if high > low else np.zeros_like(result.maps)
    indices = (np.clip(fractions, 0, 1) * 255 + 0.5).astype(np.uint8)
    scale = grid.side / max(height, width)
    tile_width, tile_height = max(1, round(width * scale)), max(1, round(height * scale))
    inset = (grid.side - tile_width) // 2, (grid.side - tile_height) // 2
    kernel = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    full_width, full_height = grid.size
    picture = np.empty((full_height, full_width, 3), np.uint8)
    picture[:] = background
    lut = colour_lut(colour_map)
    for place, unit in enumerate(result.order.tolist()[: grid.count]):
        left, top = grid.corner(place)
        left, top = left + inset[0], top + inset[1]
        tile = cv2.resize(indices[unit], (tile_width, tile_height), interpolation=kernel)
        picture[top : top + tile_height, left : left + tile_width] = lut[tile]
    return picture
