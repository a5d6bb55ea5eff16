"""Histograms of oriented gradients (HOG): the descriptor, and its cells for display.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005 (section 6: gradients,
orientation binning, blocks, L2-Hys).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.result import Result
from cvstudio.results.source import Source

EPSILON = 1e-5
"""Added, squared, to the energy of a block of pixels 0..255 to avoid a division by 0 in constant blocks."""


@dataclass(frozen=True, eq=False)
class HogCells(Result):
    """A HOG descriptor of a picture.

    Parameters
    ----------
    blocks : float32 (rows, columns, block, block, bins)
        Normalised histograms of each block; blocks overlap with a stride of one cell. The descriptor.
    cells : float32 (rows, columns, bins)
        0..1, mean histogram of each cell over the blocks that contain it; drawn.
    cell : side of a cell in pixels of the picture
    signed : whether orientations are 0..360 degrees; 0..180 otherwise
    size : size of the picture
    template : float32 (16, 8, 9), of one sign; weights of a detector's window, drawn instead of the cells: positive
        or negative evidence
    """

    blocks: NDArray[np.float32]
    cells: NDArray[np.float32]
    cell: int
    signed: bool
    size: Size
    template: NDArray[np.float32] | None = None
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if self.blocks.ndim != 5 or self.cells.ndim != 3 or self.blocks.shape[-1] != self.cells.shape[-1]:
            shapes = f"{self.blocks.shape} and {self.cells.shape}"
            raise ValueError(f"expected blocks (r, c, b, b, bins) and cells (r, c, bins), found {shapes}")
        object.__setattr__(self, "blocks", readonly(self.blocks))
        object.__setattr__(self, "cells", readonly(self.cells))

    @property
    def bins(self) -> int:
        return int(self.cells.shape[2])

    @property
    def descriptor(self) -> NDArray[np.float32]:
        """`blocks` flattened to one vector, float32 (n,)."""
        return self.blocks.reshape(-1)

    @property
    def degrees(self) -> NDArray[np.float64]:
        """Bin centres, float64 (bins,): direction of the gradient in degrees from the x axis towards y (down)."""
        return np.asarray((np.arange(self.bins) + 0.5) * ((360 if self.signed else 180) / self.bins), np.float64)

    def cell_at(self, x: float, y: float) -> int | None:
        """Number, in row-major order, of the cell at (x, y) in image pixels; None where there is none."""
        rows, columns = self.cells.shape[:2]
        row, column = int(y // self.cell), int(x // self.cell)
        return row * columns + column if 0 <= row < rows and 0 <= column < columns else None

    def part_at(self, x: float, y: float) -> int | None:
        return self.cell_at(x, y)

    def headline(self) -> str:
        return f"{self.descriptor.size:,} numbers"

    def histogram(self, number: int) -> NDArray[np.float32] | None:
        """Histogram of cell `number`, float32 (bins,); None where there is no such cell."""
        flat = self.cells.reshape(-1, self.bins)
        return flat[number] if 0 <= number < len(flat) else None
