"""Cameras and points of several pictures, against a generated scene and against points that are made up."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from cvstudio.analyses.space._matching import Features, features_of, matches_between, refined
from cvstudio.analyses.space._structure import (
    LEAST_MATCHES,
    Structure,
    Tracks,
    refined_tracks,
    structure_of,
    tracks_of,
    triangulated,
)
from cvstudio.analyses.space._support import supported, with_support
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
    """All points turned, moved and scaled onto the true ones, which pictures do not tell (Umeyama, 1991)."""
    ours, theirs = points.mean(axis=0), truth.mean(axis=0)
    u, values, v = np.linalg.svd((truth - theirs).T @ (points - ours))
    signs = np.array([1, 1, np.linalg.det(u @ v)])
    scale = (values * signs).sum() / ((points - ours) ** 2).sum()
    return np.asarray(scale * (points - ours) @ (u * signs @ v).T + theirs)


def rendered(seed: int) -> list[RenderedView]:
    size = Size(1120, 840)
    scene = generate_scene(SceneRecipe("room", seed))
    renderer = SceneRenderer(scene)
    path = dataclasses.replace(scene.path, arc_deg=40.0, rise=0.4, approach=0.0, shift=(0.0, 0.0, 0.0))
    times = (path.duration_secs * share for share in (0.0, 0.3, 0.45, 0.6))
    return [renderer.render(0.0, size, samples=4, camera=path.camera(time, size)) for time in times]


@pytest.mark.parametrize("seed", [7, *(pytest.param(seed, marks=pytest.mark.long) for seed in (8, 9, 10, 11))])
def test_points_of_a_generated_scene_lie_within_half_a_per_cent_of_its_size(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all points, none trimmed."""
    views = rendered(seed)
    matrix = views[0].camera.matrix
    tracks = tracks_of([features_of(view.pixels) for view in views], 0.8, Progress())
    pictures = [view.pixels for view in views]
    every = structure_of(refined_tracks(tracks, pictures), matrix, Progress())
    found = with_support(every, pictures, matrix, LEAST_MATCHES)
    assert len(every.points) > len(found.points) > 0.7 * len(every.points)
    places = found.tracks.places[0]
    columns, rows = (places - 0.5).astype(np.float32).T
    depth = cv2.remap(views[0].depth.astype(np.float32), columns, rows, cv2.INTER_LINEAR).ravel()
    truth = np.column_stack([places, np.ones(len(places))]) @ np.linalg.inv(matrix).T * depth[:, None]
    # Where the depth is that of one surface all over a key point: a corner of an outline is not where its middle is.
    around = np.ones((13, 13), np.uint8)
    jump = cv2.dilate(views[0].depth, around) - cv2.erode(views[0].depth, around)
    x, y = places.astype(int).T
    kept = (jump[y, x] < 0.05 * depth) & (found.errors < 1) & (found.angles_deg > 3)
    assert kept.sum() > 50
    size = np.linalg.norm(np.ptp(truth[kept], axis=0))
    errors = np.linalg.norm(aligned(found.points[kept], truth[kept]) - truth[kept], axis=1) / size
    with capsys.disabled():
        print(
            f"\nTriangulated points, seed {seed}: median error {np.median(errors):.2%}, mean {errors.mean():.2%}, "
            f"largest {errors.max():.1%} of the scene's size, {kept.sum()} points"
        )
    assert np.median(errors) < 0.005
    assert errors.max() < 0.05
    assert np.median(found.errors) < 0.5


def test_a_point_that_loses_its_place_in_the_first_picture_is_gone(points: np.ndarray) -> None:
    """It is known by that place: of a wrong one there nothing is left, though two others agree."""
    places = seen(points, poses()) + np.random.default_rng(1).normal(0, 0.05, (3, 120, 2))
    places[0, :5] += 40
    found = structure_of(Tracks(places), MATRIX, Progress())
    assert np.isfinite(found.tracks.places[0]).all()
    assert len(found.points) >= 110


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


class TestSupport:
    """A wall of noise before three cameras that stand in a row: at its depth all looks alike, elsewhere nothing."""

    SHIFTS = (0.0, 0.4, 0.9)

    def pictures(self) -> list[np.ndarray]:
        noise = np.random.default_rng(0).integers(0, 255, (120, 260, 3)).astype(np.uint8)
        wide = np.asarray(cv2.resize(noise, (1040, 480), interpolation=cv2.INTER_CUBIC))
        # 800 / 4 pixels for each unit by which a camera is moved.
        return [np.ascontiguousarray(wide[:, round(200 * shift) :][:, :640]) for shift in self.SHIFTS]

    def structure(self, depths: np.ndarray) -> Structure:
        rng = np.random.default_rng(1)
        first = rng.uniform([260, 40], [600, 440], (len(depths), 2))
        points = np.column_stack([first, np.ones(len(depths))]) @ np.linalg.inv(MATRIX).T * depths[:, None]
        cameras = np.tile(np.eye(4), (3, 1, 1))
        cameras[:, 0, 3] = [-shift for shift in self.SHIFTS]
        places = seen(points, cameras)
        places[2] = np.nan
        return Structure(Tracks(places), cameras, points, np.zeros(len(depths)), np.full(len(depths), 5.0))

    def test_what_lies_on_the_wall_is_supported(self) -> None:
        depths = np.where(np.arange(60) % 3 == 0, 5.2, 4.0)
        structure = self.structure(depths)
        np.testing.assert_array_equal(supported(structure, self.pictures(), MATRIX), depths == 4.0)
        kept = with_support(structure, self.pictures(), MATRIX, 15)
        np.testing.assert_array_equal(kept.points, structure.points[depths == 4.0])
        # Where hardly anything would be left, the pictures say nothing.
        flat = [np.full_like(picture, 90) for picture in self.pictures()]
        assert with_support(structure, flat, MATRIX, 15) is structure

    def test_matches_are_refined_to_parts_of_a_pixel(self) -> None:
        structure = self.structure(np.full(40, 4.0))
        first, second, _ = self.pictures()
        places, exact = structure.tracks.places[0], structure.tracks.places[1]
        rough = exact + np.random.default_rng(2).normal(0, 0.4, exact.shape)
        better = refined(first, second, places, rough)
        assert np.median(np.linalg.norm(better - exact, axis=1)) < 0.03
