"""The shaded picture of a scene by rays: how light falls, colours, and what is small, far or empty."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.spatial.look import SpatialLook
from cvstudio.draw.spatial.scene_view import SceneView, SceneViewRenderer, scene_picture
from cvstudio.media.thumbnails import FIT, fitted
from cvstudio.results.scene3d import Object3D, Scene3D

BLACK = (0, 0, 0)


def mesh_of(made: trimesh.Trimesh, colours: np.ndarray | None = None) -> TriangleMesh:
    return TriangleMesh(np.array(made.vertices, np.float64), np.array(made.faces, np.int32), colours)


def drawn(
    sample: TriangleMesh | PointCloud,
    size: Size,
    *,
    turned: tuple[float, float] = (0, 0),
    background: tuple[int, int, int] = BLACK,
    up: str = "y",
) -> np.ndarray:
    scene = Scene3D((Object3D("a", sample),), up="z" if up == "z" else "y")
    renderer = SceneViewRenderer(SceneView(scene, SpatialLook(grid=False)))
    camera = renderer.camera.looking("front").orbited(*turned)
    return renderer.render(size, camera, background=background)


def test_it_fits_however_it_is_turned() -> None:
    bar = mesh_of(trimesh.creation.box((10, 1, 1)))
    for turn in range(0, 360, 60):
        shown = drawn(bar, Size(160, 120), turned=(turn, turn / 4)).max(axis=2) > 0
        assert not shown[[0, -1]].any()
        assert not shown[:, [0, -1]].any()
        assert shown.any()


def place_of_red(place: tuple[float, float, float], *, up: str = "y") -> tuple[float, float]:
    """Where a red point is in the picture, to the right of and above its middle."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    colours = np.full((9, 3), 40, np.uint8)
    colours[8] = (255, 0, 0)
    shown = drawn(PointCloud(np.vstack([corners, [place]]), colours), Size(201, 201), up=up).astype(int)
    rows, columns = np.nonzero(shown[..., 0] - shown[..., 1] > 50)
    return float(columns.mean()) - 100, 100 - float(rows.mean())


def test_axes() -> None:
    right, up = place_of_red((0.9, 0, 0))
    assert right > 30
    assert abs(up) < 3
    right, up = place_of_red((0, 0.9, 0))
    assert up > 30
    # z comes towards the eye; where z is up, it goes up.
    assert place_of_red((0, 0, 0.9)) == pytest.approx((0, 0), abs=3)
    assert place_of_red((0, 0, 0.9), up="z")[1] > 30


def test_what_is_in_front_hides_what_is_behind() -> None:
    cloud = PointCloud(
        np.array([[0, 0, 1], [0, 0, -1], [1, 1, 0], [-1, -1, 0]], float),
        np.array([[0, 255, 0], [255, 0, 0], [9, 9, 9], [9, 9, 9]], np.uint8),
    )
    middle = drawn(cloud, Size(101, 101))[50, 50].astype(int)
    assert middle[1] > 3 * middle[0]
    behind = drawn(cloud, Size(101, 101), turned=(180, 0))[50, 50].astype(int)
    assert behind[0] > 3 * behind[1]


def test_light_comes_from_the_eye_and_from_above() -> None:
    ball = mesh_of(trimesh.creation.icosphere(subdivisions=4))
    shown = drawn(ball, Size(200, 200))[..., 1].astype(int)
    assert shown[100, 100] > shown[100, 52] + 20  # the edge turns away
    assert shown[60, 100] > shown[140, 100] + 20  # from above
    # The inside of a surface is as bright as its outside: many files are turned inside out.
    inside = TriangleMesh(ball.vertices, ball.triangles[:, ::-1].copy())
    other = drawn(inside, Size(200, 200))[..., 1].astype(int)
    assert np.abs(other - shown)[60:140, 60:140].max() <= 1


def test_curves_are_smooth_and_edges_are_sharp() -> None:
    shown = drawn(mesh_of(trimesh.creation.box((2, 2, 2))), Size(240, 240), turned=(35, 25))[..., 1]
    flat = np.bincount(shown[shown > 0])
    # Three visible faces, each of one brightness.
    assert np.sort(flat)[-3:].sum() > 0.9 * (shown > 0).sum()
    smooth = drawn(mesh_of(trimesh.creation.icosphere(subdivisions=2)), Size(240, 240))[100:140, 80:160, 1].astype(int)
    assert np.abs(np.diff(smooth, axis=1)).max() <= 6


def test_vertex_colours_and_background() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    colours = np.where(ball.vertices[:, :1] > 0, (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    shown = drawn(mesh_of(ball, colours), Size(100, 100), background=(10, 20, 30)).astype(int)
    assert shown[0, 0].tolist() == [10, 20, 30]
    assert shown[50, 60, 0] > shown[50, 60, 2] + 80
    assert shown[50, 40, 2] > shown[50, 40, 0] + 80


def test_far_from_the_origin_nothing_shakes() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3)
    near = drawn(mesh_of(ball), Size(100, 100))
    ball.apply_translation((5e6, -3e6, 1e6))
    far = drawn(mesh_of(ball), Size(100, 100))
    assert np.abs(far.astype(int) - near).mean() < 0.5


def test_little_and_nothing() -> None:
    one = PointCloud(np.array([[3.0, 4.0, 5.0]]))
    assert drawn(one, Size(40, 30)).any()
    for nothing in (PointCloud(np.zeros((0, 3))), TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))):
        assert not drawn(nothing, Size(40, 30)).any()
    assert drawn(one, Size(1, 1)).shape == (1, 1, 3)
    assert np.ptp(scene_picture(Scene3D(()), Size(8, 6)), axis=(0, 1)).max() == 0


def test_a_thumbnail() -> None:
    small = fitted(mesh_of(trimesh.creation.icosphere()))
    assert small.shape == (FIT.height, FIT.width, 3)
    assert np.ptp(small) > 100


@pytest.mark.parametrize("surface", [True, False])
def test_colours_that_are_all_black_are_none(surface: bool) -> None:
    """Programs that know no colours write zeros."""
    made = trimesh.creation.icosphere(subdivisions=3)
    black = np.zeros((len(made.vertices), 3), np.uint8)
    mesh = mesh_of(made, black)
    sample = mesh if surface else PointCloud(mesh.vertices, black)
    without = mesh_of(made) if surface else PointCloud(mesh.vertices)
    size = Size(120, 120)
    assert np.array_equal(drawn(sample, size), drawn(without, size))
    one = black.copy()
    one[0, 0] = 1  # a model that is nearly black is what its colours say
    dark = drawn(mesh_of(made, one) if surface else PointCloud(mesh.vertices, one), size)
    assert dark.max() < 30
