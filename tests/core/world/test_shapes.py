"""The shapes: closed, of the size that such things have, standing on the ground."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from cvstudio.world.materials import FINISHES
from cvstudio.world.primitives import box, cone, cylinder, ellipsoid, lathe, limb, prism, ring, rod, sphere
from cvstudio.world.shape_mesh import ShapeMesh, joined, turn
from cvstudio.world.shapes import BUILDERS, VARIANTS, shape_model
from cvstudio.world.voxels import voxelised

PRIMITIVES = {
    "box": (box(1, 2, 3), 6.0),
    "cylinder": (cylinder(1, 2, 64), 2 * np.pi),
    "cone": (cone(1, 0, 3, 64), np.pi),
    "frustum": (cone(1, 0.5, 2, 64), 2 * np.pi * (1 + 0.5 + 0.25) / 3),
    "sphere": (sphere(1, 64), 4 / 3 * np.pi),
    "ellipsoid": (ellipsoid(1, 2, 3, 64), 8 * np.pi),
    "ring": (ring(1, 0.2, 64, 32), 2 * np.pi * np.pi * 0.04),
    "rod": (rod((0, 0, 0), (1, 2, 2), 0.1, segments=64), 3 * np.pi * 0.01),
    "limb": (limb((0, 0, 1), (0, 0, 0), 0.2, 0.2, 64), np.pi * 0.04 + 4 / 3 * np.pi * 0.008),
    "prism": (prism([(0, 0), (2, 0), (2, 1), (1, 1.5), (0, 1)], 2), 5.0),
    "tube": (lathe([(1, 0), (2, 0), (2, 1), (1, 1), (1, 0)], 64), 3 * np.pi),
}

SIZES = {
    # Longest side in metres, as a furniture shop or a road authority has it.
    "chair": (0.75, 1.2),
    "dining table": (0.9, 1.9),
    "couch": (1.4, 2.4),
    "bed": (1.9, 2.3),
    "shelf": (0.9, 2.2),
    "floor lamp": (1.3, 1.9),
    "bottle": (0.18, 0.36),
    "cup": (0.08, 0.15),
    "apple": (0.06, 0.12),
    "sports ball": (0.18, 0.27),
    "car": (3.5, 5.0),
    "truck": (5.0, 7.0),
    "bicycle": (1.5, 1.9),
    "tree": (3, 7),
    "house": (6, 13),
    "stop sign": (2.0, 2.9),
    "traffic cone": (0.4, 0.8),
    "dog": (0.5, 1.3),
    "door": (1.9, 2.3),
}


def as_trimesh(mesh: ShapeMesh, solid: int | None = None) -> trimesh.Trimesh:
    triangles = mesh.triangles if solid is None else mesh.triangles[mesh.solids == solid]
    return trimesh.Trimesh(mesh.vertices, triangles, process=False)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_primitive_is_closed_and_has_its_volume(name: str) -> None:
    mesh, volume = PRIMITIVES[name]
    solid = as_trimesh(mesh)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    # A circle of 64 corners is a little smaller.
    assert solid.volume == pytest.approx(volume, rel=0.02)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_smooth_normals_keep_to_the_side_of_the_flat_ones(name: str) -> None:
    mesh, _ = PRIMITIVES[name]
    flat = as_trimesh(mesh).face_normals
    assert (flat[:, None] * mesh.normals).sum(-1).min() > 0.5
    assert np.linalg.norm(mesh.normals, axis=-1) == pytest.approx(1, abs=1e-5)


def test_a_sphere_is_smooth_and_a_cylinder_has_a_rim() -> None:
    ball = sphere(2.0)
    outwards = ball.vertices[ball.triangles] / 2
    assert (outwards * ball.normals).sum(-1).min() > 0.98
    upright = cylinder(1, 2).normals
    assert np.minimum(np.abs(upright[..., 2]), np.abs(np.hypot(upright[..., 0], upright[..., 1]))).max() < 1e-5


def test_a_mirrored_shape_is_still_closed_outwards() -> None:
    mirrored = box(1, 2, 3).stretched(-1, 1, 1)
    assert as_trimesh(mirrored).volume == pytest.approx(6)


def test_moving_is_that_of_the_matrix() -> None:
    matrix = turn("z", 90)
    matrix[:3, 3] = 1, 2, 3
    moved = box(2, 1, 1).moved(matrix)
    assert moved.bounds == pytest.approx(np.array([[0.5, 1, 3], [1.5, 3, 4]]))


@pytest.mark.parametrize("axis", ["x", "y", "z"])
def test_turns_are_those_of_the_right_hand(axis: str) -> None:
    from scipy.spatial.transform import Rotation

    assert turn(axis, 33)[:3, :3] == pytest.approx(Rotation.from_euler(axis, 33, degrees=True).as_matrix())


def test_solids_of_joined_shapes_keep_apart() -> None:
    both = joined([box(1, 1, 1), joined([box(1, 1, 1), sphere(1)])])
    assert np.unique(both.solids).tolist() == [0, 1, 2]
    assert all(as_trimesh(both, solid).is_watertight for solid in range(3))


@pytest.mark.parametrize("category", BUILDERS)
def test_a_shape_is_made_of_closed_solids(category: str) -> None:
    for variant in range(0, VARIANTS, 4):
        model = shape_model(category, variant)
        assert as_trimesh(model.mesh).is_watertight
        assert as_trimesh(model.mesh).is_winding_consistent
        volumes = [as_trimesh(model.mesh, solid).volume for solid in range(int(model.mesh.solids.max()) + 1)]
        assert min(volumes) > 0
        assert int(model.mesh.slots.max()) < len(model.finishes)
        assert set(model.finishes) <= set(FINISHES)


@pytest.mark.parametrize("category", BUILDERS)
def test_a_shape_stands_on_the_ground(category: str) -> None:
    for variant in range(VARIANTS):
        low = shape_model(category, variant).mesh.bounds[0, 2]
        assert -0.06 < low < 0.01


@pytest.mark.parametrize("category", SIZES)
def test_a_shape_is_as_large_as_such_a_thing(category: str) -> None:
    low, high = SIZES[category]
    for variant in range(VARIANTS):
        bounds = shape_model(category, variant).mesh.bounds
        assert low < float((bounds[1] - bounds[0]).max()) < high


@pytest.mark.parametrize("category", ["dining table", "shelf", "cabinet", "stool", "box"])
def test_what_stands_on_a_shape_stands_on_its_surface(category: str) -> None:
    model = shape_model(category, 1)
    solids = [as_trimesh(model.mesh, number) for number in range(int(model.mesh.solids.max()) + 1)]
    for support in model.supports:
        for x in (support.x1, support.x2):
            for y in (support.y1, support.y2):
                below = [
                    float(solid.bounds[1, 2])
                    for solid in solids
                    if (solid.bounds[0, :2] <= (x, y)).all() and (solid.bounds[1, :2] >= (x, y)).all()
                ]
                assert min(abs(top - support.z) for top in below) < 0.004


def test_shapes_are_made_once_and_differ() -> None:
    assert shape_model("chair", 3) is shape_model("chair", 3)
    assert not np.array_equal(shape_model("chair", 3).mesh.bounds, shape_model("chair", 4).mesh.bounds)


def winding_numbers(mesh: trimesh.Trimesh, points: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """Solid angle of a closed mesh around points, in turns: 1 inside, 0 outside (van Oosterom and Strackee 1983)."""
    total = np.zeros(len(points))
    for triangle in mesh.triangles:
        a, b, c = (corner - points for corner in triangle)
        lengths = [np.linalg.norm(side, axis=1) for side in (a, b, c)]
        above = (a * np.cross(b, c)).sum(1)
        below = lengths[0] * lengths[1] * lengths[2] + (a * b).sum(1) * lengths[2]
        below += (b * c).sum(1) * lengths[0] + (c * a).sum(1) * lengths[1]
        total += np.arctan2(above, below)
    return np.asarray(total / (2 * np.pi))


@pytest.mark.parametrize("category", ["chair", "cup", "desk lamp", "fire hydrant"])
def test_voxels_are_inside_where_the_winding_number_says_so(category: str) -> None:
    mesh = shape_model(category, 2).mesh
    grid = voxelised(mesh, 14)
    points = grid.centres.reshape(-1, 3)
    inside = np.zeros(len(points), bool)
    for solid in range(int(mesh.solids.max()) + 1):
        inside |= winding_numbers(as_trimesh(mesh, solid), points) > 0.5
    assert inside.sum() > 10
    assert (grid.inside.ravel() == inside).mean() > 0.999


@pytest.mark.parametrize("category", ["fence", "bicycle", "cup"])
def test_the_surface_is_in_the_voxels_of_its_points_and_in_no_others(category: str) -> None:
    mesh = shape_model(category, 2).mesh
    grid = voxelised(mesh, 20)
    points, _ = trimesh.sample.sample_surface(as_trimesh(mesh), 40_000, seed=1)
    touched = np.zeros_like(grid.surface)
    x, y, z = np.floor((points - grid.origin) / grid.side).astype(int).T
    touched[x, y, z] = True
    assert (grid.surface | ~touched).all()
    # A triangle may cut a corner in which no point fell.
    assert (touched & grid.surface).sum() > 0.85 * grid.surface.sum()
    assert (grid.occupied == (grid.inside | grid.surface)).all()


def test_voxels_of_a_box_fill_it() -> None:
    grid = voxelised(box(1, 0.5, 0.25), 16)
    assert grid.side == pytest.approx(1 / 16, rel=1e-3)
    assert grid.inside.sum() == 16 * 8 * 4
    assert grid.inside.any((1, 2)).all()
