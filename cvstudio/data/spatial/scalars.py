"""Numbers at the vertices of a mesh or the points of a cloud."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import readonly

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class ScalarField:
    """A number for each vertex or point, by which it can be coloured.

    Parameters
    ----------
    name : of what is measured, such as "Distance"; unique on one object
    values : float32 (n,), NaN where there is none
    unit : of the values, such as "mm"; empty for none

    Raises
    ------
    ValueError
        The name is empty, or shape or dtype differ.
    """

    name: str
    values: NDArray[np.float32]
    unit: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("expected the name of a scalar field, found an empty one")
        if self.values.ndim != 1 or self.values.dtype != np.float32:
            raise ValueError(f"expected float32 (n,), found {self.values.dtype} {self.values.shape}")
        object.__setattr__(self, "values", readonly(self.values))

    @property
    def extent(self) -> tuple[float, float]:
        """Smallest and largest finite value; (0, 1) where none is finite."""
        finite = self.values[np.isfinite(self.values)]
        return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


def check_scalars(scalars: tuple[ScalarField, ...], count: int) -> None:
    """Raise ValueError unless each field has a name of its own and `count` values."""
    names = [field.name for field in scalars]
    if len({*names}) != len(names):
        raise ValueError(f"expected scalar fields of different names, found {', '.join(names)}")
    for field in scalars:
        if len(field.values) != count:
            raise ValueError(f"expected {count} values of {field.name}, found {len(field.values)}")
