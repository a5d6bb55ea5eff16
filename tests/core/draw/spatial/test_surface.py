"""Surfaces made ready: creases, seams, stand-ins and which side is the outside."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from cvstudio.data.samples import TriangleMesh
from cvstudio.draw.spatial.surface import STAND_INS, prepare_surface


def mesh_of(made: trimesh.Trimesh) -> TriangleMesh:
    return TriangleMesh(np.array(made.vertices, np.float64), np.array(made.faces, np.int32))


def test_a_box_keeps_its_edges_and_a_ball_is_smooth() -> None:
    box = prepare_surface(mesh_of(trimesh.creation.box())).levels[0]
    normals = box.normals[box.triangles][..., :3] / 32767
    made = trimesh.creation.box()
    np.testing.assert_allclose(normals, np.repeat(made.face_normals[:, None], 3, axis=1), atol=1e-3)
    assert len(box.positions) == 24
    ball = prepare_surface(mesh_of(trimesh.creation.icosphere(subdivisions=4))).levels[0]
    assert len(ball.positions) == 2562  # nothing is split
    directions = ball.positions / np.linalg.norm(ball.positions, axis=1, keepdims=True)
    assert (np.einsum("ij,ij->i", ball.normals[:, :3] / 32767, directions) > 0.999).all()


def test_corners_at_a_seam_of_the_texture_are_parted_and_others_are_not() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
    triangles = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    texture = np.zeros((2, 2, 3), np.uint8)
    whole = prepare_surface(TriangleMesh(vertices, triangles, uv=uv, texture=texture)).levels[0]
    assert len(whole.positions) == 4
    uv = uv.copy()
    uv[1, 0] = (0.5, 0.5)
    parted = prepare_surface(TriangleMesh(vertices, triangles, uv=uv, texture=texture)).levels[0]
    assert len(parted.positions) == 5
    assert parted.uv is not None
    np.testing.assert_array_equal(parted.uv[parted.triangles], uv)


@pytest.mark.parametrize(("change", "facing"), [("none", 1), ("inside out", -1), ("open", 0), ("one part turned", 0)])
def test_which_side_is_the_outside(change: str, facing: int) -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    faces = np.array(ball.faces)
    vertices = np.array(ball.vertices)
    if change == "inside out":
        faces = faces[:, ::-1]
    elif change == "open":
        faces = faces[1:]
    elif change == "one part turned":
        vertices, faces = (
            np.concatenate([vertices, vertices + 5]),
            np.concatenate([faces, faces[:, ::-1] + len(vertices)]),
        )
    assert prepare_surface(TriangleMesh(vertices + 1e6, faces.astype(np.int32))).facing == facing


def test_a_ball_of_split_triangles_is_closed_as_in_stl() -> None:
    ball = trimesh.creation.icosphere(subdivisions=2)
    triangles = np.arange(3 * len(ball.faces), dtype=np.int32).reshape(-1, 3)
    prepared = prepare_surface(TriangleMesh(np.array(ball.triangles).reshape(-1, 3), triangles))
    assert prepared.facing == 1
    assert len(prepared.levels[0].positions) == 3 * len(ball.faces) or len(prepared.levels[0].positions) == 162


def test_stand_ins_lie_on_the_surface_and_are_as_coarse_as_asked() -> None:
    ball = trimesh.creation.icosphere(subdivisions=7)  # 327,680 triangles
    prepared = prepare_surface(mesh_of(ball))
    assert [len(prepared.levels[0].triangles)] == [327_680]
    for level, count in zip(prepared.levels[1:], STAND_INS[1:], strict=True):
        assert 0.5 * count < len(level.triangles) < 1.6 * count
        radii = np.linalg.norm(level.positions, axis=1)
        assert 0.99 < radii.min() <= radii.max() < 1.001
        a, b, c = (level.positions[level.triangles[:, corner]] for corner in range(3))
        outward = np.einsum("ij,ij->i", np.cross(b - a, c - a), a)
        assert (outward > 0).mean() > 0.99
        assert (level.source < len(ball.vertices)).all()


def test_degenerate_and_empty_surfaces_are_prepared() -> None:
    point = TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32))
    assert prepare_surface(point).facing == 0
    none = TriangleMesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    assert len(prepare_surface(none).levels[0].triangles) == 0
