"""The description of a picture of a scene, from which both renderers draw the same: OpenGL, and casting rays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.draw.spatial.prepared import Prepared

RGB = tuple[int, int, int]
Shading = Literal["smooth", "flat", "none"]

KEY_LIGHT = (-0.40, 0.55, 0.73)
"""Direction of the key light in the camera's frame: x to the right, y up, z towards the eye."""
AMBIENT, KEY, HEAD = 0.22, 0.50, 0.32
"""Shares of the light from all around, of the key light and of the light beside the eye."""
SKY = 0.35
"""By how much more of the ambient light comes from above than from the side."""
SURFACE: RGB = (204, 209, 217)
"""Colour of what has none."""
EYE_DOME_STRENGTH = 4.5
"""How fast pixels darken with the depth by which they lie behind their neighbours."""


@dataclass(frozen=True, eq=False)
class DrawnPart:
    """A surface, points or lines as they are to be drawn.

    Parameters
    ----------
    prepared : the form
    owner : number of the object that it belongs to, from 0; -1 for guides, which are never cut
    colours : uint8 (n, 3), of the vertices of the mesh, the points of the cloud or the segments; None for `colour`
    colour : sRGB of what has no colours
    shading : "smooth", "flat" for a normal of each triangle, or "none" for the colour alone
    textured : whether the texture of the mesh is its colour
    normal_colours : whether the colour is that of the direction of the surface in the scene
    filled : whether triangles are filled
    edges : sRGB of the edges of triangles; None leaves them out. Of a surface with neither, the vertices are drawn
    width : of lines and edges, in pixels
    point_size : diameter of points, in pixels
    """

    prepared: Prepared
    owner: int
    colours: NDArray[np.uint8] | None = None
    colour: RGB = SURFACE
    shading: Shading = "smooth"
    textured: bool = False
    normal_colours: bool = False
    filled: bool = True
    edges: RGB | None = None
    width: float = 1.0
    point_size: float = 2.0


@dataclass(frozen=True, eq=False)
class ClipPlane:
    """The half of the scene that is shown: points p with normal · p <= offset.

    Parameters
    ----------
    normal : float64 (3,), of unit length
    offset : in the unit of the scene
    """

    normal: NDArray[np.float64]
    offset: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "normal", readonly(np.asarray(self.normal, np.float64)))


@dataclass(frozen=True, eq=False)
class SpatialPicture:
    """All that a renderer needs to know.

    Parameters
    ----------
    parts : what is drawn
    camera, size : from where, and in how many pixels
    centre, radius : ball around all parts, between whose front and back depth is measured
    background : sRGB behind everything
    clip : the half that is shown; None shows all
    eye_dome : whether pixels behind their neighbours are darkened, which shows the shape of clouds without normals
    """

    parts: tuple[DrawnPart, ...]
    camera: OrbitCamera
    size: Size
    centre: NDArray[np.float64]
    radius: float
    background: RGB = (22, 24, 28)
    clip: ClipPlane | None = None
    eye_dome: bool = True

    def clip_of(self, part: DrawnPart) -> ClipPlane | None:
        """The cut through a part; guides are whole."""
        return self.clip if part.owner >= 0 else None

    def resized(self, size: Size, scale: float) -> SpatialPicture:
        """The same in other pixels, with lines and points `scale` times as large."""
        parts = tuple(
            dataclasses.replace(part, width=part.width * scale, point_size=part.point_size * scale)
            for part in self.parts
        )
        return dataclasses.replace(self, parts=parts, size=size)


@dataclass(frozen=True)
class Hit:
    """What is seen at a place of a picture: the part by its index, and the triangle, point or segment in it."""

    part: int
    element: int
