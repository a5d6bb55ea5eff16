"""A scene as a picture, from the direction in which the view of a file begins."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, View
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.voxel_faces import cubified
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.draw.base import Emphasis, Look, grid_size, painted_over, paints
from cvstudio.draw.samples.mesh import Preview, ViewCamera
from cvstudio.results.scene3d import SIZE_ALONE, Object3D, Scene3D

_GREY = (204, 209, 217)
"""Colour of what has none."""
_STEPS = 128
"""Points in which a line is drawn."""


def scene_picture(scene: Scene3D, size: Size, *, background: tuple[int, int, int] = (22, 24, 28)) -> NDArray[np.uint8]:
    """All visible objects, each group in a pane of its own where they are side by side: uint8 RGB (h, w, 3) of `size`.

    Surfaces are cast with rays where there is nothing else in the pane; all else is drawn as points.
    """
    shown = [item for item in scene.objects if item.visible]
    panes = {"": shown}
    if scene.side_by_side:
        panes = {item.group or item.name: [] for item in shown}
        for item in shown:
            panes[item.group or item.name].append(item)
    columns = max(1, math.ceil(math.sqrt(len(panes) * size.width / size.height))) if len(panes) > 1 else 1
    columns = min(columns, max(1, len(panes)))
    rows = max(1, math.ceil(len(panes) / columns))
    picture: NDArray[np.uint8] = np.full((size.height, size.width, 3), background, np.uint8)
    for number, objects in enumerate(panes.values()):
        row, column = divmod(number, columns)
        left, right = (size.width * edge // columns for edge in (column, column + 1))
        top, bottom = (size.height * edge // rows for edge in (row, row + 1))
        if right > left and bottom > top:
            pane = Size(right - left, bottom - top)
            picture[top:bottom, left:right] = _pane(objects, scene.up, pane, background)
    return picture


def _pane(objects: list[Object3D], up: str, size: Size, background: tuple[int, int, int]) -> NDArray[np.uint8]:
    pictures = [item.geometry.picture for item in objects if isinstance(item.geometry, PosedCamera)]
    if objects and len(pictures) == len(objects) and all(picture is not None for picture in pictures):
        return _contact_sheet([picture for picture in pictures if picture is not None], size, background)
    samples = [sample for item in objects if (sample := _sample(item)) is not None]
    meshes = [sample for sample in samples if isinstance(sample, TriangleMesh) and len(sample.triangles)]
    joined: TriangleMesh | PointCloud
    joined = _joined_meshes(meshes) if samples and len(meshes) == len(samples) else _joined_points(samples)
    if up == "-y":
        joined = _upright(joined)
    return Preview(joined, z_up=up == "z").render(ViewCamera(), size, background=background)


def _contact_sheet(
    pictures: list[NDArray[np.uint8]], size: Size, background: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Pictures in rows, each as large as fits."""
    import cv2

    columns = max(1, math.ceil(math.sqrt(len(pictures) * size.width / size.height)))
    rows = math.ceil(len(pictures) / columns)
    sheet: NDArray[np.uint8] = np.full((size.height, size.width, 3), background, np.uint8)
    width, height = size.width // columns, size.height // rows
    for number, picture in enumerate(pictures):
        scale = min(width / picture.shape[1], height / picture.shape[0])
        small = (max(1, int(picture.shape[1] * scale)), max(1, int(picture.shape[0] * scale)))
        row, column = divmod(number, columns)
        if small[0] <= width and small[1] <= height:
            place = sheet[row * height : row * height + small[1], column * width : column * width + small[0]]
            place[:] = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    return sheet


def _sample(item: Object3D) -> TriangleMesh | PointCloud | None:
    geometry = item.geometry
    if isinstance(geometry, VoxelGrid):
        return _coloured(cubified(geometry), item)
    if isinstance(geometry, TriangleMesh | PointCloud):
        return _coloured(geometry, item)
    if isinstance(geometry, LineSet) and len(geometry.lines):
        ends = geometry.points[geometry.lines]
        shares = np.linspace(0, 1, _STEPS)[:, None]
        points = (ends[:, None, 0] * (1 - shares) + ends[:, None, 1] * shares).reshape(-1, 3)
        colours = None if geometry.colours is None else np.repeat(geometry.colours, _STEPS, axis=0)
        return _coloured(PointCloud(points, colours), item)
    if isinstance(geometry, PosedCamera):
        return _coloured(PointCloud(geometry.position[None].copy()), item)
    return None


def _coloured(sample: TriangleMesh | PointCloud, item: Object3D) -> TriangleMesh | PointCloud:
    """The sample with the colour of its object where it has none of its own."""
    if sample.colours is not None or item.colour is None:
        return sample
    if isinstance(sample, TriangleMesh):
        return TriangleMesh(sample.vertices, sample.triangles, _paint(item.colour, len(sample.vertices)))
    return PointCloud(sample.points, _paint(item.colour, len(sample.points)), sample.normals)


def _paint(colour: tuple[int, int, int], count: int) -> NDArray[np.uint8]:
    return np.tile(np.array(colour, np.uint8), (count, 1))


def _joined_meshes(meshes: list[TriangleMesh]) -> TriangleMesh:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    triangles = [mesh.triangles + start for mesh, start in zip(meshes, starts[:-1].tolist(), strict=True)]
    return TriangleMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(triangles).astype(np.int32),
        _joined_colours(meshes),
    )


def _joined_points(samples: list[TriangleMesh | PointCloud]) -> PointCloud:
    points = [sample.vertices if isinstance(sample, TriangleMesh) else sample.points for sample in samples]
    return PointCloud(np.concatenate([np.zeros((0, 3)), *points]), _joined_colours(samples))


def _joined_colours(samples: list[TriangleMesh] | list[TriangleMesh | PointCloud]) -> NDArray[np.uint8] | None:
    if not any(sample.colours is not None for sample in samples):
        return None
    return np.concatenate(
        [
            _paint(_GREY, len(sample.vertices if isinstance(sample, TriangleMesh) else sample.points))
            if sample.colours is None
            else sample.colours
            for sample in samples
        ]
    )


def _upright(sample: TriangleMesh | PointCloud) -> TriangleMesh | PointCloud:
    """A sample in the frame of a camera (y down, z away), turned so that y is up and z towards the eye."""
    turn = np.array([1.0, -1.0, -1.0])
    if isinstance(sample, TriangleMesh):
        return TriangleMesh(sample.vertices * turn, sample.triangles, sample.colours)
    normals = None if sample.normals is None else (sample.normals * turn).astype(np.float32)
    return PointCloud(sample.points * turn, sample.colours, normals)


def whole_scene(scene: Scene3D, look: Look, widest: int) -> NDArray[np.uint8]:
    """The scene alone, uint8 RGB (h, w, 3), twice as large as `SIZE_ALONE`, but at most `widest` pixels wide."""
    width = max(1, min(SIZE_ALONE.width * 2, widest))
    return scene_picture(scene, Size(width, max(1, width * SIZE_ALONE.height // SIZE_ALONE.width)))


@paints(Scene3D, whole=whole_scene)
def paint_scene(scene: Scene3D, canvas: NDArray[np.uint8], view: View, look: Look, emphasis: Emphasis) -> None:
    """Fill the scene's place on the canvas, of `Scene3D.size`, with its picture."""
    with painted_over(scene.size, canvas, view, look) as area:
        if area is not None:
            picture = scene_picture(scene, grid_size(scene.size, view.scale))
            area.pixels[:] = picture[area.top : area.bottom, area.left : area.right]
