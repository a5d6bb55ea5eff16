"""Line segments in space, such as rays, tracks and axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class LineSet:
    """Line segments between points.

    Parameters
    ----------
    points : float64 (n, 3), finite
    lines : int32 (m, 2), indices into `points`
    colours : uint8 (m, 3), sRGB colour of each segment; optional

    Raises
    ------
    ValueError
        A shape or dtype differs, or a line names a point that is not there.
    """

    points: NDArray[np.float64]
    lines: NDArray[np.int32]
    colours: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        n, m = len(self.points), len(self.lines)
        if self.points.shape != (n, 3) or self.points.dtype != np.float64 or not np.isfinite(self.points).all():
            raise ValueError(f"expected finite points float64 (n, 3), found {self.points.dtype} {self.points.shape}")
        if self.lines.shape != (m, 2) or self.lines.dtype != np.int32:
            raise ValueError(f"expected lines int32 (m, 2), found {self.lines.dtype} {self.lines.shape}")
        if m and not (self.lines.min() >= 0 and self.lines.max() < n):
            raise ValueError(f"expected lines of points 0..{n - 1}")
        if self.colours is not None and (self.colours.shape != (m, 3) or self.colours.dtype != np.uint8):
            raise ValueError(f"expected colours uint8 ({m}, 3), found {self.colours.dtype} {self.colours.shape}")
        for name in ("points", "lines", "colours"):
            array = getattr(self, name)
            object.__setattr__(self, name, None if array is None else readonly(array))


def path_of(points: NDArray[np.float64]) -> LineSet:
    """A line from each of `points` (n, 3) to the next, such as the way of a camera."""
    first = np.arange(max(len(points) - 1, 0), dtype=np.int32)
    return LineSet(points, np.column_stack([first, first + 1]).astype(np.int32))
