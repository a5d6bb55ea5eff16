"""The shaded view of models: where things are, how light falls, and that it agrees with a projection by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import trimesh

from cvstudio.data.geometry import Size
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.draw.samples.mesh import FIELD_OF_VIEW_DEG, Preview, ViewCamera
from cvstudio.media.thumbnails import FIT, fitted

FRONT = ViewCamera(np.eye(3))
BLACK = (0, 0, 0)


def mesh_of(made: trimesh.Trimesh, colours: np.ndarray | None = None) -> TriangleMesh:
    return TriangleMesh(np.array(made.vertices, np.float64), np.array(made.faces, np.int32), colours)


def lit(pixels: np.ndarray) -> np.ndarray:
    return pixels.max(axis=2) > 0


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("size", [Size(200, 200), Size(320, 200), Size(120, 300)])
def test_a_ball_is_a_disc_of_the_right_size(size, moving):
    ball = mesh_of(trimesh.creation.icosphere(subdivisions=4))
    shown = lit(Preview(ball).render(FRONT, size, background=BLACK, moving=moving))
    rows, columns = np.nonzero(shown)
    # The box of a ball of radius 1 has a half diagonal of the square root of 3, which is what fills the view.
    scaled = 1 / math.sqrt(3)
    distance = 1.04 / math.sin(math.radians(FIELD_OF_VIEW_DEG / 2))
    edge = math.tan(math.asin(scaled / distance)) / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2)) * min(size)
    assert np.ptp(rows) + 1 == pytest.approx(edge, abs=4)
    assert np.ptp(columns) + 1 == pytest.approx(edge, abs=4)
    assert (rows.mean(), columns.mean()) == pytest.approx(((size.height - 1) / 2, (size.width - 1) / 2), abs=1)


def test_it_fits_however_it_is_turned():
    bar = mesh_of(trimesh.creation.box((10, 1, 1)))
    preview = Preview(bar)
    for turn in range(0, 360, 30):
        shown = lit(preview.render(FRONT.turned(turn, turn / 2), Size(160, 120), background=BLACK))
        assert not shown[[0, -1]].any()
        assert not shown[:, [0, -1]].any()
        assert shown.any()


def red_dot(place: tuple[float, float, float]) -> PointCloud:
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    points = np.vstack([corners, [place]])
    colours = np.full((9, 3), 40, np.uint8)
    colours[8] = (255, 0, 0)
    return PointCloud(points, colours)


def place_of_red(cloud: PointCloud, camera: ViewCamera, **options: bool) -> tuple[float, float]:
    shown = Preview(cloud, **options).render(camera, Size(201, 201), background=BLACK).astype(int)
    rows, columns = np.nonzero(shown[..., 0] - shown[..., 1] > 50)
    return float(columns.mean()) - 100, 100 - float(rows.mean())


def test_axes():
    right, up = place_of_red(red_dot((0.9, 0, 0)), FRONT)
    assert right > 30
    assert abs(up) < 3
    right, up = place_of_red(red_dot((0, 0.9, 0)), FRONT)
    assert up > 30
    # z comes towards the eye; where z is up, it goes up.
    right, up = place_of_red(red_dot((0, 0, 0.9)), FRONT)
    assert abs(right) < 3
    assert abs(up) < 3
    assert place_of_red(red_dot((0, 0, 0.9)), FRONT, z_up=True)[1] > 30


def test_a_hand_turns_the_front_where_it_goes():
    front = red_dot((0, 0, 0.9))
    assert place_of_red(front, FRONT.turned(30, 0))[0] > 15
    assert place_of_red(front, FRONT.turned(0, 30))[1] < -15
    assert place_of_red(red_dot((0.9, 0, 0)), FRONT.spun(-90))[0] == pytest.approx(0, abs=3)


def test_zooming_enlarges_about_the_middle_and_has_limits():
    cloud = red_dot((0.3, 0.1, 0))
    near, twice = place_of_red(cloud, FRONT), place_of_red(cloud, FRONT.zoomed(2))
    assert twice == pytest.approx((near[0] * 2, near[1] * 2), abs=3)
    assert FRONT.zoomed(1e9).zoom < 100
    assert FRONT.zoomed(1e-9).zoom > 0.01


def test_what_is_in_front_hides_what_is_behind():
    cloud = PointCloud(
        np.array([[0, 0, 1], [0, 0, -1], [1, 1, 0], [-1, -1, 0]], float),
        np.array([[0, 255, 0], [255, 0, 0], [9, 9, 9], [9, 9, 9]], np.uint8),
    )
    middle = Preview(cloud).render(FRONT, Size(101, 101), background=BLACK)[50, 50].astype(int)
    assert middle[1] > 3 * middle[0]
    behind = Preview(cloud).render(FRONT.spun(180), Size(101, 101), background=BLACK)[50, 50].astype(int)
    assert behind[0] > 3 * behind[1]


def test_light_comes_from_the_eye_and_from_above():
    ball = mesh_of(trimesh.creation.icosphere(subdivisions=4))
    shown = Preview(ball).render(FRONT, Size(200, 200), background=BLACK)[..., 1].astype(int)
    assert shown[100, 100] > shown[100, 52] + 20  # the edge turns away
    assert shown[60, 100] > shown[140, 100] + 20  # from above
    # The inside of a surface is as bright as its outside: many files are turned inside out.
    inside = TriangleMesh(ball.vertices, ball.triangles[:, ::-1].copy())
    other = Preview(inside).render(FRONT, Size(200, 200), background=BLACK)[..., 1].astype(int)
    assert np.abs(other - shown)[60:140, 60:140].max() <= 1


def test_curves_are_smooth_and_edges_are_sharp():
    box = mesh_of(trimesh.creation.box((2, 2, 2)))
    shown = Preview(box).render(FRONT.turned(35, 25), Size(240, 240), background=BLACK)[..., 1]
    flat = np.bincount(shown[shown > 0])
    # Three visible faces, each of one brightness.
    assert np.sort(flat)[-3:].sum() > 0.9 * (shown > 0).sum()
    ball = mesh_of(trimesh.creation.icosphere(subdivisions=2))
    smooth = Preview(ball).render(FRONT, Size(240, 240), background=BLACK)[100:140, 80:160, 1].astype(int)
    assert np.abs(np.diff(smooth, axis=1)).max() <= 6


def test_vertex_colours_and_background():
    ball = trimesh.creation.icosphere(subdivisions=3)
    colours = np.where(ball.vertices[:, :1] > 0, (255, 0, 0), (0, 0, 255)).astype(np.uint8)
    shown = Preview(mesh_of(ball, colours)).render(FRONT, Size(100, 100), background=(10, 20, 30)).astype(int)
    assert shown[0, 0].tolist() == [10, 20, 30]
    assert shown[50, 60, 0] > shown[50, 60, 2] + 80
    assert shown[50, 40, 2] > shown[50, 40, 0] + 80


def test_far_from_the_origin_nothing_shakes():
    ball = trimesh.creation.icosphere(subdivisions=3)
    near = Preview(mesh_of(ball)).render(FRONT, Size(100, 100))
    ball.apply_translation((5e6, -3e6, 1e6))
    far = Preview(mesh_of(ball)).render(FRONT, Size(100, 100))
    assert np.abs(far.astype(int) - near).mean() < 0.5


def test_little_and_nothing():
    one = PointCloud(np.array([[3.0, 4.0, 5.0]]))
    assert lit(Preview(one).render(FRONT, Size(40, 30), background=BLACK)).any()
    for nothing in (PointCloud(np.zeros((0, 3))), TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))):
        assert not lit(Preview(nothing).render(FRONT, Size(40, 30), background=BLACK)).any()
    assert Preview(one).render(FRONT, Size(1, 1)).shape == (1, 1, 3)


def test_a_thumbnail():
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
    assert np.array_equal(Preview(sample).render(FRONT, size), Preview(without).render(FRONT, size))
    one = black.copy()
    one[0, 0] = 1  # a model that is nearly black is what its colours say
    dark = Preview(mesh_of(made, one) if surface else PointCloud(mesh.vertices, one)).render(FRONT, size)
    assert dark.max() < 30
