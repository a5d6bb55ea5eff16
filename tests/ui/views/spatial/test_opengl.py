"""Pictures by OpenGL are those by rays, in every style, and numbers of what is seen agree."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import trimesh
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.line_set import path_of
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.orbit_camera import beginning
from cvstudio.draw.spatial.picking import point_of
from cvstudio.draw.spatial.prepared import prepare
from cvstudio.draw.spatial.ray_caster import RayCaster
from cvstudio.draw.spatial.scene_picture import ReadyObject, ScenePictures
from cvstudio.results.scene3d import Object3D, Scene3D
from ui.views.spatial.opengl.renderer import Detail, OpenGLRenderer

SIZE = Size(240, 180)
FAR = np.array([498000.0, 4182000.0, 30.0])


@pytest.fixture(scope="module")
def renderer(qapp: QApplication) -> Iterator[OpenGLRenderer]:
    made = OpenGLRenderer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def objects() -> list[Object3D]:
    """A mesh, a textured mesh, a cloud, lines and a camera, far from the origin."""
    knot = trimesh.creation.torus(1.0, 0.4, major_sections=48, minor_sections=24)
    heights = ScalarField("Height", np.array(knot.vertices[:, 2], np.float32), "m")
    mesh = TriangleMesh(np.array(knot.vertices) + FAR, np.array(knot.faces, np.int32), scalars=(heights,))
    corners = FAR + np.array([[-2.0, -2, -1], [2, -2, -1], [2, 2, -1], [-2, 2, -1]])
    uv = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[1, 1], texture[0, 1] = (255, 60, 60), (60, 255, 60), (60, 60, 255)
    texture = np.kron(texture, np.ones((32, 32, 1), np.uint8))
    plate = TriangleMesh(corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), uv=uv, texture=texture)
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(800, 3))
    cloud = PointCloud(cloud * 0.3 + FAR + np.array([0, 0, 1.2]), rng.integers(0, 255, (800, 3), np.uint8))
    pose = np.eye(4)
    pose[:3, 3] = FAR + np.array([-1.5, -1.5, 1])
    camera = PosedCamera(Size(4, 3), np.array([[4, 0, 2], [0, 4, 1.5], [0, 0, 1.0]]), pose)
    path = path_of(FAR + np.array([[-2.0, 0, 1], [0, 2, 1], [2, 0, 1]]))
    return [
        Object3D("torus", mesh, colour=(200, 150, 90)),
        Object3D("plate", plate),
        Object3D("cloud", cloud),
        Object3D("camera", camera, colour=(255, 180, 60)),
        Object3D("path", path, colour=(120, 200, 255)),
    ]


def pixels_of(image: QImage) -> np.ndarray:
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., 2::-1].astype(int)


LOOKS = (
    SpatialLook(axes=True),
    SpatialLook(style="flat", colour_by="normals"),
    SpatialLook(style="edges", orthographic=True),
    SpatialLook(style="wireframe", colour_by="plain"),
    SpatialLook(style="wireframe", colour_by="z"),
    SpatialLook(style="wireframe", colour_by="normals"),
    SpatialLook(style="points", point_size=4),
    SpatialLook(style="points", colour_by="normals", point_size=3),
    SpatialLook(colour_by="scalar", colour_map="magma"),
    SpatialLook(colour_by="z", cut="x", cut_at=0.4),
    SpatialLook(cut="y", cut_other_side=True, orthographic=True, depth_shading=False),
)


@pytest.mark.parametrize("look", LOOKS)
def test_opengl_draws_what_rays_draw(renderer: OpenGLRenderer, objects: list[Object3D], look: SpatialLook) -> None:
    bounds = Scene3D(tuple(objects)).bounds
    radius = float(np.linalg.norm(bounds[1] - bounds[0])) / 2
    ready = [ReadyObject(item, prepare(item.geometry, radius)) for item in objects]
    camera = beginning(bounds.mean(axis=0), radius, "z")
    picture = ScenePictures().picture(ready, look, camera, SIZE, bounds, marked=0)
    drawn = pixels_of(renderer.picture(picture))
    cast = RayCaster().render(picture).astype(int)
    difference = np.abs(drawn - cast).max(axis=2)
    # They part along edges and lines alone.
    assert difference.mean() < 6
    assert (difference > 60).mean() < 0.03
    assert drawn.std() > 10
    seen = renderer.numbers(picture)
    caster = RayCaster()
    same, hits = 0, 0
    for x, y in np.random.default_rng(1).uniform(0, 1, (60, 2)) * SIZE:
        hit, cast_hit = seen.at(x, y), caster.at(picture, x, y)
        if hit is not None and picture.parts[hit.part].owner in (0, 1) and look.style in ("smooth", "flat"):
            hits += 1
            same += hit == cast_hit
            point = point_of(picture, hit, x, y)
            np.testing.assert_allclose(camera_places(picture, point), (x, y), atol=1e-3)
    assert same >= 0.9 * hits
    renderer.keep(())


def camera_places(picture: object, point: np.ndarray) -> np.ndarray:
    from cvstudio.draw.spatial.picture import SpatialPicture

    assert isinstance(picture, SpatialPicture)
    places: np.ndarray = picture.camera.places(point[None], picture.size)[0, :2]
    return places


def test_a_picture_in_pieces_is_the_whole_one(renderer: OpenGLRenderer) -> None:
    steps = np.linspace(-1, 1, 300)
    x, y = np.meshgrid(steps, steps)
    vertices = np.stack([x, y, 0.1 * np.sin(5 * x)], axis=-1).reshape(-1, 3)
    first = (np.arange(299)[:, None] * 300 + np.arange(299)).ravel()
    triangles = np.concatenate(
        [np.stack([first, first + 1, first + 300], 1), np.stack([first + 1, first + 301, first + 300], 1)]
    ).astype(np.int32)
    item = Object3D("a", TriangleMesh(vertices, triangles))
    ready = [ReadyObject(item, prepare(item.geometry, 1.5))]
    picture = ScenePictures().picture(
        ready, SpatialLook(), beginning(np.zeros(3), 1.5, "y"), SIZE, np.array([[-1.0, -1, -0.1], [1, 1, 0.1]])
    )
    pieces = renderer.steps(picture, Detail())
    count = 0
    try:
        while True:
            next(pieces)
            count += 1
    except StopIteration as end:
        whole: QImage = end.value
    assert count >= 2
    np.testing.assert_array_equal(pixels_of(whole), pixels_of(renderer.picture(picture, Detail())))
    coarse = pixels_of(renderer.picture(picture, Detail(9)))
    assert np.abs(coarse - pixels_of(whole)).mean() < 5
