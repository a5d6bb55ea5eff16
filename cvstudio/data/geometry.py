"""Sizes, rectangles and views, in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cvstudio.foundation.shapes import Box, Polygon

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def readonly(array: NDArray[Any]) -> NDArray[Any]:
    """A C-contiguous, read-only view of `array`, or a copy where it is not contiguous."""
    result = np.ascontiguousarray(array).view()
    result.flags.writeable = False
    return result


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


class Rect(NamedTuple):
    """An axis-aligned rectangle in image pixels; (0, 0) is the outer corner of the top left pixel."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


class View(NamedTuple):
    """The part to be rendered: `rect` in image pixels, at `scale` output pixels per image pixel."""

    rect: Rect
    scale: float = 1.0

    @property
    def size(self) -> Size:
        """Size of the rendering in output pixels, at least 1 x 1."""
        return Size(max(1, round(self.rect.width * self.scale)), max(1, round(self.rect.height * self.scale)))

    @classmethod
    def whole(cls, size: Size) -> View:
        """The view of a whole picture of `size`, at scale 1."""
        return cls(Rect(0.0, 0.0, float(size.width), float(size.height)), 1.0)


def check_arrays(owner: object, expected: Mapping[str, tuple[DTypeLike, tuple[int, ...]]]) -> None:
    """Check dtype and shape of the arrays of a frozen dataclass, and make them read-only.

    Parameters
    ----------
    owner : the dataclass, in its `__post_init__`
    expected : dtype and shape by attribute name

    Raises
    ------
    ValueError
        A dtype or shape differs.
    """
    for name, (dtype, shape) in expected.items():
        array: NDArray[Any] = getattr(owner, name)
        if array.dtype != dtype or array.shape != shape:
            declared = f"{np.dtype(dtype)} {shape}"
            raise ValueError(f"expected {name} as {declared}, found {array.dtype} {array.shape}")
        object.__setattr__(owner, name, readonly(array))


def turned(offsets: NDArray[np.float64], middle: Sequence[float], degrees: float) -> Polygon:
    """Corners at `offsets` (n, 2) from the middle, turned clockwise as they are seen; empty where they are too far
    away to be numbers."""
    turn = np.deg2rad(degrees)
    matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    with np.errstate(over="ignore", invalid="ignore"):
        corners = offsets @ matrix + middle
    return tuple((float(x), float(y)) for x, y in corners) if np.isfinite(corners).all() else ()


def turned_box(box: Box, degrees: float) -> Polygon:
    """Corners of a box, see `turned`."""
    x1, y1, x2, y2 = box
    half = np.array([[x1 - x2, y1 - y2], [x2 - x1, y1 - y2], [x2 - x1, y2 - y1], [x1 - x2, y2 - y1]]) / 2
    return turned(half, ((x1 + x2) / 2, (y1 + y2) / 2), degrees)
