"""Voxels, fields, cameras, lines and scalars: what they refuse, and what follows from them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from cvstudio.data.geometry import Size
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight, surface_area
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.line_set import LineSet, path_of
from cvstudio.data.spatial.posed_camera import PosedCamera
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.data.spatial.voxel_faces import cubified
from cvstudio.data.spatial.voxel_grid import VoxelGrid

FAR = np.array([412_345.678, 5_650_000.125, 99.5])


def camera(**changes: Any) -> PosedCamera:
    pose = np.eye(4)
    pose[:3, :3] = cv2.Rodrigues(np.array([0.2, -0.4, 0.1]))[0]
    pose[:3, 3] = FAR
    matrix = np.array([[500.0, 0, 320], [0, 510, 230], [0, 0, 1]])
    return PosedCamera(**{"size": Size(640, 480), "matrix": matrix, "world_from_camera": pose, **changes})


@pytest.mark.parametrize(
    "make",
    [
        lambda: ScalarField("", np.zeros(3, np.float32)),
        lambda: ScalarField("a", np.zeros((3, 1), np.float32)),
        lambda: VoxelGrid(np.zeros((2, 2), bool), FAR, 1.0),
        lambda: VoxelGrid(np.zeros((2, 2, 2), bool), FAR, 0.0),
        lambda: VoxelGrid(np.zeros((2, 2, 2), bool), FAR * np.nan, 1.0),
        lambda: VoxelGrid(np.zeros((2, 2, 2), bool), FAR, 1.0, np.zeros((2, 2, 3), np.uint8)),
        lambda: DistanceField(np.zeros((1, 2, 2), np.float32), FAR, 1.0),
        lambda: LineSet(np.zeros((2, 3)), np.array([[0, 2]], np.int32)),
        lambda: LineSet(np.zeros((2, 3)), np.array([[0, 1]], np.int32), np.zeros((2, 3), np.uint8)),
        lambda: camera(matrix=np.zeros((3, 3))),
        lambda: camera(world_from_camera=np.full((4, 4), np.inf)),
        lambda: camera(picture=np.zeros((4, 4), np.uint8)),
        lambda: TriangleMesh(np.zeros((3, 3)), np.zeros((0, 3), np.int32), texture=np.zeros((2, 2, 3), np.uint8)),
        lambda: PointCloud(np.zeros((3, 3)), scalars=(ScalarField("a", np.zeros(2, np.float32)),)),
        lambda: PointCloud(np.zeros((1, 3)), scalars=(ScalarField("a", np.zeros(1, np.float32)),) * 2),
    ],
)
def test_a_form_that_is_wrong_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


def test_arrays_are_read_only() -> None:
    grid = VoxelGrid(np.ones((2, 2, 2), bool), FAR.copy(), 0.5)
    field = ScalarField("a", np.array([1, np.nan, -2], np.float32))
    for array in (grid.occupied, grid.origin, field.values, camera().matrix, path_of(np.zeros((2, 3))).points):
        assert not array.flags.writeable
    assert field.extent == (-2.0, 1.0)


def test_a_camera_projects_as_opencv_does_and_back() -> None:
    posed = camera()
    local = np.random.default_rng(0).uniform([-2, -2, 3], [2, 2, 9], (50, 3))
    points = local @ posed.rotation.T + posed.position
    seen = posed.project(points)
    expected, _ = cv2.projectPoints(local, np.zeros(3), np.zeros(3), np.array(posed.matrix), None)
    np.testing.assert_allclose(seen[:, :2], expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(seen[:, 2], local[:, 2], atol=1e-8)
    np.testing.assert_allclose(posed.unproject(seen[:, :2], seen[:, 2]), points, atol=1e-6)
    corner = posed.frustum(2.0)[2:3]
    np.testing.assert_allclose(posed.project(corner), [[640, 480, 2]], atol=1e-5)


class TestCubified:
    def test_a_block_is_a_closed_box_of_its_size(self) -> None:
        mesh = cubified(VoxelGrid(np.ones((2, 3, 4), bool), FAR.copy(), 0.5))
        assert is_watertight(mesh)
        assert enclosed_volume(mesh) == pytest.approx(1 * 1.5 * 2)
        assert surface_area(mesh) == pytest.approx(2 * (1.5 + 2 + 3))
        np.testing.assert_allclose([mesh.vertices.min(0), mesh.vertices.max(0)], [FAR, FAR + np.array([1, 1.5, 2])])

    def test_any_voxels_enclose_their_volume(self) -> None:
        occupied = np.random.default_rng(1).random((6, 5, 7)) < 0.4
        grid = VoxelGrid(occupied, np.zeros(3), 0.1)
        mesh = cubified(grid)
        assert enclosed_volume(mesh) == pytest.approx(grid.volume)
        faces = sum(np.count_nonzero(np.diff(np.pad(occupied, 1).astype(int), axis=axis)) for axis in range(3))
        assert len(mesh.triangles) == 2 * faces

    def test_colours_go_along_and_nothing_is_nothing(self) -> None:
        colours = np.zeros((1, 1, 2, 3), np.uint8)
        colours[0, 0, 0], colours[0, 0, 1] = (200, 0, 0), (0, 100, 0)
        mesh = cubified(VoxelGrid(np.ones((1, 1, 2), bool), np.zeros(3), 1.0, colours))
        assert mesh.colours is not None
        assert {*map(tuple, mesh.colours[mesh.vertices[:, 2] == 0].tolist())} == {(200, 0, 0)}
        assert {*map(tuple, mesh.colours[mesh.vertices[:, 2] == 1].tolist())} == {(100, 50, 0)}
        nothing = cubified(VoxelGrid(np.zeros((2, 2, 2), bool), np.zeros(3), 1.0))
        assert (len(nothing.vertices), len(nothing.triangles)) == (0, 0)
