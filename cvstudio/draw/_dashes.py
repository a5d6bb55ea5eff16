"""Dashed lines, the mark of ground truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.draw.base import Look
from cvstudio.draw.palette import RGB

LENGTH = 3
"""Length of a dash, and of a gap, in line widths."""


def dash_length(look: Look) -> int:
    """Length in output pixels of a dash, and of the gap after it."""
    return LENGTH * look.line_width


class Dashes(NamedTuple):
    """Dashes of `length` px with gaps as long along the axes, the first dash centred on column `x` and row `y`."""

    x: int
    y: int
    length: int

    def paint_rectangle(
        self, canvas: NDArray[np.uint8], corner: tuple[int, int], opposite: tuple[int, int], ink: RGB
    ) -> None:
        """Paint the outline, one pixel wide, of the rectangle between two corners (column, row), which belong to it."""
        height, width = canvas.shape[:2]
        (left, top), (right, bottom) = corner, opposite
        columns = self._drawn(max(left, 0), min(right + 1, width), self.x)
        rows = self._drawn(max(top, 0), min(bottom + 1, height), self.y)
        for row in {top, bottom}:
            if 0 <= row < height:
                canvas[row, columns] = ink
        for column in {left, right}:
            if 0 <= column < width:
                canvas[rows, column] = ink

    def _drawn(self, first: int, end: int, start: int) -> NDArray[np.int64]:
        """Positions from `first` to before `end` that belong to a dash."""
        positions = np.arange(first, end)
        return positions[(positions - start + self.length // 2) % (2 * self.length) < self.length]
