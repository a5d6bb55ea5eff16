"""Points on surfaces, distances to them, and surfaces of points, against closed forms and Open3D."""

from __future__ import annotations

import numpy as np
import open3d as o3d
import pytest
import trimesh
from scipy.spatial import cKDTree

from cvstudio.conversion.checks import usable_cloud, usable_mesh
from cvstudio.conversion.open3d_geometry import ray_scene, tensor
from cvstudio.conversion.sampling import poisson_disk_points, thinned, uniform_points
from cvstudio.conversion.solids import Interior, SurfaceDistance, pieces
from cvstudio.conversion.surfaces import (
    PoissonSurface,
    ball_pivoting_surface,
    poisson_surface,
    spacing,
    with_normals,
)
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight, surface_area
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import GeometryError
from tests.core.conversion.meshes import FAR, ball, box, joined, moved, opened


class TestPoints:
    def test_they_are_as_dense_everywhere(self) -> None:
        long = box(4, 1, 1)
        cloud = uniform_points(long, 20_000)
        assert np.abs(np.abs(cloud.points) - [2, 0.5, 0.5]).min(axis=1).max() < 1e-12
        # The two small ends have 2 of 18 of the area.
        ends = (np.abs(cloud.points[:, 0]) > 2 - 1e-9).mean()
        assert ends == pytest.approx(2 / 18, abs=0.01)
        assert np.abs(cloud.points.mean(axis=0)).max() < 0.05
        assert cloud.normals is not None
        np.testing.assert_allclose(np.linalg.norm(cloud.normals, axis=1), 1, atol=1e-6)

    def test_colours_are_those_of_the_surface(self) -> None:
        mesh = ball(3)
        colours = np.rint((mesh.vertices + 1) * 127).astype(np.uint8)
        painted = TriangleMesh(mesh.vertices, mesh.triangles, colours)
        for cloud in (uniform_points(painted, 500), poisson_disk_points(painted, 500)):
            assert cloud.colours is not None
            assert np.abs(cloud.colours - (cloud.points + 1) * 127).max() < 3

    def test_poisson_disk_points_keep_apart(self) -> None:
        mesh = moved(ball(4), FAR)
        cloud, random = poisson_disk_points(mesh, 1000), uniform_points(mesh, 1000)
        assert len(cloud.points) == 1000
        nearest, by_chance = (cKDTree(item.points).query(item.points, 2)[0][:, 1] for item in (cloud, random))
        # Of 1,000 discs that do not overlap the closest packing has this radius.
        densest = np.sqrt(4 * np.pi / 1000 * 2 / np.sqrt(3))
        assert nearest.min() > 0.5 * densest > 5 * by_chance.min()
        np.testing.assert_allclose(np.linalg.norm(cloud.points - FAR, axis=1), 1, atol=5e-3)
        again = poisson_disk_points(mesh, 1000)
        np.testing.assert_array_equal(cloud.points, again.points)

    def test_thinning_keeps_points_with_what_belongs_to_them(self) -> None:
        cloud = uniform_points(ball(2), 500)
        some = thinned(cloud, 50)
        assert len(some.points) == 50
        distance, rows = cKDTree(cloud.points).query(some.points)
        assert distance.max() == 0
        assert some.normals is not None
        assert cloud.normals is not None
        np.testing.assert_array_equal(some.normals, cloud.normals[rows])
        assert thinned(cloud, 500) is cloud


class TestSolids:
    def test_distances_are_those_of_embree(self) -> None:
        made = trimesh.creation.annulus(0.5, 1.0, 2.0)
        mesh = TriangleMesh(np.array(made.vertices, np.float64), np.array(made.faces, np.int32))
        points = np.random.default_rng(0).uniform(-1.4, 1.4, (800, 3))
        expected = ray_scene(mesh, np.zeros(3)).compute_distance(tensor(points)).numpy()
        distances = SurfaceDistance(mesh)(points)
        # The mean distance of its 60,000 points.
        np.testing.assert_allclose(distances, expected, atol=np.sqrt(made.area / 60_000), rtol=0)
        near = expected < 0.1
        np.testing.assert_allclose(distances[near], expected[near], atol=1e-6)
        np.testing.assert_array_equal(SurfaceDistance(mesh, 0.2)(points), np.minimum(distances, 0.2))

    def test_inside_is_inside_of_any_closed_piece(self) -> None:
        two = joined(box(2, 1, 1), box(1, 2, 1), moved(box(1, 1, 1), [9, 0, 0]))
        assert len(pieces(two)) == 3
        solid = Interior(usable_mesh(two, "A test"), np.zeros(3))
        assert solid.closed
        points = np.random.default_rng(1).uniform([-2, -2, -1], [10, 2, 1], (4000, 3))
        halves = [(np.zeros(3), [1, 0.5, 0.5]), (np.zeros(3), [0.5, 1, 0.5]), (np.array([9, 0, 0]), [0.5] * 3)]
        expected = np.any([(np.abs(points - centre) < half).all(axis=1) for centre, half in halves], axis=0)
        np.testing.assert_array_equal(solid.holds(points), expected)
        assert not Interior(usable_mesh(opened(box(1, 1, 1)), "A test"), np.zeros(3)).closed


class TestSurfaces:
    def test_poisson_makes_a_ball_of_its_points_where_the_file_lies(self) -> None:
        cloud = PointCloud(poisson_disk_points(moved(ball(4), FAR), 3000).points)
        seen = with_normals(cloud)
        assert seen.normals is not None
        assert np.einsum("ij,ij->i", seen.normals, cloud.points - FAR).min() > 0.95
        surface = poisson_surface(seen, 6)
        assert is_watertight(surface.mesh)
        assert enclosed_volume(surface.mesh) == pytest.approx(4 / 3 * np.pi, rel=0.01)
        assert np.abs(np.linalg.norm(surface.mesh.vertices - FAR, axis=1) - 1).max() < 0.01

    def test_trimming_takes_away_what_no_point_supports(self) -> None:
        points = uniform_points(ball(4), 6000)
        assert points.normals is not None
        upper = points.points[:, 2] > 0
        half = PointCloud(points.points[upper], None, points.normals[upper])
        whole = poisson_surface(half, 6)
        trimmed = whole.trimmed(0.1)
        assert len(trimmed.vertices) == pytest.approx(0.9 * len(whole.mesh.vertices), rel=0.02)
        # What goes lies below the points, or at their rim.
        gone = len(whole.mesh.vertices) - len(trimmed.vertices)
        for level, share in ((-0.1, 0.75), (0.1, 0.95)):
            below, left = (int((mesh.vertices[:, 2] < level).sum()) for mesh in (whole.mesh, trimmed))
            assert below - left > share * gone
        assert whole.trimmed(0) is whole.mesh
        with pytest.raises(ValueError, match="read-only"):
            PoissonSurface(whole.mesh, whole.density).density[0] = 1

    def test_ball_pivoting_keeps_the_points(self) -> None:
        cloud = with_normals(poisson_disk_points(moved(ball(4), FAR), 3000))
        mesh = ball_pivoting_surface(cloud, 1.5 * spacing(cloud))
        assert cKDTree(cloud.points).query(mesh.vertices)[0].max() < 1e-6
        assert surface_area(mesh) == pytest.approx(4 * np.pi, rel=0.02)

    def test_normals_face_a_viewpoint(self) -> None:
        plane = PointCloud(np.random.default_rng(0).uniform(-1, 1, (500, 3)) * [1, 1, 0] + FAR)
        for height in (5, -5):
            seen = with_normals(plane, viewpoint=FAR + np.array([0, 0, height]))
            assert seen.normals is not None
            np.testing.assert_allclose(seen.normals @ [0, 0, np.sign(height)], 1, atol=1e-5)
        expected = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(plane.points - FAR))
        assert spacing(plane) == pytest.approx(np.median(expected.compute_nearest_neighbor_distance()), rel=1e-6)

    def test_too_few_points_and_no_normals_are_told(self) -> None:
        few = PointCloud(np.random.default_rng(0).random((5, 3)))
        with pytest.raises(GeometryError, match="at least 16 points at different places, found 5"):
            poisson_surface(few, 6)
        same = PointCloud(np.zeros((99, 3)))
        with pytest.raises(GeometryError, match="found 1"):
            usable_cloud(same, "A test")
        plain = PointCloud(np.random.default_rng(0).random((50, 3)))
        for surface in (lambda: poisson_surface(plain, 6), lambda: ball_pivoting_surface(plain, 0.1)):
            with pytest.raises(GeometryError, match="expects normals, found none"):
                surface()
        with pytest.raises(GeometryError, match="choose a larger radius"):
            ball_pivoting_surface(with_normals(plain), 1e-6)
        with pytest.raises(GeometryError, match="choose a smaller radius"):
            ball_pivoting_surface(with_normals(plain), 1e6)


class TestUsable:
    def test_flat_triangles_and_stray_vertices_are_left_out(self) -> None:
        corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0], [9, 9, 9], [2, 0, 0]])
        faces = np.array([[0, 1, 2], [3, 1, 2], [0, 3, 1], [0, 1, 5]], np.int32)
        mesh = usable_mesh(TriangleMesh(corners, faces, np.arange(18, dtype=np.uint8).reshape(6, 3)), "A test")
        assert mesh.vertices.tolist() == corners[:3].tolist()
        assert mesh.triangles.tolist() == [[0, 1, 2], [0, 1, 2]]
        assert mesh.colours is not None
        assert mesh.colours.tolist() == np.arange(9).reshape(3, 3).tolist()

    def test_a_cloud_is_no_mesh(self) -> None:
        with pytest.raises(GeometryError, match="Voxels expects a mesh, found a point cloud"):
            usable_mesh(PointCloud(np.zeros((3, 3))), "Voxels")
