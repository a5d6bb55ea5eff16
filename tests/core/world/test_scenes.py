"""Scenes: the same for a seed everywhere, coherent, and the same things in all frames."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError, ParamsError
from cvstudio.world.cameras import CameraPath, PinholeCamera, look_at
from cvstudio.world.categories import CATEGORIES, NUMBERS
from cvstudio.world.generate import generate_scene
from cvstudio.world.layouts.floor_plan import FloorPlan, Footprint
from cvstudio.world.recipe import KINDS, SceneRecipe, read_recipe
from cvstudio.world.render import RenderedView, SceneRenderer
from cvstudio.world.scene import Motion

SIZE = Size(64, 48)
ROOT = Path(__file__).resolve().parents[3]


def digest(view: RenderedView) -> str:
    found = hashlib.sha256()
    for array in (view.pixels, view.light, view.depth, view.normals, view.panoptic, view.parts, view.uv):
        found.update(np.ascontiguousarray(array).tobytes())
    if view.flow is not None:
        found.update(view.flow.vectors.tobytes() + view.flow.occluded.tobytes())
    return found.hexdigest()


def view_of(kind: str, seed: int, time_secs: float = 0.0) -> RenderedView:
    scene = generate_scene(SceneRecipe(kind, seed, objects=8, frames=25))
    return SceneRenderer(scene).render(time_secs, SIZE, samples=4, flow_secs=time_secs + 0.04)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_scene_and_another_seed_another(kind: str) -> None:
    assert digest(view_of(kind, 3)) == digest(view_of(kind, 3))
    assert digest(view_of(kind, 3)) != digest(view_of(kind, 4))


def test_a_seed_gives_the_same_scene_in_another_process() -> None:
    code = (
        "import sys; sys.path[:0] = ['tests/core/world']\n"
        "from test_scenes import KINDS, digest, view_of\n"
        "print(*(digest(view_of(kind, 11)) for kind in reversed(KINDS)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.split()[::-1] == [digest(view_of(kind, 11)) for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS)
def test_light_changes_the_colours_alone(kind: str) -> None:
    bright, dark = (
        SceneRenderer(generate_scene(SceneRecipe(kind, 2, 6, light=light))).render(0, SIZE) for light in (1.0, 0.4)
    )
    assert np.array_equal(bright.panoptic, dark.panoptic)
    assert np.array_equal(bright.depth, dark.depth)
    assert dark.light.mean() < 0.7 * bright.light.mean()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 6, 15])
def test_there_are_as_many_things_as_were_asked_for(kind: str, count: int) -> None:
    plain = len(generate_scene(SceneRecipe(kind, 1, 1)).things)
    more = len(generate_scene(SceneRecipe(kind, 1, count)).things)
    # The scenery of a street or a lawn comes on top, the same for any number; on a table there may be no more room.
    assert plain == 1 or kind in ("street", "figures")
    if kind == "objects":
        assert min(count, 10) <= more <= count
    else:
        assert more - plain == count - 1


@pytest.mark.parametrize("kind", KINDS)
def test_things_keep_their_identity_over_the_frames(kind: str) -> None:
    scene = generate_scene(SceneRecipe(kind, 5, 9, frames=50))
    renderer = SceneRenderer(scene)
    identities = [item.identity for item in scene.things]
    assert identities == list(range(1, len(identities) + 1))
    by_identity = {item.identity: item.category for item in scene.things}
    seen = set()
    for time_secs in (0.0, 1.0, 2.0):
        view = renderer.render(time_secs, SIZE)
        for identity in np.unique(view.instances[view.instances > 0]).tolist():
            seen.add(identity)
            assert (view.classes[view.instances == identity] == by_identity[identity]).all()
    assert len(seen) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_something_moves_in_some_scene_of_each_kind(kind: str) -> None:
    moving = [
        item
        for seed in range(6)
        for item in generate_scene(SceneRecipe(kind, seed, 16, frames=50)).things
        if not item.still
    ]
    assert moving


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_picture_shows_things_in_light_and_shadow(kind: str, seed: int) -> None:
    view = SceneRenderer(generate_scene(SceneRecipe(kind, seed, 15))).render(0, SIZE)
    things = np.unique(view.instances[view.instances > 0])
    assert len(things) >= 4
    assert view.depth[view.depth > 0].min() > 0.4
    assert 0.06 < view.light.mean() < 0.9
    assert view.pixels.std() > 20
    assert np.isfinite(view.light).all()
    assert view.light.min() >= 0


@pytest.mark.parametrize("kind", ["room", "objects", "figures", "street"])
def test_things_stand_on_something(kind: str) -> None:
    """A little below the lowest point of each thing there is something else, or it hangs on a wall."""
    scene = generate_scene(SceneRecipe(kind, 8, 20))
    hanging = {NUMBERS[name] for name in ("picture", "window")}
    boxes = {id(item): item.placed_mesh().bounds for item in scene.objects}
    for item in scene.things:
        if item.category in hanging:
            continue
        low, high = boxes[id(item)]
        carried = [
            other
            for other in scene.objects
            if other is not item
            and (boxes[id(other)][0][:2] < high[:2]).all()
            and (boxes[id(other)][1][:2] > low[:2]).all()
            and boxes[id(other)][0][2] < low[2] + 0.02
            and boxes[id(other)][1][2] > low[2] - 0.02
        ]
        assert carried, item.name


def test_static_things_of_a_tabletop_do_not_reach_into_one_another() -> None:
    scene = generate_scene(SceneRecipe("objects", 4, 10))
    boxes = [item.placed_mesh().bounds for item in scene.things[1:]]
    for number, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[number + 1 :]:
            gaps = np.maximum(other_low - high, low - other_high)
            # Axis-aligned boxes of turned things may overlap a little at their corners.
            assert gaps.max() > -0.06


def test_a_camera_projects_as_opencv_does() -> None:
    rng = np.random.default_rng(1)
    camera = PinholeCamera(Size(320, 200), 240.0, look_at((1, -3, 1.5), (0.2, 1, 0.7)))
    points = rng.uniform((-1, 0, -0.3), (1, 2, 1.7), (50, 3))
    rotation = camera.rotation.T
    expected, _ = cv2.projectPoints(
        points[:, None], cv2.Rodrigues(rotation)[0], -rotation @ camera.position, camera.matrix, None
    )
    assert camera.project(points)[:, :2] == pytest.approx(expected[:, 0], abs=1e-6)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_directions_lead_back_to_their_pixels() -> None:
    camera = PinholeCamera(Size(320, 200), 240.0, look_at((1, -3, 1.5), (0.2, 1, 0.7)))
    x, y = np.array([0.5, 100.0, 319.0]), np.array([0.5, 60.0, 199.0])
    points = camera.position + camera.directions(x, y).astype(np.float64).T * 3.0
    assert camera.project(points) == pytest.approx(np.stack([x, y, np.full(3, 3.0)], 1), abs=1e-4)


def test_a_level_camera_has_the_horizon_level() -> None:
    pose = look_at((0, 0, 2), (3, 4, 1))
    assert pose[2, 0] == pytest.approx(0)
    assert pose[2, 1] < 0


def test_a_path_begins_where_it_says_and_ends_after_its_arc() -> None:
    path = CameraPath((0, -2, 1), (0, 0, 1), arc_deg=90, rise=0.5, duration_secs=2.0)
    assert path.camera(0, SIZE).position == pytest.approx([0, -2, 1])
    assert path.camera(2.0, SIZE).position == pytest.approx([2, 0, 1.5])


def test_rolling_is_without_slip() -> None:
    """After one turn of a ball of radius r it has gone 2 pi r, and looks as before."""
    motion = Motion((0.0, 1.0), roll_radius=0.5)
    moved = motion.at(np.pi)
    assert moved == pytest.approx(np.array([[1, 0, 0, 0], [0, 1, 0, np.pi], [0, 0, 1, 0], [0, 0, 0, 1]]), abs=1e-9)
    # What touches the ground rests for that moment.
    before, after = (motion.at(time)[:3, 3] for time in (-1e-4, 1e-4))
    assert after == pytest.approx(before, abs=1e-7)


def test_footprints_overlap_as_opencv_has_it() -> None:
    rng = np.random.default_rng(3)
    places = [
        Footprint(*rng.uniform(-2, 2, 2), *rng.uniform(0.2, 1.5, 2), float(rng.uniform(0, 360))) for _ in range(60)
    ]
    for first in places[::3]:
        for second in places[1::3]:
            boxes = [((p.x, p.y), (2 * p.half_x, 2 * p.half_y), p.angle) for p in (first, second)]
            kind, corners = cv2.rotatedRectangleIntersection(*boxes)
            area = cv2.contourArea(cv2.convexHull(corners)) if kind != cv2.INTERSECT_NONE else 0.0
            if not 0 < area < 1e-3:
                assert first.overlaps(second) == (area > 0)


def test_a_plan_gives_a_place_once() -> None:
    plan = FloorPlan(0, 0, 2, 2, gap=0.1)
    assert plan.claim(Footprint(0.5, 0.5, 0.4, 0.4))
    assert not plan.claim(Footprint(0.9, 0.5, 0.4, 0.4))
    assert not plan.free(Footprint(1.8, 1.0, 0.4, 0.4))
    assert plan.claim(Footprint(1.5, 1.5, 0.4, 0.4))


def test_categories_are_named_once() -> None:
    assert len(NUMBERS) == len(CATEGORIES)
    assert {CATEGORIES[NUMBERS[name]].is_thing for name in ("sky", "road", "floor", "grass")} == {False}


def test_a_recipe_comes_back_as_it_was_written() -> None:
    recipe = SceneRecipe("street", 42, 13, 0.6, 320, 200, 12, 10.0, False)
    assert read_recipe(recipe.text(), "'x'") == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected to hold the recipe of a scene"),
        ("[]", "expected to hold the recipe of a scene"),
        ('{"kind": "room"}', "expected to hold the recipe of a scene"),
        ('{"cvscene": 99}', "later version"),
        ('{"cvscene": 1, "kind": "castle"}', "not allowed"),
        ('{"cvscene": 1, "seed": "seven"}', "not allowed"),
        ('{"cvscene": 1, "width": 100000}', "not allowed"),
        ("[" * 100_000, "expected to hold the recipe of a scene"),
    ],
)
def test_a_wrong_recipe_gets_one_sentence(text: str, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        read_recipe(text, "'x.cvscene'")


def test_a_recipe_with_a_wrong_value_is_refused() -> None:
    with pytest.raises(ParamsError):
        SceneRecipe("room", seed=-1)
