"""Scenes as PLY, OBJ, STL, GLB, OFF, PCD and NPZ: what is shown of them, or one object by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.conversion.voxels import voxels_of
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.vertex_colours import vertex_colours, without_texture
from cvstudio.data.spatial.voxel_faces import cubified
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Accepts, Exporter, ExportItem
from cvstudio.exporters.file_names import safe_name
from cvstudio.exporters.spatial.geometry_files import geometry_bytes, write_obj
from cvstudio.exporters.spatial.glb import glb_bytes
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Doc, Range, Text
from cvstudio.foundation.progress import Progress
from cvstudio.results.scene3d import Object3D, Scene3D
from cvstudio.results.triangulation import Triangulation

ObjectName = Annotated[
    str,
    Text(example="Surface"),
    Doc("Object", "Name of the one object to be written; empty writes all that are visible.", "Try Surface."),
]
_CAMERA_SHARE = 0.05
"""Depth of a camera's outline, as a share of the scene's diagonal."""


@dataclass(frozen=True)
class ObjectOptions:
    """What is written."""

    object: ObjectName = ""


@dataclass(frozen=True)
class VoxelOptions:
    """What is written, and how finely."""

    object: ObjectName = ""
    resolution: Annotated[
        int,
        Range(4, 256, step=1),
        Doc("Resolution", "Voxels along the longest side, where the scene holds no voxels.", "Try 64."),
    ] = 64


def chosen_objects(scene: Scene3D, name: str) -> tuple[Object3D, ...]:
    """The object called `name`, or all that are visible.

    Raises
    ------
    ExportError
        There is no such object.
    """
    if not name:
        return tuple(item for item in scene.objects if item.visible) or scene.objects
    found = tuple(item for item in scene.objects if item.name == name)
    if not found:
        names = ", ".join(item.name for item in scene.objects[:10])
        raise ExportError(f"The scene has no object '{name}'; it has: {names}.")
    return found


def surface_of(item: Object3D) -> TriangleMesh | None:
    """The triangles of an object, of voxels their faces, in the object's colour; None for what has none."""
    geometry = item.geometry
    mesh = cubified(geometry) if isinstance(geometry, VoxelGrid) else geometry
    if not isinstance(mesh, TriangleMesh) or not len(mesh.triangles):
        return None
    if item.colour is None or mesh.colours is not None or mesh.texture is not None:
        return mesh
    colours = np.tile(np.array(item.colour, np.uint8), (len(mesh.vertices), 1))
    return TriangleMesh(mesh.vertices, mesh.triangles, colours, normals=mesh.normals, scalars=mesh.scalars)


def points_of(item: Object3D, diagonal: float) -> PointCloud:
    """The points of an object: vertices, centres of voxels, ends of lines, or the outline of a camera."""
    geometry = item.geometry
    if isinstance(geometry, PointCloud):
        return geometry
    if isinstance(geometry, TriangleMesh):
        return PointCloud(geometry.vertices, vertex_colours(geometry), geometry.normals, scalars=geometry.scalars)
    if isinstance(geometry, VoxelGrid):
        colours = None if geometry.colours is None else geometry.colours[tuple(geometry.indices.T)]
        return PointCloud(geometry.centres, colours)
    if isinstance(geometry, LineSet):
        return PointCloud(geometry.points)
    if isinstance(geometry, PosedCamera):
        return PointCloud(np.concatenate([geometry.position[None], geometry.frustum(_CAMERA_SHARE * diagonal)]))
    return PointCloud(np.zeros((0, 3)))


def _joined(items: Iterable[TriangleMesh]) -> TriangleMesh:
    meshes = list(items)
    if len(meshes) == 1:
        return meshes[0]
    meshes = [without_texture(mesh) for mesh in meshes]
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts[:-1].tolist(), strict=True)]
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(triangles).astype(np.int32),
        _joined_colours([(mesh.colours, len(mesh.vertices)) for mesh in meshes]),
    )


def _joined_clouds(clouds: list[PointCloud]) -> PointCloud:
    if len(clouds) == 1:
        return clouds[0]
    return PointCloud(
        np.concatenate([np.zeros((0, 3)), *(cloud.points for cloud in clouds)]),
        _joined_colours([(cloud.colours, len(cloud.points)) for cloud in clouds]),
    )


def _joined_colours(columns: list[tuple[NDArray[np.uint8] | None, int]]) -> NDArray[np.uint8] | None:
    if not any(colours is not None for colours, _ in columns):
        return None
    return np.concatenate(
        [np.full((count, 3), 204, np.uint8) if colours is None else colours for colours, count in columns]
    )


def _surfaces(item: ExportItem, name: str) -> list[tuple[str, TriangleMesh]]:
    objects = chosen_objects(item.result, name)
    found = [(each.name, mesh) for each in objects if (mesh := surface_of(each)) is not None]
    if not found and not name:
        # What is hidden is better than nothing.
        found = [(each.name, mesh) for each in item.result.objects if (mesh := surface_of(each)) is not None]
    return found


def _clouds(item: ExportItem, name: str) -> list[tuple[str, PointCloud]]:
    scene: Scene3D = item.result
    diagonal = float(np.linalg.norm(scene.bounds[1] - scene.bounds[0]))
    clouds = [(each.name, points_of(each, diagonal)) for each in chosen_objects(scene, name)]
    return [(title, cloud) for title, cloud in clouds if len(cloud.points)]


def geometries(item: ExportItem, name: str) -> list[tuple[str, TriangleMesh | PointCloud]]:
    """What a file of meshes or points holds of an item: surfaces where there are any, else points.

    Raises
    ------
    ExportError
        There is neither.
    """
    surfaces = _surfaces(item, name)
    if surfaces:
        return [*surfaces]
    clouds = _clouds(item, name)
    if not clouds:
        raise ExportError("A scene with points or surfaces is expected, found an empty one; choose another object.")
    return [*clouds]


def _one(found: list[tuple[str, TriangleMesh | PointCloud]]) -> TriangleMesh | PointCloud:
    meshes = [geometry for _, geometry in found if isinstance(geometry, TriangleMesh)]
    return _joined(meshes) if meshes else _joined_clouds([item for _, item in found if isinstance(item, PointCloud)])


def _write_one(ending: str) -> Callable[[Path, ExportItem, Progress], None]:
    def write(path: Path, item: ExportItem, progress: Progress) -> None:
        progress(None, "writing")
        geometry = _one(geometries(item, item.options_as(ObjectOptions).object))
        if ending == ".stl" and isinstance(geometry, PointCloud):
            raise ExportError("STL holds surfaces only, found none in this scene; export PLY for its points.")
        path.write_bytes(geometry_bytes(geometry, ending))

    return write


def _write_pcd(path: Path, item: ExportItem, progress: Progress) -> None:
    progress(None, "writing")
    clouds = [cloud for _, cloud in _clouds(item, item.options_as(ObjectOptions).object)]
    if not clouds:
        raise ExportError("PCD expects an object with points, found none; choose another object.")
    path.write_bytes(geometry_bytes(_joined_clouds(clouds), ".pcd"))


def _write_glb(path: Path, item: ExportItem, progress: Progress) -> None:
    progress(None, "writing")
    found = geometries(item, item.options_as(ObjectOptions).object)
    scene: Scene3D = item.result
    extent = float(np.abs(scene.bounds[1] - scene.bounds[0]).max())
    # Floats near their origin; where the scene is far away, its place is in the node, in doubles.
    far = float(np.abs(scene.origin).max()) > 16 * extent
    path.write_bytes(glb_bytes(found, np.round(scene.origin) if far else None))


def _write_obj(folder: Path, item: ExportItem, progress: Progress) -> None:
    """An OBJ with an object for each of the scene's; its materials and textures beside it where it has some."""
    progress(None, "writing")
    found = geometries(item, item.options_as(ObjectOptions).object)
    stem = safe_name(item.file_stem)
    write_obj(folder / f"{stem}.obj", found)


def _write_obj_file(path: Path, item: ExportItem, progress: Progress) -> None:
    """An OBJ alone, with an object for each of the scene's; their vertices have the colours of textures."""
    progress(None, "writing")
    found = geometries(item, item.options_as(ObjectOptions).object)
    plain = [(name, without_texture(each) if isinstance(each, TriangleMesh) else each) for name, each in found]
    write_obj(path, plain)


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    occupied : bool (nx, ny, nz), by x, y and z
    origin : float64 (3,), outer corner of the first voxel; side : float64, edge of a voxel
    colours : uint8 (nx, ny, nz, 3), where the voxels have some
    distance, distance_origin, distance_spacing : of a distance field, float32 at its nodes, where there is one
    """
    progress(None, "writing")
    options = item.options_as(VoxelOptions)
    objects = chosen_objects(item.result, options.object)
    everything = objects if options.object else item.result.objects
    grids = [each.geometry for each in everything if isinstance(each.geometry, VoxelGrid)]
    fields = [each.geometry for each in everything if isinstance(each.geometry, DistanceField)]
    grid = grids[0] if grids else voxels_of(_one(geometries(item, options.object)), options.resolution)
    arrays: dict[str, Any] = {
        "occupied": grid.occupied,
        "origin": grid.origin,
        "side": np.float64(grid.side),
    }
    if grid.colours is not None:
        arrays["colours"] = grid.colours
    if fields:
        arrays |= {
            "distance": fields[0].values,
            "distance_origin": fields[0].origin,
            "distance_spacing": np.float64(fields[0].spacing),
        }
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


_SCENES = Accepts("things in space", lambda result_type: issubclass(result_type, Scene3D))
_WITH_SURFACES = Accepts(
    "things in space with surfaces",
    lambda result_type: issubclass(result_type, Scene3D) and not issubclass(result_type, Triangulation),
)
_KEYWORDS = ("3D", "mesh", "point cloud", "메시", "점군", "삼차원")

EXPORTERS.register(
    Exporter(
        "ply",
        "PLY",
        ".ply",
        _SCENES,
        _write_one(".ply"),
        "Surfaces or points with colours, normals and scalars, in doubles.",
        preferred=True,
        keywords=(*_KEYWORDS, "Stanford"),
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "glb",
        "glTF binary",
        ".glb",
        _SCENES,
        _write_glb,
        "All visible objects by their names, with colours and textures, for viewers and browsers.",
        keywords=(*_KEYWORDS, "GLB"),
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "obj",
        "Wavefront OBJ",
        "",
        _SCENES,
        _write_obj,
        "A folder with all visible objects as OBJ, their materials (MTL) and textures (PNG).",
        keywords=(*_KEYWORDS, "MTL", "texture", "텍스처"),
        params=ObjectOptions,
        folder=True,
    )
)
EXPORTERS.register(
    Exporter(
        "obj-file",
        "Wavefront OBJ, one file",
        ".obj",
        _SCENES,
        _write_obj_file,
        "All visible objects in one OBJ, with colours at their vertices in place of materials and textures.",
        keywords=(*_KEYWORDS, "single file", "파일 하나"),
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "stl",
        "STL",
        ".stl",
        _WITH_SURFACES,
        _write_one(".stl"),
        "Surfaces alone, for printing.",
        keywords=(*_KEYWORDS, "3D printing", "3D 인쇄"),
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "off",
        "OFF",
        ".off",
        _SCENES,
        _write_one(".off"),
        "Surfaces or points with colours, as text in all digits.",
        keywords=_KEYWORDS,
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "pcd",
        "PCD",
        ".pcd",
        _SCENES,
        _write_pcd,
        "Points with colours and normals, for the Point Cloud Library.",
        keywords=_KEYWORDS,
        params=ObjectOptions,
    )
)
EXPORTERS.register(
    Exporter(
        "npz-voxels",
        "NumPy voxels",
        ".npz",
        _SCENES,
        _write_npz,
        "Voxels, and the distance field where there is one, for numpy.load.",
        keywords=(*_KEYWORDS, "voxel", "넘파이", "복셀"),
        params=VoxelOptions,
    )
)
