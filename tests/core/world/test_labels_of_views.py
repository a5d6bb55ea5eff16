"""Every label of a picture against a search through all triangles in doubles, and against OpenCV's projection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.world.cameras import PinholeCamera
from cvstudio.world.categories import CATEGORIES, NUMBERS, PARTS
from cvstudio.world.generate import generate_scene
from cvstudio.world.recipe import KINDS, SceneRecipe
from cvstudio.world.render import RenderedView, SceneRenderer
from cvstudio.world.scene import Scene

Doubles = NDArray[np.float64]


@dataclass
class Triangles:
    """All triangles of a scene at a time: corners (m, 3, 3) in the world, object and part of each, corners' uv."""

    corners: Doubles
    objects: NDArray[np.int64]
    parts: NDArray[np.uint8]
    uv: Doubles

    @staticmethod
    def of(scene: Scene, time_secs: float) -> Triangles:
        corners, objects, parts, uv = [], [], [], []
        for number, item in enumerate(scene.objects):
            for mesh, pose in zip(item.meshes, item.poses(time_secs), strict=True):
                vertices = mesh.vertices.astype(np.float64) @ pose[:3, :3].T + pose[:3, 3]
                corners.append(vertices[mesh.triangles])
                objects.append(np.full(len(mesh), number))
                parts.append(mesh.parts)
                uv.append(mesh.uv)
        return Triangles(*(np.concatenate(rows) for rows in (corners, objects, parts, uv)))

    def nearest(self, origin: Doubles, directions: Doubles) -> tuple[Doubles, NDArray[np.int64], Doubles]:
        """Ray parameter (n,), triangle (n,) and weights of its corners (n, 3); infinite and -1 for nothing.

        Moeller and Trumbore 1997.
        """
        centres = self.corners.mean(1) - origin
        radii = np.linalg.norm(self.corners - self.corners.mean(1, keepdims=True), axis=2).max(1)
        squares = (centres**2).sum(1) - (radii * 1.001 + 1e-9) ** 2
        depth = np.full(len(directions), np.inf)
        triangle = np.full(len(directions), -1)
        weights = np.zeros((len(directions), 3))
        for row, direction in enumerate(directions):
            # Only triangles whose sphere the ray passes through can be met.
            along = centres @ (direction / np.linalg.norm(direction))
            near = np.flatnonzero(squares <= along * along)
            first = self.corners[near, 0]
            one, two = self.corners[near, 1] - first, self.corners[near, 2] - first
            away = origin - first
            across = np.cross(away, one)
            normal = np.cross(direction, two)
            with np.errstate(divide="ignore", invalid="ignore"):
                scale = 1 / (one * normal).sum(1)
                u, v = (away * normal).sum(1) * scale, (across @ direction) * scale
                t = (across * two).sum(1) * scale
            inside = (u >= -1e-12) & (v >= -1e-12) & (u + v <= 1 + 1e-12) & (t > 1e-9) & np.isfinite(t)
            if inside.any():
                t = np.where(inside, t, np.inf)
                best = int(t.argmin())
                depth[row], triangle[row] = t[best], near[best]
                weights[row] = 1 - u[best] - v[best], u[best], v[best]
        return depth, triangle, weights

    def normals(self, triangles: NDArray[np.int64]) -> Doubles:
        corners = self.corners[triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def pixel_rays(camera: PinholeCamera) -> Doubles:
    """Directions (n, 3) through the centres of the pixels, from the matrix of the camera."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    places = np.stack([x.ravel(), y.ravel(), np.ones(width * height)], 1)
    return np.asarray(places @ np.linalg.inv(camera.matrix).T @ camera.rotation.T)


def projected(camera: PinholeCamera, points: Doubles) -> Doubles:
    """Image points (n, 2) of points (n, 3), by OpenCV."""
    rotation = camera.rotation.T
    vector, _ = cv2.Rodrigues(rotation)
    found, _ = cv2.projectPoints(points[:, None], vector, -rotation @ camera.position, camera.matrix, None)
    return np.asarray(found[:, 0], np.float64)


SIZE = Size(36, 27)
TIME, LATER = 0.6, 0.8


@dataclass
class Checked:
    """A picture and what the search found at its pixels, in their order."""

    scene: Scene
    view: RenderedView
    triangles: Triangles
    depth: NDArray[np.float64]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def met(self) -> NDArray[np.bool_]:
        return self.triangle >= 0

    @property
    def same(self) -> NDArray[np.bool_]:
        """Pixels where both see the same surface: a ray along an edge may meet either side of it."""
        depth = self.view.depth.ravel()
        return self.met & (np.abs(depth - np.where(self.met, self.depth, 0)) < 1e-3 * np.maximum(depth, 1))


@cache
def checked(kind: str) -> Checked:
    # Few things: the search takes its time.
    scene = generate_scene(SceneRecipe(kind, seed=5, objects=5, frames=50))
    view = SceneRenderer(scene).render(TIME, SIZE, flow_secs=LATER)
    triangles = Triangles.of(scene, TIME)
    return Checked(scene, view, triangles, *triangles.nearest(view.camera.position, pixel_rays(view.camera)))


@pytest.fixture(params=KINDS)
def case(request: pytest.FixtureRequest) -> Checked:
    return checked(request.param)


def test_depth_is_that_of_the_nearest_triangle(case: Checked) -> None:
    depth = case.view.depth.ravel()
    assert ((depth > 0) == case.met).mean() > 0.998
    assert case.same.sum() >= 0.995 * case.met.sum()
    assert np.abs(depth - case.depth)[case.same].max() < 1e-3 * depth.max()


def test_class_and_identity_are_those_of_the_object_that_is_met(case: Checked) -> None:
    objects = case.triangles.objects[case.triangle]
    categories = np.array([item.category for item in case.scene.objects])[objects]
    identities = np.array([item.identity for item in case.scene.objects])[objects]
    same = case.same
    assert (case.view.classes.ravel()[same] == categories[same]).mean() > 0.998
    assert (case.view.instances.ravel()[same] == identities[same]).mean() > 0.998
    sky = case.view.depth.ravel() == 0
    assert (case.view.classes.ravel()[sky] == NUMBERS["sky"]).all()
    assert (case.view.instances.ravel()[sky] == 0).all()


def test_the_area_of_each_thing_is_that_of_the_search(case: Checked) -> None:
    identities = np.array([item.identity for item in case.scene.objects])
    expected = np.where(case.met, identities[case.triangles.objects[case.triangle]], 0)
    for identity in np.unique(expected):
        area = int((expected == identity).sum())
        assert abs(int((case.view.instances == identity).sum()) - area) <= max(1, 0.02 * area)


def test_normals_are_those_of_the_triangle_and_of_unit_length(case: Checked) -> None:
    normals = case.view.normals.reshape(-1, 3)
    expected = case.triangles.normals(case.triangle) @ case.view.camera.rotation
    agreeing = (normals * expected).sum(1)[case.same]
    assert (agreeing > 0.9999).mean() > 0.99
    assert np.linalg.norm(normals[case.same], axis=1) == pytest.approx(1, abs=1e-4)
    # What is seen looks at the camera.
    towards = (normals * (pixel_rays(case.view.camera) @ case.view.camera.rotation)).sum(1)[case.same]
    assert (towards < 1e-4).mean() > 0.995


def test_normals_agree_with_the_slope_of_the_depth(case: Checked) -> None:
    """Where three pixels lie in one plane, the cross product of their differences is its normal."""
    view = SceneRenderer(case.scene).render(TIME, Size(320, 240))
    points = view.points @ view.camera.rotation
    corner, across, down = points[:-1, :-1], points[:-1, 1:], points[1:, :-1]
    slope = np.cross(down - corner, across - corner)
    with np.errstate(invalid="ignore"):
        slope /= np.linalg.norm(slope, axis=-1, keepdims=True)
    normals, instances = view.normals[:-1, :-1], view.instances[:-1, :-1]
    # The windows of a house are parallel to its walls, a step before or behind them.
    flat = np.isfinite(slope).all(-1) & (view.classes[:-1, :-1] != NUMBERS["house"])
    for rows, columns in ((slice(-1), slice(1, None)), (slice(1, None), slice(-1))):
        flat &= (normals * view.normals[rows, columns]).sum(-1) > 0.9999
        flat &= instances == view.instances[rows, columns]
        flat &= np.abs(view.depth[rows, columns] / np.maximum(view.depth[:-1, :-1], 1e-6) - 1) < 0.02
    assert flat.sum() > 10_000
    assert ((slope * normals).sum(-1)[flat] > 0.999).mean() > 0.98


def test_parts_and_uv_are_those_of_the_place_on_the_triangle(case: Checked) -> None:
    same = case.same
    parts = case.triangles.parts[case.triangle]
    assert (case.view.parts.ravel()[same] == parts[same]).mean() > 0.998
    uv = (case.triangles.uv[case.triangle] * case.weights[..., None]).sum(1)
    difference = np.abs(case.view.uv.reshape(-1, 2) - uv)[same]
    assert (difference < 1e-3).mean() > 0.99
    person = case.view.classes == NUMBERS["person"]
    assert ((case.view.parts > 0) == person).all()
    assert int(case.view.parts.max()) <= len(PARTS)


def test_the_figures_show_their_parts() -> None:
    assert len(np.unique(checked("figures").view.parts)) > 8


def test_flow_is_the_projected_motion_of_what_is_seen(case: Checked) -> None:
    later = Triangles.of(case.scene, LATER)
    camera = case.scene.path.camera(LATER, SIZE)
    moved = (later.corners[case.triangle] * case.weights[..., None]).sum(1)
    here = np.stack(np.meshgrid(np.arange(SIZE.width) + 0.5, np.arange(SIZE.height) + 0.5), -1).reshape(-1, 2)
    expected = projected(camera, moved) - here
    flow = case.view.flow
    assert flow is not None
    found = flow.vectors.reshape(-1, 2)
    # A moving edge under a ray belongs to one or the other.
    assert (np.abs(found - expected)[case.same].max(1) < 0.02).mean() > 0.995
    assert np.abs(expected[case.same]).max() > 0.3


def test_flow_is_occluded_where_something_else_is_nearer_later(case: Checked) -> None:
    later = Triangles.of(case.scene, LATER)
    camera = case.scene.path.camera(LATER, SIZE)
    moved = (later.corners[case.triangle] * case.weights[..., None]).sum(1)
    place = projected(camera, moved)
    inside = ((place >= 0) & (place < SIZE)).all(1)
    nearest, _, _ = later.nearest(camera.position, moved - camera.position)
    expected = ~inside | (nearest < 1 - 2e-3)
    flow = case.view.flow
    assert flow is not None
    assert (flow.occluded.ravel() == expected)[case.same].mean() > 0.99
    assert expected[case.same].any()


def test_the_sky_moves_with_the_turning_of_the_camera_alone() -> None:
    case = checked("street")
    flow = case.view.flow
    sky = (case.view.depth == 0).ravel()
    assert flow is not None
    assert sky.any()
    # Far along the ray of each pixel.
    far = case.view.camera.position + pixel_rays(case.view.camera)[sky] * 1e9
    here = np.stack(np.meshgrid(np.arange(SIZE.width) + 0.5, np.arange(SIZE.height) + 0.5), -1).reshape(-1, 2)
    expected = projected(case.scene.path.camera(LATER, SIZE), far) - here[sky]
    assert np.abs(flow.vectors.reshape(-1, 2)[sky] - expected).max() < 0.01


def test_panoptic_numbers_hold_class_and_identity(case: Checked) -> None:
    classes, identities = np.divmod(case.view.panoptic, 1000)
    assert (classes - 1 == case.view.classes).all()
    assert (identities == case.view.instances).all()
    things = np.array([category.is_thing for category in CATEGORIES])
    assert (things[case.view.classes] == (case.view.instances > 0)).all()


def test_points_project_back_onto_their_pixels(case: Checked) -> None:
    seen = case.view.depth > 0
    rows, columns = np.nonzero(seen)
    found = case.view.camera.project(case.view.points[seen])
    assert found[:, 0] == pytest.approx(columns + 0.5, abs=1e-3)
    assert found[:, 1] == pytest.approx(rows + 0.5, abs=1e-3)
    assert found[:, 2] == pytest.approx(case.view.depth[seen], rel=1e-5)
