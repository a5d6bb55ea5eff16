"""Things in space: several named objects, meshes, clouds, voxels, fields, cameras and lines, in one scene."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight, surface_area
from cvstudio.data.pixel_map import PixelMap
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.results.result import Placement, Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table

Geometry3D = TriangleMesh | PointCloud | VoxelGrid | DistanceField | PosedCamera | LineSet
UpAxis = Literal["", "y", "z", "-y"]
"""The axis that points up: "-y" for what is in the frame of a camera, "" where only the medium tells."""

KINDS: dict[type[Geometry3D], str] = {
    TriangleMesh: "mesh",
    PointCloud: "point cloud",
    VoxelGrid: "voxels",
    DistanceField: "distance field",
    PosedCamera: "camera",
    LineSet: "lines",
}
"""What each type is called in tables."""

SIZE_ALONE = Size(640, 480)
"""Size in pixels of the picture of a scene that belongs to no picture."""


@dataclass(frozen=True, eq=False)
class Object3D:
    """One object of a scene.

    Parameters
    ----------
    name : not empty, unique in its scene; the same in every result of an analysis, so that the view keeps its state
    geometry : its form, in the coordinates of the scene
    group : name of the group that it stands in, "" for none; "Parts/Legs" is a group within a group
    visible : whether it is shown at first
    colour : sRGB, 0..255, for what has no colours of its own; None leaves the choice to the view
    note : what is to be known of it, in one sentence
    """

    name: str
    geometry: Geometry3D
    group: str = ""
    visible: bool = True
    colour: tuple[int, int, int] | None = None
    note: str = ""

    @property
    def kind(self) -> str:
        """What it is: "mesh", "point cloud" and so on."""
        return KINDS[type(self.geometry)]

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Smallest and largest x, y, z, float64 (2, 3); NaN where nothing is there. Of a camera its position."""
        return readonly(_bounds(self.geometry))


@dataclass(frozen=True, eq=False)
class LinkedPixels:
    """The places in the picture on the canvas where the points of an object are seen.

    Parameters
    ----------
    name : name of the object, a cloud or a mesh
    places : float32 (n, 2), x and y in image pixels of each of its points or vertices, NaN where it is not seen
    """

    name: str
    places: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.places.ndim != 2 or self.places.shape[1] != 2 or self.places.dtype != np.float32:
            raise ValueError(f"expected places float32 (n, 2), found {self.places.dtype} {self.places.shape}")
        object.__setattr__(self, "places", readonly(self.places))

    def nearest(self, x: float, y: float, within: float = 8.0) -> int | None:
        """Number of the point that is seen nearest to (x, y), at most `within` pixels away, or None."""
        if not len(self.places):
            return None
        squared = ((self.places - np.array([x, y], np.float32)) ** 2).sum(axis=1)
        squared = np.where(np.isnan(squared), np.inf, squared)
        best = int(squared.argmin())
        return best if squared[best] <= within**2 else None


@dataclass(frozen=True, eq=False)
class Scene3D(Result):
    """Named objects in one system of coordinates.

    All coordinates are doubles in the world of the file, so that those of surveys keep their millimetres. What computes
    in single precision, such as a graphics card, subtracts `origin` before it rounds.

    Parameters
    ----------
    objects : with names of their own
    size : size of the picture on the canvas; `SIZE_ALONE` where there is none
    summary : what was found, in a few English words; empty counts the objects
    up : the axis that points up
    unit : unit of the coordinates, such as "m"; empty where it is not known
    side_by_side : whether the groups are forms of one thing, to be shown beside one another under one camera
    linked : where the points of one object are seen in the picture on the canvas; None where they are not

    Raises
    ------
    ValueError
        Two objects have one name, or `linked` names none of them.
    """

    placement: ClassVar[Placement] = Placement.OWN_VIEW

    objects: tuple[Object3D, ...]
    size: Size = SIZE_ALONE
    summary: str = ""
    up: UpAxis = ""
    unit: str = ""
    side_by_side: bool = False
    linked: LinkedPixels | None = None
    source: Source = Source()

    def __post_init__(self) -> None:
        names = [item.name for item in self.objects]
        if "" in names or len({*names}) != len(names):
            raise ValueError(f"expected names of the objects' own, found {', '.join(map(repr, names))}")
        if self.linked is not None and self.linked.name not in names:
            raise ValueError(f"expected a link to one of {', '.join(names)}, found {self.linked.name}")

    def __getitem__(self, name: str) -> Object3D:
        """The object of that name. Raises KeyError."""
        for item in self.objects:
            if item.name == name:
                return item
        raise KeyError(name)

    @cached_property
    def bounds(self) -> NDArray[np.float64]:
        """Smallest and largest x, y, z of all objects, float64 (2, 3); zeros where nothing is there."""
        known = [item.bounds for item in self.objects if np.isfinite(item.bounds).all()]
        if not known:
            return readonly(np.zeros((2, 3)))
        return readonly(np.array([np.min([low for low, _ in known], 0), np.max([high for _, high in known], 0)]))

    @property
    def origin(self) -> NDArray[np.float64]:
        """Middle of the objects, float64 (3,): the point about which single precision is good enough."""
        return np.asarray(self.bounds.mean(axis=0))

    def placed(self, pixel_map: PixelMap) -> Self:
        """The same with its links on the picture that `pixel_map` leads to; what is in space stays where it is."""
        linked = self.linked
        if linked is not None:
            linked = LinkedPixels(linked.name, pixel_map.points(linked.places))
        return dataclasses.replace(self, size=pixel_map.target, linked=linked)

    def headline(self) -> str:
        if self.summary:
            return self.summary
        return f"{len(self.objects)} object{'s' * (len(self.objects) != 1)}"

    def table(self) -> Table:
        """One row for each object: name, group, kind, counts of its elements, edges of its bounding box, and, in files,
        whether it is closed, its area and its volume."""
        length = self.unit
        columns = (
            Column("name", "Object", kind="text"),
            Column("group", "Group", kind="text", shown=any(item.group for item in self.objects)),
            Column("kind", "Kind", kind="text"),
            Column("points", "Points"),
            Column("faces", "Faces"),
            *(Column(f"size_{axis}", f"Size {axis}", length) for axis in "xyz"),
            *(Column(f"min_{axis}", f"Least {axis}", length, shown=False) for axis in "xyz"),
            Column("watertight", "Watertight", shown=False),
            Column("area", "Area", f"{length}²" if length else "", shown=False),
            Column("volume", "Volume", f"{length}³" if length else "", shown=False),
            Column("note", "Note", kind="text", shown=any(item.note for item in self.objects)),
        )
        return Table("cvstudio-scene", "objects", columns, [_row(item) for item in self.objects])


def _row(item: Object3D) -> tuple[object, ...]:
    geometry, (low, high) = item.geometry, item.bounds
    sides = [float(f"{side:.6g}") if np.isfinite(side) else None for side in high - low]
    corner = [float(value) if np.isfinite(value) else None for value in low]
    points: int | None = None
    faces: int | None = None
    measures: tuple[object, object, object] = (None, None, None)
    if isinstance(geometry, TriangleMesh):
        points, faces = len(geometry.vertices), len(geometry.triangles)
        mesh = geometry
        measures = (lambda: int(is_watertight(mesh)), lambda: surface_area(mesh), lambda: _volume(mesh))
    elif isinstance(geometry, PointCloud | LineSet):
        points = len(geometry.points)
    elif isinstance(geometry, VoxelGrid):
        points = geometry.count
        measures = (None, None, geometry.volume)
    elif isinstance(geometry, DistanceField):
        points = geometry.values.size
    return (item.name, item.group, item.kind, points, faces, *sides, *corner, *measures, item.note)


def _volume(mesh: TriangleMesh) -> float | None:
    return enclosed_volume(mesh) if is_watertight(mesh) else None


def _bounds(geometry: Geometry3D) -> NDArray[np.float64]:
    if isinstance(geometry, PosedCamera):
        return np.stack([geometry.position, geometry.position])
    if isinstance(geometry, DistanceField):
        far = geometry.origin + (np.array(geometry.values.shape) - 1) * geometry.spacing
        return np.stack([geometry.origin, far])
    if isinstance(geometry, VoxelGrid):
        indices = geometry.indices
        if not len(indices):
            return np.full((2, 3), np.nan)
        ends = np.stack([indices.min(axis=0), indices.max(axis=0) + 1])
        return np.asarray(geometry.origin + ends * geometry.side)
    points = geometry.vertices if isinstance(geometry, TriangleMesh) else geometry.points
    if not len(points):
        return np.full((2, 3), np.nan)
    return np.stack([points.min(axis=0), points.max(axis=0)])
