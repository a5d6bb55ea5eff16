"""Instance masks, stored at the resolution of the network and enlarged where they are needed."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cvstudio.data.geometry import Rect, Size, readonly
from cvstudio.data.pixel_map import PixelMap

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Grid(NamedTuple):
    """The logits of one mask on a coarse grid.

    Parameters
    ----------
    logits : float32 (h, w); the mask is where they exceed 0, interpolated linearly between the centres of the cells
    cells_per_pixel : (x, y), number of cells per pixel of the picture
    origin : (x, y), outer corner of the grid, in cells from the picture's outer corner
    """

    logits: NDArray[np.float32]
    cells_per_pixel: tuple[float, float]
    origin: tuple[float, float]


class Masks(ABC):
    """Instance masks of one picture, by row.

    `token` identifies the prediction: `take` keeps it, and every other prediction has another one.
    """

    token: object

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def take(self, rows: NDArray[Any] | Sequence[int]) -> Masks:
        """The masks at `rows` (indices or a boolean mask), in that order."""

    def key(self, row: int, number: int) -> Hashable:
        """Cache key of the mask at `row`, whose stable id is `number`."""
        return self.token, number

    @abstractmethod
    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        """Logits of one mask, at least within `box` (4,) in pixels of the picture."""

    def window(
        self, row: int, box: NDArray[np.floating], scale: float, left: int, top: int, right: int, bottom: int
    ) -> NDArray[np.bool_]:
        """A window of one mask; its pixels do not depend on the extent of the window.

        Parameters
        ----------
        row : row of the mask
        box : (4,) in pixels of the picture; the mask is False outside of it
        scale : output pixels per pixel of the picture
        left, top, right, bottom : the window, in output pixels of the whole picture

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
        """One mask at the resolution of the picture, bool (H, W)."""
        return self.window(row, box, 1.0, 0, 0, size.width, size.height)

    def counts(self, row: int, box: NDArray[np.floating], size: Size) -> list[int]:
        """COCO's run-length encoding of `full`; see `run_lengths`."""
        x1, y1, x2, y2 = edges(box, 1.0)
        left, top = min(max(x1, 0), size.width), min(max(y1, 0), size.height)
        right, bottom = max(min(x2, size.width), left), max(min(y2, size.height), top)
        return run_lengths(self.window(row, box, 1.0, left, top, right, bottom), left, top, size)


@dataclass(frozen=True, eq=False)
class PrototypeMasks(Masks):
    """Masks as linear combinations of prototypes of the picture.

    Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019 (section 3).

    Parameters
    ----------
    prototypes : float32 (k, h, w)
        Shared by all masks.
    coefficients : float32 (n, k)
        The logits of a mask are the linear combination of the prototypes; the mask is where they exceed 0, a
        probability of 0.5.
    cells_per_pixel : (x, y)
        Number of cells of the prototypes per pixel of the picture; both begin at the top left corner.
    token : see `Masks`

    Raises
    ------
    ValueError
        A shape or dtype differs.
    """

    prototypes: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    cells_per_pixel: tuple[float, float]
    token: object = field(default_factory=object, repr=False)

    def __post_init__(self) -> None:
        if self.prototypes.dtype != np.float32 or self.prototypes.ndim != 3 or not self.prototypes.size:
            form = f"{self.prototypes.dtype} {self.prototypes.shape}"
            raise ValueError(f"expected prototypes as float32 (k, h, w), none of them 0, found {form}")
        n_prototypes = self.prototypes.shape[0]
        shape = self.coefficients.shape
        if self.coefficients.dtype != np.float32 or len(shape) != 2 or shape[1] != n_prototypes:
            form = f"{self.coefficients.dtype} {shape}"
            raise ValueError(f"expected coefficients as float32 (n, {n_prototypes}), found {form}")
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
        # Only the cells within the box, and always all of them, so that the sums do not depend on the view.
        _, height, width = self.prototypes.shape
        across, down = self.cells_per_pixel
        x1, x2 = _cells(float(box[0]) * across, float(box[2]) * across, width)
        y1, y2 = _cells(float(box[1]) * down, float(box[3]) * down, height)
        part = self.prototypes[:, y1:y2, x1:x2]
        # Not a matrix product: at this size its threads would only wait for each other.
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

    def key(self, row: int, number: int) -> Hashable:
        return self.masks.key(row, number), self.pixel_map

    def grid(self, row: int, box: NDArray[np.floating]) -> Grid:
        found = self.masks.grid(row, self.pixel_map.inverse.boxes(np.asarray(box)[None])[0])
        (across, down), (height, width) = found.cells_per_pixel, found.logits.shape
        left, top = found.origin[0] / across, found.origin[1] / down
        rect = self.pixel_map.rect(Rect(left, top, width / across, height / down))
        across, down = (down, across) if self.pixel_map.turns else (across, down)
        return Grid(self.pixel_map.turned(found.logits), (across, down), (rect.x * across, rect.y * down))


def edges(box: NDArray[np.floating], scale: float) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a box (4,) in output pixels at `scale`, rounded as boxes are drawn."""
    x1, y1, x2, y2 = np.rint(np.asarray(box, np.float64) * scale).astype(np.int64).tolist()
    return x1, y1, x2, y2


def _cells(first: float, last: float, count: int) -> tuple[int, int]:
    """First and last (exclusive) of the cells that cover `first`..`last`, with two more on each side: one for the
    interpolation, one for the rounding of the box to output pixels."""
    low = min(max(math.floor(first) - 2, 0), count - 1)
    return low, max(min(math.ceil(last) + 2, count), low + 1)


def _enlarge(grid: Grid, scale: float, corner: tuple[int, int], target: NDArray[np.bool_]) -> None:
    """Set `target`, whose top left pixel is the output pixel `corner`, where the interpolated logits exceed 0.

    OpenCV's warps round coordinates to 1/32 of a cell, half a pixel for large cells; this is exact, and a pixel does
    not depend on the extent of `target`.
    """
    n_rows, n_columns = grid.logits.shape
    height, width = target.shape
    column, across = _between(corner[0], width, grid.cells_per_pixel[0] / scale, grid.origin[0], n_columns)
    row, down = _between(corner[1], height, grid.cells_per_pixel[1] / scale, grid.origin[1], n_rows)
    steps = np.diff(grid.logits, axis=1, append=grid.logits[:, -1:])
    enlarged_rows = grid.logits[:, column] + steps[:, column] * across
    positive = enlarged_rows > 0
    # The output rows between the centres of the same two rows of cells at a time. A column in which both are positive
    # or neither is stays so in between, as rounded, too: only where the sign changes is anything to be computed.
    starts = np.flatnonzero(np.diff(row, prepend=-1, append=-1)).tolist()
    for start, stop in itertools.pairwise(starts):
        upper = int(row[start])
        target[start:stop] = positive[upper]
        if upper + 1 < n_rows:
            columns = np.flatnonzero(positive[upper] != positive[upper + 1])
            ends = enlarged_rows[upper : upper + 2, columns]
            values = (ends[1] - ends[0]) * down[start:stop, None]
            values += ends[0]
            target[start:stop, columns] = values > 0


def _between(
    first: int, count: int, per_pixel: float, origin: float, n_cells: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Interpolation of output pixels `first`..`first + count` between the centres of cells: index of the cell before,
    int64 (count,), and weight of the next one, float32 (count,) 0..1; values are constant beyond the outermost
    centres."""
    # From centres of output pixels to centres of cells.
    positions = (np.arange(count) + (first + 0.5)) * per_pixel - (0.5 + origin)
    positions = np.minimum(np.maximum(positions, 0), n_cells - 1)
    before = positions.astype(np.int64)
    return before, (positions - before).astype(np.float32)


def run_lengths(mask: NDArray[np.bool_], left: int, top: int, size: Size) -> list[int]:
    """COCO's uncompressed run-length encoding of a picture of `size` in which `mask` (h, w) begins at `left`, `top`.

    Time and memory depend on the size of `mask`, not of the picture.

    Returns
    -------
    Lengths of alternating runs of 0s and 1s in column-major order, 0s first; their sum is the number of pixels.
    """
    height, width = mask.shape
    columns = np.zeros((width, height + 2), bool)
    columns[:, 1:-1] = mask.T
    # Each column is padded with 0, so that starts and ends of runs alternate.
    column, row = np.divmod(np.flatnonzero(columns[:, 1:] != columns[:, :-1]), height + 1)
    changes = (left + column) * size.height + top + row
    starts, ends = changes[::2], changes[1::2]
    # A run that ends at the bottom of a column is merged with one that begins at the top of the next.
    merged = np.flatnonzero(starts[1:] == ends[:-1])
    changes = np.delete(changes, np.concatenate([2 * merged + 1, 2 * merged + 2]))
    lengths: list[int] = np.diff(changes, prepend=0, append=size.width * size.height).tolist()
    # Where the last pixel is 1, no run of 0s follows.
    return lengths[:-1] if lengths[-1] == 0 and len(lengths) > 1 else lengths
