"""From objects and a look to the parts that a renderer draws, with the colours of their vertices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.spatial.guides import box_lines, extent_axes, ground_grid, near_corner
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import OrbitCamera
from cvstudio.draw.spatial.picture import RGB, SURFACE, ClipPlane, DrawnPart, SpatialPicture
from cvstudio.draw.spatial.prepared import Prepared, PreparedLines, PreparedPoints
from cvstudio.draw.spatial.surface import PreparedSurface
from cvstudio.draw.spectrogram import colour_lut
from cvstudio.results.scene3d import Object3D

NO_VALUE: RGB = (90, 94, 100)
"""Colour of points without a value (NaN)."""
_INK: RGB = (44, 48, 56)
"""Colour of the edges of triangles on a surface."""
_AXES = "xyz"
_MOST_COLOURED = 64
"""So many objects have their colours kept."""


@dataclass(frozen=True, eq=False)
class ReadyObject:
    """An object with what is drawn of it."""

    item: Object3D
    parts: tuple[Prepared, ...]


@dataclass(frozen=True)
class Legend:
    """What the colours of values mean: title, least and largest value, their unit, and the name of the colour map."""

    title: str
    low: float
    high: float
    unit: str
    colour_map: str


@dataclass(frozen=True)
class Backdrop:
    """Colours behind and around the objects, and of those that have none (`surface`)."""

    background: RGB = (22, 24, 28)
    grid: RGB = (60, 65, 74)
    marked: RGB = (255, 200, 60)
    surface: RGB = SURFACE


class ScenePictures:
    """Makes pictures of scenes, and keeps the colours of their vertices while the objects and their look stay."""

    def __init__(self) -> None:
        self._colours: dict[tuple[Any, ...], tuple[TriangleMesh | PointCloud, NDArray[np.uint8]]] = {}
        self._guides: tuple[tuple[Any, ...], tuple[DrawnPart, ...]] = ((), ())

    def picture(
        self,
        objects: Sequence[ReadyObject],
        look: SpatialLook,
        camera: OrbitCamera,
        size: Size,
        bounds: NDArray[np.float64],
        *,
        backdrop: Backdrop = Backdrop(),
        marked: int | None = None,
        legend: Legend | None = None,
    ) -> SpatialPicture:
        """Describe a picture.

        Parameters
        ----------
        objects : that are visible; the owner of a part is the index of its object, and -1 for guides
        bounds : float64 (2, 3), of all that is visible
        marked : index of the object around which a box is drawn
        legend : what colours mean over all pictures beside one another; by default over these objects
        """
        legend = legend or legend_of(objects, look, bounds)
        parts = [
            part
            for number, ready in enumerate(objects)
            for prepared in ready.parts
            for part in self._parts(prepared, ready.item, number, look, legend, backdrop.surface)
        ]
        guides = self._around(bounds, look, camera, backdrop)
        if marked is not None and np.isfinite(objects[marked].item.bounds).all():
            box = box_lines(objects[marked].item.bounds)
            guides = (*guides, DrawnPart(box, -1, colour=backdrop.marked, shading="none"))
        centre = bounds.mean(axis=0)
        radius = _reach((*parts, *guides), centre)
        clip = _clip(look, bounds)
        camera = replace(camera, orthographic=look.orthographic)
        return SpatialPicture(
            (*parts, *guides), camera, size, centre, radius, backdrop.background, clip, look.depth_shading
        )

    def _around(
        self, bounds: NDArray[np.float64], look: SpatialLook, camera: OrbitCamera, backdrop: Backdrop
    ) -> tuple[DrawnPart, ...]:
        sides = near_corner(camera)
        key = (bounds.tobytes(), look.grid, look.axes and sides, camera.up, backdrop)
        if self._guides[0] != key:
            guides = []
            if look.grid:
                guides.append(DrawnPart(ground_grid(bounds, camera.up), -1, colour=backdrop.grid, shading="none"))
            if look.axes:
                lines, _ = extent_axes(bounds, sides)
                guides.append(DrawnPart(lines, -1, colours=lines.colours, shading="none", width=2.0))
            self._guides = key, tuple(guides)
        return self._guides[1]

    def _parts(
        self, prepared: Prepared, item: Object3D, number: int, look: SpatialLook, legend: Legend | None, plain: RGB
    ) -> list[DrawnPart]:
        colour = item.colour or plain
        if isinstance(prepared, PreparedLines):
            return [DrawnPart(prepared, number, prepared.colours, colour, "none", width=1.5)]
        colours = self._of_vertices(prepared, look, legend)
        part = DrawnPart(prepared, number, colours, colour, point_size=look.point_size)
        part = replace(part, normal_colours=look.colour_by == "normals")
        if isinstance(prepared, PreparedPoints):
            return [part]
        picture_of_camera = item.kind == "camera"
        textured = prepared.mesh.texture is not None and (look.colour_by == "own" or picture_of_camera)
        part = replace(part, textured=textured)
        if picture_of_camera:
            return [replace(part, shading="none")]
        if look.style == "flat":
            return [replace(part, shading="flat")]
        if look.style == "edges":
            return [replace(part, edges=_INK, width=0.5)]
        if look.style == "wireframe":
            return [replace(part, filled=False, edges=colour, width=1.0)]
        if look.style == "points":
            return [replace(part, filled=False)]
        return [part]

    def _of_vertices(
        self, prepared: PreparedSurface | PreparedPoints, look: SpatialLook, legend: Legend | None
    ) -> NDArray[np.uint8] | None:
        source = prepared.mesh if isinstance(prepared, PreparedSurface) else prepared.cloud
        if look.colour_by == "own":
            own = source.colours
            # Programs write zeros for a model without colours.
            return own if own is not None and own.any() else None
        if legend is None or look.colour_by in ("plain", "normals"):
            return None
        key = (id(source), look.colour_by, look.scalar, legend)
        known = self._colours.pop(key, None)
        # Another object may have the identity of one that is gone.
        if known is None or known[0] is not source:
            values = values_of(prepared, look)
            if values is None:
                return None
            known = source, coloured(values, legend)
        self._colours[key] = known
        for oldest in list(self._colours)[:-_MOST_COLOURED]:
            del self._colours[oldest]
        return known[1]


def values_of(prepared: Prepared, look: SpatialLook) -> NDArray[np.floating] | None:
    """The number of each vertex or point by which `look` colours it, NaN where there is none; None without numbers."""
    if isinstance(prepared, PreparedLines):
        return None
    source = prepared.mesh if isinstance(prepared, PreparedSurface) else prepared.cloud
    if look.colour_by in _AXES:
        points = prepared.mesh.vertices if isinstance(prepared, PreparedSurface) else prepared.cloud.points
        return np.asarray(points[:, _AXES.index(look.colour_by)])
    if look.colour_by != "scalar":
        return None
    field = next((field for field in source.scalars if look.scalar in ("", field.name)), None)
    return None if field is None else field.values


def legend_of(objects: Sequence[ReadyObject], look: SpatialLook, bounds: NDArray[np.float64]) -> Legend | None:
    """What the colours of values mean, over all objects; None where nothing is coloured by values."""
    if look.colour_by in _AXES:
        axis = _AXES.index(look.colour_by)
        return Legend(look.colour_by, float(bounds[0, axis]), float(bounds[1, axis]), "", look.colour_map)
    if look.colour_by != "scalar":
        return None
    sources = [
        part.mesh if isinstance(part, PreparedSurface) else part.cloud
        for ready in objects
        for part in ready.parts
        if not isinstance(part, PreparedLines)
    ]
    fields = [
        field
        for source in sources
        if (field := next((field for field in source.scalars if look.scalar in ("", field.name)), None)) is not None
    ]
    if not fields:
        return None
    ranges = [field.extent for field in fields]
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    return Legend(fields[0].name, low, high, fields[0].unit, look.colour_map)


def number_text(value: float, extent: float) -> str:
    """A number in digits that tell values within `extent` apart."""
    if extent <= 0 or not math.isfinite(extent):
        return f"{value:.6g}"
    digits = max(0, min(9, 3 - math.floor(math.log10(extent)) - 1))
    return f"{value:,.{digits}f}"


def coloured(values: NDArray[np.floating], legend: Legend) -> NDArray[np.uint8]:
    """Colours uint8 (n, 3) of values (n,); those without a number are grey."""
    span = legend.high - legend.low
    shares = (values - legend.low) / span if span > 0 else np.full(values.shape, 0.5)
    finite = np.isfinite(shares)
    levels = np.rint(np.clip(np.where(finite, shares, 0), 0, 1) * 255).astype(np.uint8)
    colours = colour_lut(legend.colour_map)[levels]
    colours[~finite] = NO_VALUE
    return readonly(colours)


def _clip(look: SpatialLook, bounds: NDArray[np.float64]) -> ClipPlane | None:
    if look.cut == "none":
        return None
    axis = _AXES.index(look.cut)
    normal = np.zeros(3)
    normal[axis] = -1.0 if look.cut_other_side else 1.0
    place = bounds[0, axis] + (bounds[1, axis] - bounds[0, axis]) * look.cut_at
    return ClipPlane(normal, float(place * normal[axis]))


def _reach(parts: Sequence[DrawnPart], centre: NDArray[np.float64]) -> float:
    """Radius of a ball about `centre` around all parts."""
    reach = 0.0
    for part in parts:
        prepared = part.prepared
        low, high = prepared.bounds
        corner = np.maximum(np.abs(prepared.origin + low - centre), np.abs(prepared.origin + high - centre))
        reach = max(reach, float(np.linalg.norm(corner)))
    return reach or 1.0
