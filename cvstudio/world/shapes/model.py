"""What a builder of shapes returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from cvstudio.world.shape_mesh import ShapeMesh


class Support(NamedTuple):
    """A level rectangle on which other things may stand, in metres of the shape."""

    z: float
    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """A shape: it stands on z = 0 around the origin, with its front at -y.

    Parameters
    ----------
    mesh : in metres
    finishes : finish of each of its material slots, see `materials.FINISHES`
    supports : where other things may stand on it
    """

    mesh: ShapeMesh
    finishes: tuple[str, ...]
    supports: tuple[Support, ...] = ()
