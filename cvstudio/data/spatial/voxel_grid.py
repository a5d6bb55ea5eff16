"""Voxel grids: space cut into cubes, each of which is occupied or empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """A block of cubic voxels.

    Parameters
    ----------
    occupied : bool (nx, ny, nz), by x, y and z
    origin : float64 (3,), outer corner of the first voxel, in the unit of the coordinates; finite
    side : edge length of a voxel, above 0
    colours : uint8 (nx, ny, nz, 3), sRGB; optional

    Raises
    ------
    ValueError
        A shape, dtype or size differs.
    """

    occupied: NDArray[np.bool_]
    origin: NDArray[np.float64]
    side: float
    colours: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.occupied.ndim != 3 or 0 in self.occupied.shape or self.occupied.dtype != np.bool_:
            raise ValueError(f"expected bool (nx, ny, nz), found {self.occupied.dtype} {self.occupied.shape}")
        check_frame(self.origin, self.side)
        object.__setattr__(self, "occupied", readonly(self.occupied))
        object.__setattr__(self, "origin", readonly(self.origin))
        if self.colours is not None:
            if self.colours.shape != (*self.occupied.shape, 3) or self.colours.dtype != np.uint8:
                raise ValueError(f"expected colours uint8 {(*self.occupied.shape, 3)}, found {self.colours.shape}")
            object.__setattr__(self, "colours", readonly(self.colours))

    @property
    def count(self) -> int:
        """Number of occupied voxels."""
        return int(np.count_nonzero(self.occupied))

    @property
    def volume(self) -> float:
        """Volume of the occupied voxels."""
        return self.count * self.side**3

    @property
    def indices(self) -> NDArray[np.int64]:
        """Indices of the occupied voxels, int64 (count, 3), in the order of their rows in memory."""
        return np.argwhere(self.occupied)

    @property
    def centres(self) -> NDArray[np.float64]:
        """Centres of the occupied voxels, float64 (count, 3), in the order of `indices`."""
        return np.asarray(self.origin + (self.indices + 0.5) * self.side)


def check_frame(origin: NDArray[np.float64], side: float) -> None:
    """Raise ValueError unless `origin` is a finite float64 (3,) and `side` a positive number."""
    if origin.shape != (3,) or origin.dtype != np.float64 or not np.isfinite(origin).all():
        raise ValueError(f"expected a finite origin float64 (3,), found {origin.dtype} {origin.shape}")
    if not (np.isfinite(side) and side > 0):
        raise ValueError(f"expected a positive edge length, found {side}")
