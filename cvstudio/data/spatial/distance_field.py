"""Distance fields: how far each node of a grid is from a surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly
from cvstudio.data.spatial.voxel_grid import check_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DistanceField:
    """An implicit function sampled on a regular grid; its zero level is the surface.

    Parameters
    ----------
    values : float32 (nx, ny, nz), by x, y and z
        Signed distance at the nodes in the unit of the coordinates, negative inside; NaN where it is not known.
    origin : float64 (3,), the first node; finite
    spacing : distance of neighbouring nodes, above 0

    Raises
    ------
    ValueError
        A shape, dtype or size differs.
    """

    values: NDArray[np.float32]
    origin: NDArray[np.float64]
    spacing: float

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or min(self.values.shape) < 2 or self.values.dtype != np.float32:
            raise ValueError(f"expected float32 (nx, ny, nz) of at least 2, found {self.values.shape}")
        check_frame(self.origin, self.spacing)
        object.__setattr__(self, "values", readonly(self.values))
        object.__setattr__(self, "origin", readonly(self.origin))

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest known value; (0, 0) where none is known."""
        known = self.values[np.isfinite(self.values)]
        return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
