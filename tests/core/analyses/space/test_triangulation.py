"""Cameras and points of several pictures, against a generated scene and against points that are made up."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from cvstudio.analyses.space._matching import Features, features_of, matches_between
from cvstudio.analyses.space._structure import Tracks, structure_of, tracks_of, triangulated
from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import GeometryError
from cvstudio.foundation.progress import Progress
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer

MATRIX = np.array([[800.0, 0, 320], [0, 800, 240], [0, 0, 1]])


def poses() -> np.ndarray:
    """Camera from world of three cameras, the second at distance 1."""
    made = np.tile(np.eye(4), (3, 1, 1))
    for number, (turn, centre) in enumerate((((0, 0.2, 0), (-1, 0, 0)), ((0.1, -0.15, 0), (0.5, 0.8, 0.2))), 1):
        made[number, :3, :3] = cv2.Rodrigues(np.array(turn))[0]
        made[number, :3, 3] = -made[number, :3, :3] @ np.array(centre)
    return made


def seen(points: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    local = points @ np.swapaxes(cameras[:, :3, :3], 1, 2) + cameras[:, None, :3, 3]
    return ((local / local[..., 2:]) @ MATRIX.T)[..., :2]


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform([-1.5, -1, 4], [1.5, 1, 7], (120, 3))


def test_exact_places_give_the_points_exactly(points: np.ndarray) -> None:
    np.testing.assert_allclose(triangulated(seen(points, poses()), poses(), MATRIX), points, atol=1e-9)


def test_cameras_and_points_are_found_among_wrong_matches(points: np.ndarray) -> None:
    random = np.random.default_rng(1)
    places = seen(points, poses()) + random.normal(0, 0.05, (3, 120, 2))
    wrong = random.choice(120, 18, replace=False)
    places[1, wrong] += random.uniform(20, 60, (18, 2))
    places[2, random.choice(120, 40, replace=False)] = np.nan
    found = structure_of(Tracks(places), MATRIX, Progress())
    # The centre of the base camera is at distance 1, whichever that is.
    scale = np.linalg.norm(found.poses[1, :3, 3])
    np.testing.assert_allclose(found.poses[:, :3, :3], poses()[:, :3, :3], atol=5e-3)
    np.testing.assert_allclose(found.poses[:, :3, 3] / scale, poses()[:, :3, 3], atol=0.02)
    near = np.linalg.norm(found.points[:, None] / scale - points, axis=2).min(axis=1)
    assert np.median(near) < 0.02
    assert np.median(found.errors) < 0.2


def aligned(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The points turned, moved and scaled onto the true ones, which pictures do not tell (Umeyama, 1991)."""
    moved, kept = points, np.ones(len(points), bool)
    for _ in range(5):
        ours, theirs = points[kept].mean(axis=0), truth[kept].mean(axis=0)
        u, values, v = np.linalg.svd((truth[kept] - theirs).T @ (points[kept] - ours))
        signs = np.array([1, 1, np.linalg.det(u @ v)])
        scale = (values * signs).sum() / ((points[kept] - ours) ** 2).sum()
        moved = scale * (points - ours) @ (u * signs @ v).T + theirs
        # Where the depth of the truth is that of another surface.
        errors = np.linalg.norm(moved - truth, axis=1)
        kept = errors < 4 * np.median(errors)
    return moved


def rendered() -> list[RenderedView]:
    size = Size(1120, 840)
    scene = generate_scene(SceneRecipe("room", 7))
    renderer = SceneRenderer(scene)
    path = dataclasses.replace(scene.path, arc_deg=40.0, rise=0.4, approach=0.0, shift=(0.0, 0.0, 0.0))
    times = (path.duration_secs * share for share in (0.0, 0.3, 0.45, 0.6))
    return [renderer.render(0.0, size, samples=4, camera=path.camera(time, size)) for time in times]


def test_points_of_a_generated_scene_lie_within_half_a_per_cent_of_its_size(capsys) -> None:  # type: ignore[no-untyped-def]
    views = rendered()
    matrix = views[0].camera.matrix
    tracks = tracks_of([features_of(view.pixels) for view in views], 0.8, Progress())
    found = structure_of(tracks, matrix, Progress())
    places = found.tracks.places[0]
    columns, rows = (places - 0.5).astype(np.float32).T
    depth = cv2.remap(views[0].depth.astype(np.float32), columns, rows, cv2.INTER_LINEAR).ravel()
    truth = np.column_stack([places, np.ones(len(places))]) @ np.linalg.inv(matrix).T * depth[:, None]
    # Where the depth is that of one surface.
    around = np.ones((3, 3), np.uint8)
    jump = cv2.dilate(views[0].depth, around) - cv2.erode(views[0].depth, around)
    x, y = places.astype(int).T
    kept = (jump[y, x] < 0.02 * depth) & (found.errors < 1) & (found.angles_deg > 3)
    assert kept.sum() > 60
    size = np.linalg.norm(np.ptp(truth[kept], axis=0))
    errors = np.linalg.norm(aligned(found.points[kept], truth[kept]) - truth[kept], axis=1) / size
    with capsys.disabled():
        print(f"\nTriangulated points: median error {np.median(errors):.2%} of the scene, {kept.sum()} points")
    assert np.median(errors) < 0.005
    assert np.median(found.errors) < 0.5


class TestMatches:
    def picture(self) -> np.ndarray:
        noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8)
        return np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))

    @pytest.mark.parametrize("detector", ["SIFT", "ORB"])
    def test_a_moved_picture_is_matched_where_it_moved(self, detector) -> None:  # type: ignore[no-untyped-def]
        pixels = self.picture()
        moved = np.roll(pixels, (7, 11), (0, 1))
        first, second = features_of(pixels, detector), features_of(moved, detector)
        pairs = matches_between(first, second)
        assert len(pairs) > 30
        shift = second.places[pairs[:, 1]] - first.places[pairs[:, 0]]
        assert np.median(np.abs(shift - [11, 7])) < 0.2

    def test_an_even_picture_has_none_and_that_is_told(self) -> None:
        plain = features_of(np.full((40, 40, 3), 90, np.uint8))
        assert len(plain.places) == 0
        some = features_of(self.picture())
        assert len(matches_between(some, plain)) == 0
        with pytest.raises(GeometryError, match=r"Picture 2 is expected to share at least 15 points .* found 0"):
            tracks_of([some, plain], 0.8, Progress())

    def test_a_camera_that_does_not_move_is_told(self, points: np.ndarray) -> None:
        random = np.random.default_rng(0)
        places = np.stack([random.uniform(0, 600, (40, 2)), random.uniform(0, 600, (40, 2))])
        with pytest.raises(GeometryError, match="motion"):
            structure_of(Tracks(places), MATRIX, Progress())


def test_features_are_read_only() -> None:
    features = Features(np.zeros((1, 2)), np.zeros((1, 128), np.float32))
    assert not features.places.flags.writeable
