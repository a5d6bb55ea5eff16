"""Meshes and clouds to voxels and back, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from cvstudio.conversion.voxels import isosurface, smooth_surface, voxels_of
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.voxel_faces import cubified
from cvstudio.data.spatial.voxel_grid import VoxelGrid
from cvstudio.foundation.errors import GeometryError
from tests.core.conversion.meshes import FAR, ball, box, joined, moved, opened

BALL = 4 / 3 * np.pi


@pytest.mark.parametrize("resolution", [16, 48])
def test_centres_inside_have_the_volume_of_the_ball(resolution: int) -> None:
    grid = voxels_of(moved(ball(5), FAR), resolution, "centres")
    assert grid.occupied.shape == (resolution,) * 3
    assert grid.volume == pytest.approx(BALL, rel=0.5 / resolution)
    # Exactly those whose centre is inside, but for the flat triangles of the ball.
    distance = np.linalg.norm(np.moveaxis(np.indices(grid.occupied.shape), 0, -1) + 0.5 - resolution / 2, axis=-1)
    clear = np.abs(distance * grid.side - 1) > 2e-3
    np.testing.assert_array_equal(grid.occupied[clear], (distance * grid.side < 1)[clear])


def test_a_cube_is_full_and_its_surface_hollow() -> None:
    cube = moved(box(2, 2, 2), FAR)
    for cells in ("touched", "centres"):
        grid = voxels_of(cube, 10, cells)
        assert grid.occupied.all()
        assert grid.volume == pytest.approx(8, rel=1e-3)
    shell = voxels_of(cube, 10, "shell")
    assert shell.count == 10**3 - 8**3
    np.testing.assert_allclose(shell.origin + shell.side * 5, FAR, atol=1e-6)


def test_what_is_thin_is_kept_where_it_is_touched() -> None:
    plate = box(1, 1, 0.001)
    assert voxels_of(plate, 20, "touched").count >= 400
    tilted = joined(plate, moved(box(0.01, 0.01, 1), [0, 0, 0.5]))
    grid = voxels_of(tilted, 20, "centres")
    assert grid.count < voxels_of(tilted, 20, "touched").count


def test_solids_that_overlap_are_full_and_so_is_one_with_a_hole() -> None:
    two = joined(box(2, 1, 1), box(1, 2, 1))
    assert voxels_of(two, 40, "centres").volume == pytest.approx(3, rel=0.01)
    whole, holed = (voxels_of(mesh, 24, "centres").volume for mesh in (ball(2), opened(ball(2))))
    assert holed == pytest.approx(whole, rel=0.02)


@pytest.mark.parametrize("cells", ["touched", "shell"])
def test_every_point_of_the_surface_is_in_a_voxel(cells: str) -> None:
    mesh = ball(3)
    grid = voxels_of(mesh, 24, cells)  # type: ignore[arg-type]
    points = mesh.vertices[mesh.triangles].mean(axis=1)
    assert grid.occupied[tuple(((points - grid.origin) / grid.side).astype(int).T)].all()


def test_a_cloud_fills_the_voxels_of_its_points_with_their_mean_colour() -> None:
    points = np.array([[0.0, 0, 0], [0.1, 0, 0], [4, 2, 0]]) + FAR
    cloud = PointCloud(points, np.array([[0, 0, 0], [100, 0, 0], [0, 7, 0]], np.uint8))
    grid = voxels_of(cloud, 4)
    assert grid.occupied.shape == (4, 2, 1)
    assert grid.indices.tolist() == [[0, 0, 0], [3, 1, 0]]
    assert grid.colours is not None
    assert grid.colours[0, 0, 0].tolist() == [50, 0, 0]
    assert grid.colours[3, 1, 0].tolist() == [0, 7, 0]


def test_voxels_come_back_as_a_closed_surface() -> None:
    grid = voxels_of(ball(4), 40, "centres")
    exact, smooth = cubified(grid), smooth_surface(grid)
    assert enclosed_volume(exact) == pytest.approx(grid.volume)
    for mesh in (exact, smooth):
        assert is_watertight(mesh)
        assert enclosed_volume(mesh) == pytest.approx(BALL, rel=0.02)
    assert len(smooth_surface(VoxelGrid(np.zeros((3, 3, 3), bool), np.zeros(3), 1.0)).triangles) == 0


class TestIsosurface:
    def field(self, radius: float, spacing: float = 0.1) -> DistanceField:
        places = (np.moveaxis(np.indices((41, 41, 41)), 0, -1) - 20) * spacing
        return DistanceField((np.linalg.norm(places, axis=-1) - radius).astype(np.float32), FAR - 20 * spacing, spacing)

    @pytest.mark.parametrize("level", [-0.3, 0.0, 0.4])
    def test_it_lies_where_the_field_has_the_level(self, level: float) -> None:
        mesh = isosurface(self.field(1.2), level)
        radii = np.linalg.norm(mesh.vertices - FAR, axis=1)
        np.testing.assert_allclose(radii, 1.2 + level, atol=2e-3)
        assert is_watertight(mesh)
        assert enclosed_volume(mesh) == pytest.approx(BALL * (1.2 + level) ** 3, rel=0.01)
        assert mesh.normals is not None
        assert np.einsum("ij,ij->i", mesh.normals, mesh.vertices - FAR).min() > 0.9 * (1.2 + level)

    def test_nothing_is_invented_where_nothing_is_known(self) -> None:
        whole = self.field(1.2)
        values = whole.values.copy()
        values[:20] = np.nan
        half = isosurface(DistanceField(values, whole.origin, whole.spacing), 0.0)
        assert half.vertices[:, 0].min() == pytest.approx(FAR[0])
        assert len(half.triangles) == pytest.approx(len(isosurface(whole, 0.0).triangles) / 2, rel=0.01)

    def test_a_level_beyond_the_values_has_no_surface(self) -> None:
        nothing = DistanceField(np.full((3, 3, 3), np.nan, np.float32), np.zeros(3), 1.0)
        for field, level in ((self.field(1.2), 99.0), (nothing, 0.0)):
            assert len(isosurface(field, level).triangles) == 0


def test_what_has_no_surface_is_refused() -> None:
    flat = TriangleMesh(np.zeros((3, 3)), np.array([[0, 1, 2]], np.int32))
    with pytest.raises(GeometryError, match="expects a mesh with an area, found none"):
        voxels_of(flat, 10)
    with pytest.raises(GeometryError, match="at least one point, found none"):
        voxels_of(PointCloud(np.zeros((0, 3))), 10)
    with pytest.raises(GeometryError, match="is too large; choose a lower resolution"):
        voxels_of(ball(1), 1000)
    assert voxels_of(PointCloud(np.ones((2, 3))), 10).count == 1
