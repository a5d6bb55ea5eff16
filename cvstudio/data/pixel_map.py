"""Maps between the pixels of a picture and those of a part of it, turned and mirrored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from cvstudio.data.geometry import Rect, Size, readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = TypeVar("N", bound="np.generic")


@dataclass(frozen=True)
class PixelMap:
    """An affine map of quarter turns, mirroring and an offset: (x, y) of one picture to (x, y) of another.

    Parameters
    ----------
    matrix : xx, xy, yx, yy, each -1, 0 or 1
        The new x is ``xx * x + xy * y + offset[0]``, the new y ``yx * x + yy * y + offset[1]``.
    offset : x, y in pixels of the picture that it leads to
    source, target : sizes of the picture that it starts from, and of the one that it leads to
    """

    matrix: tuple[int, int, int, int]
    offset: tuple[int, int]
    source: Size
    target: Size

    @property
    def identity(self) -> bool:
        """Whether nothing moves."""
        return self.matrix == (1, 0, 0, 1) and self.offset == (0, 0) and self.source == self.target

    @property
    def inverse(self) -> PixelMap:
        """The way back."""
        xx, xy, yx, yy = self.matrix
        x, y = self.offset
        return PixelMap((xx, yx, xy, yy), (-xx * x - yx * y, -xy * x - yy * y), self.target, self.source)

    @property
    def turns(self) -> bool:
        """Whether rows become columns."""
        return self.matrix[0] == 0

    def points(self, places: NDArray[N]) -> NDArray[N]:
        """Where `places` (..., 2) of x, y go; of the same dtype."""
        xx, xy, yx, yy = self.matrix
        x: Any = places[..., 0]
        y: Any = places[..., 1]
        moved = np.stack([xx * x + xy * y + self.offset[0], yx * x + yy * y + self.offset[1]], axis=-1)
        return moved.astype(places.dtype, copy=False)

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where one place goes."""
        moved = self.points(np.array((x, y), np.float64))
        return float(moved[0]), float(moved[1])

    def boxes(self, boxes: NDArray[N]) -> NDArray[N]:
        """Where `boxes` (n, 4) of x1, y1, x2, y2 go; of the same dtype."""
        corners = self.points(boxes.reshape(-1, 2, 2))
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def rect(self, rect: Rect) -> Rect:
        """Where a rectangle goes."""
        (x1, y1, x2, y2) = self.boxes(np.array([(rect.x, rect.y, rect.right, rect.bottom)], np.float64))[0].tolist()
        return Rect(x1, y1, x2 - x1, y2 - y1)

    def turned(self, array: NDArray[N]) -> NDArray[N]:
        """An array (h, w, ...) of any resolution turned and mirrored, without the offset; read-only."""
        xx, xy, yx, yy = self.matrix
        if self.turns:
            array = array.swapaxes(0, 1)
        array = array[:, ::-1] if xx + xy < 0 else array
        return readonly(array[::-1] if yx + yy < 0 else array)

    def placed(self, array: NDArray[N], fill: Any) -> NDArray[N]:
        """An array (h, w, ...) of one value for each pixel of the source as one of the target; `fill` where the source
        has nothing. Read-only."""
        turned = self.turned(array)
        rect = self.rect(Rect(0, 0, *self.source))
        left, top = round(rect.x), round(rect.y)
        found = np.full((self.target.height, self.target.width, *array.shape[2:]), fill, array.dtype)
        x1, y1 = max(left, 0), max(top, 0)
        x2, y2 = min(left + turned.shape[1], self.target.width), min(top + turned.shape[0], self.target.height)
        if x1 < x2 and y1 < y2:
            found[y1:y2, x1:x2] = turned[y1 - top : y2 - top, x1 - left : x2 - left]
        return readonly(found)
