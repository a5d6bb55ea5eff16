"""The eye of the 3D view: it turns without tilting, zooms at a place, and keeps millimetres far from the origin."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from cvstudio.data.geometry import Size
from cvstudio.draw.spatial.orbit_camera import FIELD_OF_VIEW_DEG, STANDARD_VIEWS, OrbitCamera, beginning

SIZE = Size(640, 480)
UP = {"y": (0, 1, 0), "z": (0, 0, 1), "-y": (0, -1, 0)}
FAR = np.array([498000.125, 4182000.25, 31.5])


@pytest.mark.parametrize("up", UP)
def test_standard_views_look_along_the_axes_with_the_upright_axis_upright(up: str) -> None:
    for view in STANDARD_VIEWS:
        camera = OrbitCamera(up=up).looking(view)
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) == pytest.approx(1)
        upright = camera.rotation @ UP[up]
        assert abs(upright[0]) < 1e-9
        if view in ("top", "bottom"):
            assert upright[2] == pytest.approx(1 if view == "top" else -1)
        elif view != "corner":
            assert upright[1] == pytest.approx(1)


@pytest.mark.parametrize("up", UP)
def test_the_horizon_stays_level_and_the_poles_are_a_stop(up: str) -> None:
    camera = OrbitCamera(up=up).looking("corner")
    rng = np.random.default_rng(0)
    for right, down in rng.normal(0, 25, (300, 2)):
        camera = camera.orbited(float(right), float(down))
        upright = camera.rotation @ UP[up]
        assert abs(upright[0]) < 1e-6
        assert upright[1] > -1e-6
    above = camera.orbited(0, 500)
    np.testing.assert_allclose(above.rotation @ UP[up], (0, 0, 1), atol=1e-9)
    # From the pole it comes back.
    assert (above.orbited(0, -30).rotation @ UP[up])[1] == pytest.approx(np.sin(np.radians(30)))


def test_a_free_turn_is_that_of_the_picture() -> None:
    camera = OrbitCamera(up="z").looking("corner")
    turned = camera.orbited(20, 10, free=True)
    expected = Rotation.from_euler("yx", [20, 10], degrees=True).as_matrix() @ camera.rotation
    np.testing.assert_allclose(turned.rotation, expected, atol=1e-12)


def test_a_turn_of_a_turntable_is_about_the_upright_axis() -> None:
    camera = OrbitCamera(up="z").looking("corner")
    turned = camera.spun(90)
    np.testing.assert_allclose(turned.rotation @ UP["z"], camera.rotation @ UP["z"], atol=1e-12)
    np.testing.assert_allclose(camera.spun(360).rotation, camera.rotation, atol=1e-12)
    assert not np.allclose(turned.rotation, camera.rotation)


@pytest.mark.parametrize("orthographic", [False, True])
def test_zooming_keeps_the_place_under_the_mouse(orthographic: bool) -> None:
    camera = beginning(FAR, 10.0, "z")
    camera = OrbitCamera(camera.target, camera.distance, camera.rotation, "z", orthographic)
    place = np.array([[150.0, 300.0]])
    point = camera.on_target_plane(150, 300, SIZE)
    np.testing.assert_allclose(camera.places(point[None], SIZE)[:, :2], place, atol=1e-6)
    for factor in (1.2, 7.0, 0.3):
        np.testing.assert_allclose(camera.zoomed(factor, point, 10).places(point[None], SIZE)[:, :2], place, atol=1e-6)
    assert camera.zoomed(1e9, point, 10).distance == pytest.approx(10 * 1e-5)


@pytest.mark.parametrize("orthographic", [False, True])
def test_a_ray_leads_to_what_is_seen_to_a_millimetre(orthographic: bool) -> None:
    camera = beginning(FAR, 40.0, "z")
    camera = OrbitCamera(camera.target, camera.distance, camera.rotation, "z", orthographic)
    points = FAR + np.random.default_rng(1).uniform(-30, 30, (50, 3))
    for point, (x, y, depth) in zip(points, camera.places(points, SIZE), strict=True):
        start, direction = camera.ray(x, y, SIZE)
        along = depth / float(-camera.rotation[2] @ direction)
        np.testing.assert_allclose(start + direction * along, point, atol=1e-3)


def test_the_projection_of_opengl_agrees_with_places() -> None:
    camera = beginning(FAR, 10.0, "y").orbited(33, 12)
    points = FAR + np.random.default_rng(2).uniform(-4, 4, (20, 3))
    near, far = camera.depths(FAR, 10.0)
    assert 0 < near < far
    local = np.column_stack([points - FAR, np.ones(len(points))])
    for view in (camera, OrbitCamera(camera.target, camera.distance, camera.rotation, "y", orthographic=True)):
        clip = local @ (view.projection(SIZE, *view.depths(FAR, 10.0)) @ view.view_from(FAR)).T
        ndc = clip[:, :3] / clip[:, 3:]
        assert (np.abs(ndc[:, 2]) <= 1).all()
        pixels = np.stack([(ndc[:, 0] + 1) / 2 * SIZE.width, (1 - ndc[:, 1]) / 2 * SIZE.height], axis=1)
        np.testing.assert_allclose(pixels, view.places(points, SIZE)[:, :2], atol=1e-4)


def test_a_fitted_ball_fits_however_it_is_turned() -> None:
    camera = OrbitCamera().fitted(FAR, 3.0)
    ball = np.random.default_rng(3).normal(size=(2000, 3))
    ball = FAR + 3 * ball / np.linalg.norm(ball, axis=1, keepdims=True)
    places = camera.orbited(40, 20).places(ball, SIZE)
    assert 0 <= places[:, 1].min() < 20
    assert places[:, 1].max() <= SIZE.height
    assert FIELD_OF_VIEW_DEG == 32
    # Behind the eye nothing is seen.
    behind = camera.eye + camera.rotation[2]
    assert np.isnan(camera.places(behind[None], SIZE)[0, :2]).all()
