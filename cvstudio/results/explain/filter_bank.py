"""The filters of a convolution, as tiles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.tables import ABSENT, Column, Table, number

TILE, GAP = 48, 4
MOST_SHOWN = 1024
"""Tiles that are drawn at most; the table has all."""


@dataclass(frozen=True, eq=False)
class FilterBank(Result):
    """Filters of a convolution, or the channels of one.

    Parameters
    ----------
    tiles : float32 (n, kh, kw) or (n, kh, kw, 3), one for each filter (or channel); of any range, 0 is neutral
    numbers : int64 (n,), of the filter (or channel) of each tile
    norms : float32 (n,), Euclidean norm of what a tile stands for: of the whole filter, with all of its channels
    answers : float32 (n,), largest activation on the picture; None without a picture
    module : name of the convolution
    what : "filters" or "channels of filter 3"
    shape : of all weights: filters, channels, height and width
    """

    placement: ClassVar[Placement] = Placement.BASE

    tiles: NDArray[np.float32]
    numbers: NDArray[np.int64]
    norms: NDArray[np.float32]
    answers: NDArray[np.float32] | None
    module: str
    what: str
    shape: tuple[int, int, int, int]
    source: Source = Source()

    def __post_init__(self) -> None:
        count = len(self.tiles)
        if self.tiles.dtype != np.float32 or self.tiles.ndim not in (3, 4) or self.tiles.shape[3:] not in ((), (3,)):
            raise ValueError(f"expected tiles as float32 (n, kh, kw[, 3]), found {self.tiles.dtype} {self.tiles.shape}")
        if not count or self.numbers.shape != (count,) or self.norms.shape != (count,):
            raise ValueError(f"expected a number and a norm for each of {count} tiles")
        for name in ("tiles", "numbers", "norms", "answers"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, readonly(getattr(self, name)))

    @property
    def columns(self) -> int:
        """Tiles in a row."""
        return max(1, math.ceil(math.sqrt(min(len(self.tiles), MOST_SHOWN) * 1.6)))

    @property
    def size(self) -> Size:
        """Size of the picture of all tiles that are drawn."""
        rows = -(-min(len(self.tiles), MOST_SHOWN) // self.columns)
        return Size(self.columns * (TILE + GAP) + GAP, rows * (TILE + GAP) + GAP)

    def corner(self, place: int) -> tuple[int, int]:
        """Left and top of the tile at `place`."""
        return GAP + place % self.columns * (TILE + GAP), GAP + place // self.columns * (TILE + GAP)

    def part_at(self, x: float, y: float) -> int | None:
        column, row = int((x - GAP) // (TILE + GAP)), int((y - GAP) // (TILE + GAP))
        place = row * self.columns + column
        inside = x >= GAP and y >= GAP and (x - GAP) % (TILE + GAP) < TILE and (y - GAP) % (TILE + GAP) < TILE
        shown = column < self.columns and place < min(len(self.tiles), MOST_SHOWN)
        return int(self.numbers[place]) if inside and shown else None

    def headline(self) -> str:
        filters, channels, height, width = self.shape
        return f"{self.module}: {filters} filters of {channels} × {height} × {width}, {self.what}"

    def table(self) -> Table:
        """One row for each tile, with the number, the norm and, where there is a picture, the answer."""
        columns = (
            Column("number", "Number"),
            Column("norm", "Norm"),
            Column("answer", "Answer", shown=self.answers is not None),
        )
        rows = [
            (
                int(self.numbers[row]),
                number(self.norms[row]),
                ABSENT if self.answers is None else number(self.answers[row]),
            )
            for row in range(len(self.tiles))
        ]
        return Table("cvstudio-filters", "filters", columns, rows, self.numbers.tolist())
