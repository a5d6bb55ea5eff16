"""Articulated figures: joints hold, feet are on the ground, a walk is a walk."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from cvstudio.world.categories import KEYPOINTS, PARTS
from cvstudio.world.figures import POSES, SIDES, VARIANTS, Limbs, Pose, figure, mirrored, walking

EVERY_POSE = {**POSES, "walk": walking(0.3), "walk on": walking(0.8)}


@pytest.mark.parametrize("variant", range(VARIANTS))
def test_a_figure_is_as_tall_as_it_says(variant: int) -> None:
    built = figure(variant)
    poses = built.poses(Pose(Limbs(hip_out=0, knee=0), Limbs(hip_out=0, knee=0)))
    heights = [
        (mesh.vertices @ pose[:3, :3].T + pose[:3, 3])[:, 2] for mesh, pose in zip(built.parts, poses, strict=True)
    ]
    assert 1.5 < built.height < 1.95
    assert max(values.max() for values in heights) == pytest.approx(built.height, rel=0.06)


@pytest.mark.parametrize("name", EVERY_POSE)
def test_feet_or_shanks_touch_the_ground_and_nothing_is_below(name: str) -> None:
    built = figure(1)
    lowest = min(
        float((mesh.vertices @ pose[:3, :3].T + pose[:3, 3])[:, 2].min())
        for mesh, pose in zip(built.parts, built.poses(EVERY_POSE[name]), strict=True)
    )
    assert lowest == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", EVERY_POSE)
def test_bones_keep_their_length(name: str) -> None:
    built = figure(2)
    points = dict(zip(KEYPOINTS, built.keypoints(built.poses(EVERY_POSE[name])), strict=True))
    lengths = {("shoulder", "elbow"): 0.17, ("elbow", "wrist"): 0.15, ("hip", "knee"): 0.243, ("knee", "ankle"): 0.233}
    for side, _ in SIDES:
        for (start, end), share in lengths.items():
            length = float(np.linalg.norm(points[f"{side}_{start}"] - points[f"{side}_{end}"]))
            assert length == pytest.approx(share * built.height, rel=1e-6)


@pytest.mark.parametrize("name", EVERY_POSE)
def test_joints_lie_inside_of_the_parts_that_they_join(name: str) -> None:
    built = figure(3)
    poses = built.poses(EVERY_POSE[name])
    points = dict(zip(KEYPOINTS, built.keypoints(poses), strict=True))
    joins = {"elbow": ("upper arm", "forearm"), "knee": ("thigh", "shank")}
    for side, _ in SIDES:
        for joint, parts in joins.items():
            for part in parts:
                number = PARTS.index(f"{side} {part}")
                mesh, pose = built.parts[number], poses[number]
                vertices = mesh.vertices @ pose[:3, :3].T + pose[:3, 3]
                hull = trimesh.Trimesh(vertices, mesh.triangles, process=False)
                outwards = ((points[f"{side}_{joint}"] - hull.triangles_center) * hull.face_normals).sum(1)
                # Inside of every face of a convex part.
                assert outwards.max() < 1e-4


def test_the_left_is_on_the_left() -> None:
    """A figure looks along -y, with z up: its left is x."""
    built = figure(0)
    points = dict(zip(KEYPOINTS, built.keypoints(built.poses(Pose())), strict=True))
    for joint in ("shoulder", "hip", "ear", "ankle"):
        assert points[f"left_{joint}"][0] > points[f"right_{joint}"][0]
    assert points["nose"][1] < points["left_ear"][1]


def test_flexion_goes_forwards() -> None:
    built = figure(0)
    raised = Limbs(shoulder=90, elbow=0, shoulder_out=0)
    points = dict(zip(KEYPOINTS, built.keypoints(built.poses(Pose(raised, raised))), strict=True))
    arm = points["left_wrist"] - points["left_shoulder"]
    assert arm / np.linalg.norm(arm) == pytest.approx([0, -1, 0], abs=1e-9)


def test_a_walk_repeats_and_its_sides_take_turns() -> None:
    built = figure(4)
    assert built.poses(walking(0.2)) == pytest.approx(built.poses(walking(1.2)))
    now, half = (built.keypoints(built.poses(walking(phase))) for phase in (0.2, 0.7))
    swapped = [KEYPOINTS.index(_other(name)) for name in KEYPOINTS]
    assert half[swapped] * (-1, 1, 1) == pytest.approx(now, abs=1e-9)


def test_a_mirrored_pose_is_a_mirror_image() -> None:
    built = figure(5)
    pose = POSES["pointing"]
    here, there = built.keypoints(built.poses(pose)), built.keypoints(built.poses(mirrored(pose)))
    swapped = [KEYPOINTS.index(_other(name)) for name in KEYPOINTS]
    assert there[swapped] * (-1, 1, 1) == pytest.approx(here, abs=1e-9)


def _other(name: str) -> str:
    if name.startswith("left"):
        return name.replace("left", "right")
    return name.replace("right", "left")
