"""Masks of instances, kept as small as the network made them: they are enlarged where they are looked at."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap

_BLOCK = 1 << 16
"""Pixels that are enlarged at once: they stay in the processor's cache."""


class Grid(NamedTuple):
    """The logits of one mask on a coarse grid.

    logits : float32 (h, w); a pixel is in where they are above 0, interpolated linearly between centres of cells
    cells_per_pixel : (x, y), how many cells make one pixel of the picture
    origin : (x, y), where the grid's outer corner is, in cells from the picture's
    """

    logits: NDArray[np.float32]
    cells_per_pixel: tuple[float, float]
    origin: tuple[float, float]


class Masks(ABC):
    """Masks of some things in one picture, by row.

    `token` is the same object for what `take` gives of one prediction, and another for every other prediction: with
    the stable id of a row it tells whether a mask is one that was seen before.
    """

    token: object

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, rows: NDArray[Any] | Sequence[int]) -> Masks:
        """The masks at `rows` (indices or a boolean mask), in that order."""

    @abstractmethod
    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        """The logits of one mask, at least under `box` (4,) in pixels of the picture."""

    def window(
        self, row: int, box: NDArray[np.floating], scale: float, left: int, top: int, right: int, bottom: int
    ) -> NDArray[np.bool_]:
        """A part of one mask, which is the same whatever part of the mask is asked for.

        Parameters
        ----------
        row : which mask
        box : (4,) in pixels of the picture; outside of it nothing belongs to the thing
        scale : output pixels for each pixel of the picture
        left, top, right, bottom : the part that is wanted, in output pixels of the whole picture

        Returns
        -------
        bool (bottom - top, right - left)
        """
        x1, y1, x2, y2 = edges(box, scale)
        x1, y1, x2, y2 = max(x1, left), max(y1, top), min(x2, right), min(y2, bottom)
        mask = np.zeros((max(0, bottom - top), max(0, right - left)), bool)
        if x1 < x2 and y1 < y2:
            _enlarge(self.grid(row, box), scale, (x1, y1), mask[y1 - top : y2 - top, x1 - left : x2 - left])
        return mask

    def full(self, row: int, box: NDArray[np.floating], size: Size) -> NDArray[np.bool_]:
        """The mask of one thing in the pixels of its picture, bool (H, W)."""
        return self.window(row, box, 1.0, 0, 0, size.width, size.height)

    def counts(self, row: int, box: NDArray[np.floating], size: Size) -> list[int]:
        """COCO's run-length code of `full`; see `run_lengths`."""
        x1, y1, x2, y2 = edges(box, 1.0)
        left, top = min(max(x1, 0), size.width), min(max(y1, 0), size.height)
        right, bottom = max(min(x2, size.width), left), max(min(y2, size.height), top)
        return run_lengths(self.window(row, box, 1.0, left, top, right, bottom), left, top, size)


@dataclass(frozen=True, eq=False)
class PrototypeMasks(Masks):
    """Masks that are mixtures of a picture's prototypes.

    Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019 (section 3).

    Parameters
    ----------
    prototypes : float32 (k, h, w)
        Shared by all masks.
    coefficients : float32 (n, k)
        The logit of a mask is their product with the prototypes; a pixel is in where it is above 0, which is where
        the probability is above one half.
    cells_per_pixel : (x, y)
        How many cells of the prototypes make one pixel of the picture; both begin at the top left corner.
    token : see `Masks`

    Raises
    ------
    ValueError
        A shape or dtype is another.
    """

    prototypes: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    cells_per_pixel: tuple[float, float]
    token: object = field(default_factory=object, repr=False)

    def __post_init__(self) -> None:
        if self.prototypes.dtype != np.float32 or self.prototypes.ndim != 3 or not self.prototypes.size:
            found = f"{self.prototypes.dtype} {self.prototypes.shape}"
            raise ValueError(f"expected prototypes as float32 (k, h, w), none of them 0, found {found}")
        n_prototypes = self.prototypes.shape[0]
        shape = self.coefficients.shape
        if self.coefficients.dtype != np.float32 or len(shape) != 2 or shape[1] != n_prototypes:
            found = f"{self.coefficients.dtype} {shape}"
            raise ValueError(f"expected coefficients as float32 (n, {n_prototypes}), found {found}")
        if not min(self.cells_per_pixel) > 0:
            raise ValueError(f"expected cells_per_pixel above 0, found {self.cells_per_pixel}")
        object.__setattr__(self, "prototypes", readonly(self.prototypes))
        object.__setattr__(self, "coefficients", readonly(self.coefficients))

    def __len__(self) -> int:
        return len(self.coefficients)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> PrototypeMasks:
        # An empty list would index as floats do.
        index = np.asarray(rows) if len(rows) else np.zeros(0, np.int64)
        return PrototypeMasks(self.prototypes, self.coefficients[index], self.cells_per_pixel, self.token)

    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        # Only the cells under the box are mixed, and all of them whatever is visible, so that the sums are the same.
        _, height, width = self.prototypes.shape
        across, down = self.cells_per_pixel
        x1, x2 = _cells(float(box[0]) * across, float(box[2]) * across, width)
        y1, y2 = _cells(float(box[1]) * down, float(box[3]) * down, height)
        part = self.prototypes[:, y1:y2, x1:x2]
        # Not as a matrix product: for so little, the threads of the library would wait for each other.
        logits = np.einsum("k,kyx->yx", self.coefficients[row], part)
        return Grid(logits, self.cells_per_pixel, (x1, y1))


@dataclass(frozen=True, eq=False)
class PlacedMasks(Masks):
    """Masks on the picture that `pixel_map` leads to; `masks` lie on the one that it starts from."""

    masks: Masks
    pixel_map: PixelMap
    token: object = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "token", (self.masks.token, self.pixel_map))

    def __len__(self) -> int:
        return len(self.masks)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> PlacedMasks:
        return PlacedMasks(self.masks.take(rows), self.pixel_map)

    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        found = self.masks.grid(row, self.pixel_map.inverse.boxes(np.asarray(box)[None])[0])
        (across, down), (height, width) = found.cells_per_pixel, found.logits.shape
        left, top = found.origin[0] / across, found.origin[1] / down
        rect = self.pixel_map.rect(Rect(left, top, width / across, height / down))
        across, down = (down, across) if self.pixel_map.turns else (across, down)
        return Grid(self.pixel_map.turned(found.logits), (across, down), (rect.x * across, rect.y * down))


def edges(box: NDArray[np.floating], scale: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box (4,) in output pixels at `scale`, as boxes are drawn."""
    x1, y1, x2, y2 = np.rint(np.asarray(box, np.float64) * scale).astype(np.int64).tolist()
    return x1, y1, x2, y2


def _cells(first: float, last: float, count: int) -> tuple[int, int]:
    """The cells under `first`..`last` with two more on each side: one to interpolate from, one for the rounding of the
    box to output pixels."""
    low = min(max(math.floor(first) - 2, 0), count - 1)
    return low, max(min(math.ceil(last) + 2, count), low + 1)


def _enlarge(grid: Grid, scale: float, corner: tuple[int, int], target: NDArray[np.bool_]) -> None:
    """Set `target`, of which the top left pixel is output pixel `corner`, where the logits are above 0.

    OpenCV's warps round places to 1/32 of a cell, which is half a pixel where a cell is large; this is exact, and each
    pixel is the same whichever others are asked for.
    """
    n_rows, n_columns = grid.logits.shape
    height, width = target.shape
    column, right = _between(corner[0], width, grid.cells_per_pixel[0] / scale, grid.origin[0], n_columns)
    row, down = _between(corner[1], height, grid.cells_per_pixel[1] / scale, grid.origin[1], n_rows)
    steps = np.diff(grid.logits, axis=1, append=grid.logits[:, -1:])
    wide = grid.logits[:, column] + steps[:, column] * right
    steps = np.diff(wide, axis=0, append=wide[-1:])
    n_at_once = max(1, _BLOCK // width)
    for start in range(0, height, n_at_once):
        rows = row[start : start + n_at_once]
        values = steps[rows]
        values *= down[start : start + n_at_once, None]
        values += wide[rows]
        np.greater(values, 0, out=target[start : start + n_at_once])


def _between(
    first: int, count: int, per_pixel: float, origin: float, n_cells: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Where output pixels `first`..`first + count` lie between the centres of cells: the cell before, and how far from
    it to the next, 0..1; beyond the outermost centres values go on as they are."""
    # From the centre of an output pixel to the cell's.
    places = (np.arange(count) + (first + 0.5)) * per_pixel - (0.5 + origin)
    places = np.minimum(np.maximum(places, 0), n_cells - 1)
    before = places.astype(np.int64)
    return before, (places - before).astype(np.float32)


def run_lengths(mask: NDArray[np.bool_], left: int, top: int, size: Size) -> list[int]:
    """COCO's uncompressed run-length code of a picture of `size` in which `mask` (h, w) begins at `left`, `top`.

    Returns
    -------
    Lengths of 0s and 1s by turns, column by column, 0s first; together they are the number of the picture's pixels.
    Work and memory go with the size of `mask`, not of the picture.
    """
    height, width = mask.shape
    columns = np.zeros((width, height + 2), bool)
    columns[:, 1:-1] = mask.T
    # Each column begins and ends outside of the mask, so that starts and ends of runs take turns.
    column, row = np.divmod(np.flatnonzero(columns[:, 1:] != columns[:, :-1]), height + 1)
    turns = (left + column) * size.height + top + row
    starts, ends = turns[::2], turns[1::2]
    # A run that ends at the bottom goes on where the next one begins at the top of the next column.
    together = np.flatnonzero(starts[1:] == ends[:-1])
    turns = np.delete(turns, np.concatenate([2 * together + 1, 2 * together + 2]))
    lengths: list[int] = np.diff(turns, prepend=0, append=size.width * size.height).tolist()
    # Where the last pixel is in, no 0s follow.
    return lengths[:-1] if lengths[-1] == 0 and len(lengths) > 1 else lengths
