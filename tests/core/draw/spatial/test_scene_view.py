"""Pictures of scenes without a window: rays, points, lines, colours, the cutting plane, and panes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import open3d
import pytest
import trimesh

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.line_set import LineSet
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.draw.spatial.look import STYLES, SpatialLook
from cvstudio.draw.spatial.orbit_camera import FIELD_OF_VIEW_DEG, FIT_MARGIN, OrbitCamera, beginning
from cvstudio.draw.spatial.picking import angles_deg, lengths, point_of, vertex_of
from cvstudio.draw.spatial.picture import Hit
from cvstudio.draw.spatial.prepared import prepare
from cvstudio.draw.spatial.ray_caster import RayCaster
from cvstudio.draw.spatial.scene_picture import ReadyObject, ScenePictures, coloured, legend_of, number_text
from cvstudio.draw.spatial.scene_view import SceneView, SceneViewRenderer, beside_one_another
from cvstudio.results.scene3d import Object3D, Scene3D

SIZE = Size(160, 120)
BACK = (22, 24, 28)
PLAIN = SpatialLook(grid=False)


def ball(name: str, scalars: tuple[ScalarField, ...] = ()) -> Object3D:
    made = trimesh.creation.icosphere(subdivisions=3)
    return Object3D(name, TriangleMesh(np.array(made.vertices), np.array(made.faces, np.int32), scalars=scalars))


def seen(pixels: np.ndarray) -> np.ndarray:
    return np.abs(pixels.astype(int) - BACK).max(axis=2) > 12


def test_what_is_seen_agrees_with_rays_of_open3d() -> None:
    scene = Scene3D((ball("a"),))
    renderer = SceneViewRenderer(SceneView(scene, PLAIN))
    shown = seen(renderer.render(SIZE, quick=True))
    rays = np.array(
        [np.concatenate(renderer.camera.ray(x + 0.5, y + 0.5, SIZE)) for y in range(120) for x in range(160)]
    )
    caster = open3d.t.geometry.RaycastingScene()
    mesh = scene["a"].geometry
    assert isinstance(mesh, TriangleMesh)
    tensor = open3d.core.Tensor
    caster.add_triangles(tensor(mesh.vertices.astype(np.float32)), tensor(mesh.triangles.astype(np.uint32)))
    hit = np.isfinite(caster.cast_rays(tensor(rays.astype(np.float32)))["t_hit"].numpy()).reshape(120, 160)
    assert (shown != hit).mean() < 0.002


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("orthographic", [False, True])
def test_every_style_shows_the_ball_where_it_is(style: str, orthographic: bool) -> None:
    scene = Scene3D((ball("a"),))
    pixels = SceneViewRenderer(
        SceneView(scene, SpatialLook(grid=False, style=style, orthographic=orthographic))
    ).render(SIZE)
    rows, columns = np.nonzero(seen(pixels))
    assert (rows.mean(), columns.mean()) == pytest.approx((59.5, 79.5), abs=2)
    # A ball of radius 1, in a box of half diagonal 1.73 that fits the shorter side.
    half = math.radians(FIELD_OF_VIEW_DEG / 2)
    distance = FIT_MARGIN * math.sqrt(3) / math.sin(half)
    edge = 1 / distance if orthographic else math.tan(math.asin(1 / distance))
    assert np.ptp(rows) + 1 == pytest.approx(120 * edge / math.tan(half), abs=4)


def test_points_and_wireframe_show_the_vertices_and_edges_alone_in_their_colours() -> None:
    corners = np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    red, blue = (250, 20, 20), (20, 20, 250)
    plate = TriangleMesh(
        corners, np.array([[0, 1, 2], [0, 2, 3]], np.int32), np.array([red, red, blue, blue], np.uint8)
    )
    camera = OrbitCamera().fitted(np.zeros(3), math.sqrt(2)).looking("front")
    for style, most in (("points", 4 * 5**2), ("wireframe", 4 * 160)):
        look = dataclasses.replace(PLAIN, style=style, point_size=4.0)
        pixels = SceneViewRenderer(SceneView(Scene3D((Object3D("a", plate),)), look, camera)).render(SIZE, quick=True)
        shown = pixels[seen(pixels)].astype(int)
        assert 30 < len(shown) <= most, style
        # The upper corners are blue, the lower ones red.
        rows = np.nonzero(seen(pixels))[0]
        upper, lower = shown[rows < 30].mean(axis=0), shown[rows > 90].mean(axis=0)
        assert upper[2] > 2 * upper[0], style
        assert lower[0] > 2 * lower[2], style


def test_a_line_keeps_its_colour_where_others_lie_behind_the_eye() -> None:
    ends = np.array([[-1.0, 0, 50], [1, 0, 50], [-1, 0, 0], [1, 0, 0]])
    colours = np.array([[250, 20, 20], [20, 20, 250]], np.uint8)
    lines = LineSet(ends, np.array([[0, 1], [2, 3]], np.int32), colours)
    camera = OrbitCamera().fitted(np.zeros(3), 1.5).looking("front")
    pixels = SceneViewRenderer(SceneView(Scene3D((Object3D("a", lines),)), PLAIN, camera)).render(SIZE, quick=True)
    assert (pixels[seen(pixels)].astype(int) == (20, 20, 250)).all(axis=1).mean() > 0.9


def test_the_cutting_plane_hides_one_side() -> None:
    scene = Scene3D((ball("a"),))
    camera = OrbitCamera(up="y").fitted(np.zeros(3), 1.73).looking("front")
    for other in (False, True):
        look = dataclasses.replace(PLAIN, cut="x", cut_at=0.5, cut_other_side=other)
        shown = seen(SceneViewRenderer(SceneView(scene, look, camera)).render(SIZE, quick=True))
        left, right = shown[:, :78].sum(), shown[:, 82:].sum()
        assert (left > 500, right > 500) == (not other, other)
    # From the hidden side one looks into the other half.
    look = dataclasses.replace(PLAIN, cut="z", cut_at=0.5)
    inside = SceneViewRenderer(SceneView(scene, look, camera)).render(SIZE, quick=True)
    assert seen(inside)[60, 80]


def test_colours_of_values_and_their_legend() -> None:
    heights = ScalarField("Height", np.linspace(-1, 1, 642).astype(np.float32), "mm")
    item = ball("a", scalars=(heights,))
    look = SpatialLook(colour_by="scalar")
    ready = [ReadyObject(item, prepare(item.geometry, 1.0))]
    legend = legend_of(ready, look, item.bounds)
    assert legend is not None
    assert (legend.title, legend.low, legend.high, legend.unit) == ("Height", -1, 1, "mm")
    colours = coloured(np.array([-1, 0, 1, np.nan]), legend)
    # The ends and the middle of viridis.
    np.testing.assert_allclose(colours[:3], [(68, 1, 84), (33, 145, 140), (253, 231, 37)], atol=4)
    assert colours[3].tolist() == [90, 94, 100]
    assert number_text(498000.12345, 2.0) == "498,000.12"


def test_points_lines_cameras_and_voxels_are_drawn() -> None:
    grid = np.zeros((3, 3, 3), bool)
    grid[1, 1, 1] = True
    pose = np.eye(4)
    pose[:3, 3] = (3, 0, 0)
    picture = np.full((4, 4, 3), (250, 20, 20), np.uint8)
    camera = PosedCamera(Size(4, 4), np.array([[4, 0, 2], [0, 4, 2], [0, 0, 1.0]]), pose, picture)
    things = (
        PointCloud(np.random.default_rng(0).normal(0, 0.3, (500, 3)), np.full((500, 3), (20, 250, 20), np.uint8)),
        LineSet(np.array([[-1.0, -1, 0], [1, 1, 0]]), np.array([[0, 1]], np.int32)),
        VoxelGrid(grid, np.array([-5.0, 0, 0]), 1.0),
        camera,
    )
    counts = []
    for number, thing in enumerate(things):
        scene = Scene3D(
            (Object3D(str(number), thing), Object3D("frame", PointCloud(np.array([[-5.0, -3, -3], [5, 3, 3]]))))
        )
        counts.append(int(seen(SceneViewRenderer(SceneView(scene, PLAIN)).render(SIZE)).sum()))
    assert min(counts) > 30
    # The picture of a camera is what it saw, without light.
    scene = Scene3D((Object3D("camera", camera), Object3D("frame", PointCloud(np.array([[2.0, -1, -1], [4, 1, 2]])))))
    renderer = SceneViewRenderer(
        SceneView(scene, PLAIN, OrbitCamera().fitted(np.array([3.0, 0, 0]), 0.6).looking("back"))
    )
    assert (np.abs(renderer.render(SIZE).astype(int) - (250, 20, 20)).max(axis=2) < 6).sum() > 100


def test_groups_stand_beside_one_another() -> None:
    places = beside_one_another([("a", 1), ("b", 2), ("a", 3)], Size(200, 100), apart=True)
    assert [(place.title, place.content, place.left) for place in places] == [("a", (1, 3), 0), ("b", (2,), 100)]
    assert len(beside_one_another([("a", 1), ("b", 2)], Size(200, 100), apart=False)) == 1
    scene = Scene3D((ball("a"), ball("b")), side_by_side=True)
    shown = seen(SceneViewRenderer(SceneView(scene, PLAIN)).render(Size(300, 120)))
    assert shown[:, :148].sum() == pytest.approx(shown[:, 152:].sum(), rel=0.1)
    assert shown[60, 75]
    assert shown[60, 225]


def test_a_place_is_picked_in_doubles() -> None:
    far = np.array([498000.0, 4182000.0, 30.0])
    vertices = far + np.array([[0, 0, 0], [2, 0, 0], [0, 2, 0.125]])
    mesh = TriangleMesh(vertices, np.array([[0, 1, 2]], np.int32))
    item = Object3D("a", mesh)
    ready = [ReadyObject(item, prepare(mesh, 2.0))]
    camera = beginning(vertices.mean(axis=0), 1.5, "z")
    picture = ScenePictures().picture(ready, PLAIN, camera, SIZE, item.bounds)
    wanted = vertices.T @ (0.1, 0.7, 0.2)
    x, y, _ = camera.places(wanted[None], SIZE)[0]
    hit = RayCaster().at(picture, x, y)
    assert hit == Hit(0, 0)
    np.testing.assert_allclose(point_of(picture, hit, x, y), wanted, atol=1e-6)
    assert vertex_of(picture, hit, x, y) == 1
    assert RayCaster().at(picture, 1, 1) is None


def test_lengths_and_angles() -> None:
    points = [np.array(point, float) for point in ((0, 0, 0), (3, 4, 0), (3, 4, 2), (3, 4, 2))]
    np.testing.assert_allclose(lengths(points), [5, 2, 0])
    np.testing.assert_allclose(angles_deg(points), [90, np.nan])
    assert len(lengths(points[:1])) == 0
