"""Masks of instances, kept as small as the network made them: they are enlarged where they are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.types import Size, readonly


@dataclass(frozen=True, eq=False)
class PrototypeMasks:
    """Masks that are mixtures of a picture's prototypes.

    Source: Bolya et al., "YOLACT: Real-time Instance Segmentation", ICCV 2019 (section 3).

    Parameters
    ----------
    prototypes : float32 (k, h, w)
        Shared by all masks.
    coefficients : float32 (n, k)
        The logit of a mask is their product with the prototypes; a pixel is in where it is above 0.
    cells_per_pixel : (x, y)
        How many cells of the prototypes make one pixel of the picture; both begin at the top left corner.

    Raises
    ------
    ValueError
        A shape or dtype is another.
    """

    prototypes: NDArray[np.float32]
    coefficients: NDArray[np.float32]
    cells_per_pixel: tuple[float, float]

    def __post_init__(self) -> None:
        if self.prototypes.dtype != np.float32 or self.prototypes.ndim != 3:
            found = f"{self.prototypes.dtype} {self.prototypes.shape}"
            raise ValueError(f"expected prototypes as float32 (k, h, w), found {found}")
        n_prototypes = self.prototypes.shape[0]
        shape = self.coefficients.shape
        if self.coefficients.dtype != np.float32 or len(shape) != 2 or shape[1] != n_prototypes:
            found = f"{self.coefficients.dtype} {shape}"
            raise ValueError(f"expected coefficients as float32 (n, {n_prototypes}), found {found}")
        object.__setattr__(self, "prototypes", readonly(self.prototypes))
        object.__setattr__(self, "coefficients", readonly(self.coefficients))

    def __len__(self) -> int:
        return len(self.coefficients)

    def take(self, rows: NDArray[Any] | Sequence[int]) -> PrototypeMasks:
        """The masks at `rows` (indices or a boolean mask), in that order."""
        return PrototypeMasks(self.prototypes, self.coefficients[rows], self.cells_per_pixel)

    def window(
        self, row: int, box: NDArray[np.floating], scale: float, left: int, top: int, right: int, bottom: int
    ) -> NDArray[np.uint8]:
        """A part of the mask of one thing.

        Parameters
        ----------
        row : which mask
        box : (4,) in pixels of the picture; outside of it nothing belongs to the thing
        scale : output pixels for each pixel of the picture
        left, top, right, bottom : the part that is wanted, in output pixels of the whole picture

        Returns
        -------
        uint8 (bottom - top, right - left) of 0 and 255
        """
        import cv2

        x1, y1, x2, y2 = (int(value) for value in np.rint(np.asarray(box, np.float64) * scale))
        x1, y1, x2, y2 = max(x1, left), max(y1, top), min(x2, right), min(y2, bottom)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        if x1 >= x2 or y1 >= y2:
            return mask
        across, down = (cells / scale for cells in self.cells_per_pixel)
        # From the centre of an output pixel to the cell's; only the cells around the box are mixed.
        first_x, last_x = _cells(x1, x2, across, self.prototypes.shape[2])
        first_y, last_y = _cells(y1, y2, down, self.prototypes.shape[1])
        part = self.prototypes[:, first_y:last_y, first_x:last_x]
        logits = np.tensordot(self.coefficients[row], part, axes=1)
        back = np.array(
            [
                [across, 0, (x1 + 0.5) * across - 0.5 - first_x],
                [0, down, (y1 + 0.5) * down - 0.5 - first_y],
            ]
        )
        enlarged = cv2.warpAffine(
            logits,
            back,
            (x2 - x1, y2 - y1),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        mask[y1 - top : y2 - top, x1 - left : x2 - left] = cv2.compare(enlarged, 0, cv2.CMP_GT)
        return mask

    def full(self, row: int, box: NDArray[np.floating], size: Size) -> NDArray[np.bool_]:
        """The mask of one thing in the pixels of its picture, bool (H, W)."""
        whole: NDArray[np.bool_] = self.window(row, box, 1.0, 0, 0, size.width, size.height) > 0
        return whole


def _cells(first: int, last: int, per_pixel: float, count: int) -> tuple[int, int]:
    """The cells under output pixels `first`..`last`, with one more on each side to mix from."""
    low = int(np.floor(first * per_pixel)) - 1
    high = int(np.ceil(last * per_pixel)) + 1
    low = min(max(low, 0), count - 1)
    return low, max(min(high, count), low + 1)


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """COCO's run-length code of a mask (H, W): lengths of 0s and 1s by turns, column by column, 0s first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths
