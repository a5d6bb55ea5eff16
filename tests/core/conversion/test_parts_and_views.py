"""Convex parts, pictures from many directions, and an implicit function that is learnt."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.conversion.implicit import TRUNCATION, distance_field, fitted
from cvstudio.conversion.parts import decomposed
from cvstudio.conversion.views import cameras_around, directions, views_of
from cvstudio.conversion.voxels import isosurface
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight
from cvstudio.foundation.errors import Cancelled
from cvstudio.foundation.progress import Progress
from tests.core.conversion.meshes import FAR, ball, box, joined, moved


class TestParts:
    def test_a_cross_is_three_boxes(self) -> None:
        cross = moved(joined(box(3, 1, 1), box(1, 3, 1)), FAR)
        found = decomposed(cross, 8, 30)
        # Two cuts part it into convex pieces, and no more are made.
        assert [len(step) for step in found.steps] == [1, 2, 3]
        assert found.concavity(1) > found.concavity(2) > found.concavity(3) == 0
        assert len(found.at(99)) == 3
        hulls = [part.hull for part in found.at(3)]
        assert all(is_watertight(hull) for hull in hulls)
        assert sum(map(enclosed_volume, hulls)) == pytest.approx(5, rel=0.05)
        (whole,) = found.at(1)
        # A square of 3 x 3 without its four corners of 1 x 1, halved by the hull.
        assert enclosed_volume(whole.hull) == pytest.approx(7, rel=1e-6)

    def test_what_is_convex_stays_whole_and_its_hull_is_itself(self) -> None:
        for mesh in (ball(2), box(1, 2, 3)):
            found = decomposed(mesh, 8, 24)
            assert len(found.steps) == 1
            assert enclosed_volume(found.at(1)[0].hull) == pytest.approx(enclosed_volume(mesh), rel=1e-6)

    def test_it_can_be_cancelled(self) -> None:
        progress = Progress()
        progress.cancel()
        with pytest.raises(Cancelled):
            decomposed(joined(box(3, 1, 1), box(1, 3, 1)), 4, 16, progress)


class TestViews:
    @pytest.mark.parametrize("z_up", [False, True])
    def test_directions_are_even_and_cameras_see_all_of_it(self, z_up: bool) -> None:
        places = directions(40, z_up=z_up)
        np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1)
        assert np.linalg.norm(places.mean(axis=0)) < 0.02
        mesh = moved(box(1, 2, 0.5), FAR)
        for camera in cameras_around(mesh, 7, 100, z_up=z_up):
            seen = camera.project(mesh.vertices)
            assert (seen[:, 2] > 0).all()
            assert ((seen[:, :2] > 0) & (seen[:, :2] < 100)).all()
            up = camera.rotation[:, 1] @ ([0, 0, 1] if z_up else [0, 1, 0])
            assert up <= 1e-9

    def test_a_ball_is_a_disc_at_its_depth(self) -> None:
        for view in views_of(moved(ball(4), FAR), 3, 120):
            away = np.linalg.norm(view.camera.position - FAR)
            radius = view.camera.matrix[0, 0] * np.tan(np.arcsin(1 / away))
            assert view.silhouette.sum() == pytest.approx(np.pi * radius**2, rel=0.02)
            assert view.depth[60, 60] == pytest.approx(away - 1, abs=2e-3)
            picture = view.camera.picture
            assert picture is not None
            assert (picture[~view.silhouette] == 255).all()
            # Brightest where it faces the camera.
            assert picture[60, 60, 0] > picture[view.silhouette][:, 0].mean()


class TestImplicit:
    def test_the_field_of_a_box_is_its_distance(self) -> None:
        field = distance_field(moved(box(1, 2, 1), FAR), 40)
        places = np.moveaxis(np.indices(field.values.shape), 0, -1) * field.spacing + field.origin - FAR
        beyond = np.abs(places) - [0.5, 1, 0.5]
        outside = np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(axis=-1), 0)
        np.testing.assert_allclose(field.values, np.clip(outside, -2 * TRUNCATION, 2 * TRUNCATION), atol=0.02)
        assert enclosed_volume(isosurface(field, 0.0)) == pytest.approx(2, rel=0.02)

    def test_a_network_learns_a_ball_while_one_looks(self) -> None:
        fits = list(fitted(moved(ball(3), FAR), 60, 24, Progress(), looks=4))
        assert [fit.step for fit in fits] == [8, 21, 39, 60]
        assert fits[-1].complete
        assert not fits[0].complete
        assert fits[-1].closed
        assert fits[-1].error < fits[0].error / 3
        surface = isosurface(fits[-1].field, 0.0)
        radii = np.linalg.norm(surface.vertices - FAR, axis=1)
        assert np.abs(radii - 1).mean() < 0.03
        # The level moves it.
        outer = isosurface(fits[-1].field, 0.1)
        assert np.linalg.norm(outer.vertices - FAR, axis=1).mean() == pytest.approx(1.1, abs=0.03)

    def test_it_can_be_cancelled_and_gives_the_same_again(self) -> None:
        progress = Progress()
        work = fitted(box(1, 1, 1), 20, 12, progress, looks=4)
        first = next(work)
        again = next(fitted(box(1, 1, 1), 20, 12, Progress(), looks=4))
        np.testing.assert_array_equal(first.field.values, again.field.values)
        progress.cancel()
        with pytest.raises(Cancelled):
            next(work)
