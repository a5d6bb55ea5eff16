"""Scenes as files, read back by Open3D, by trimesh and by the program itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open3d as o3d
import pytest
import trimesh

from cvstudio.conversion.voxels import voxels_of
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.data.spatial.distance_field import DistanceField
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.base import ExportItem
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.formats.geometry import read_geometry
from cvstudio.results.scene3d import Object3D, Scene3D
from tests.core.conversion.meshes import FAR, ball, box, moved

RANDOM = np.random.default_rng(0)


def painted(mesh: TriangleMesh) -> TriangleMesh:
    colours = RANDOM.integers(0, 256, mesh.vertices.shape, np.uint8)
    normals = (mesh.vertices - mesh.vertices.mean(axis=0)).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return TriangleMesh(mesh.vertices, mesh.triangles, colours, normals=normals)


def textured() -> TriangleMesh:
    """A square of two triangles with a texture of four colours."""
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    uv = corners[faces][..., :2].astype(np.float32)
    texture = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 0]]], np.uint8)
    return TriangleMesh(corners, faces, uv=uv, texture=np.repeat(np.repeat(texture, 8, 0), 8, 1))


def scene(*geometries: Any) -> Scene3D:
    return Scene3D(tuple(Object3D(f"Thing {number}", geometry) for number, geometry in enumerate(geometries)))


def write(path: Path, key: str, content: Scene3D, **options: Any) -> Path:
    export(EXPORTERS[key], path, ExportItem(None, None, content, {}, {}, options=options), Progress())
    return path


BALL = painted(ball(2))


@pytest.mark.parametrize(("key", "ending"), [("ply", ".ply"), ("off", ".off"), ("stl", ".stl"), ("glb", ".glb")])
def test_a_surface_is_the_same_to_open3d_and_to_trimesh(tmp_path: Path, key: str, ending: str) -> None:
    path = write(tmp_path / f"a{ending}", key, scene(BALL))
    corners = BALL.vertices[BALL.triangles]
    loaded = trimesh.load(path, force="mesh", process=False)
    np.testing.assert_allclose(loaded.triangles, corners, atol=1e-6)
    if key == "ply":
        np.testing.assert_array_equal(np.asarray(loaded.visual.vertex_colors)[:, :3], BALL.colours)
    if key == "glb":
        # trimesh takes the low bytes of linear colours of 16 bits; they are right by the standard.
        np.testing.assert_array_equal(read_geometry(path).colours, BALL.colours)
    if key == "glb":  # which Open3D cannot read
        (alone,) = trimesh.load(path, process=False).geometry.values()
        np.testing.assert_allclose(alone.vertex_normals, BALL.normals, atol=1e-5)
        return
    read = o3d.io.read_triangle_mesh(str(path))
    np.testing.assert_allclose(np.asarray(read.vertices)[np.asarray(read.triangles)], corners, atol=1e-6)
    if key != "stl":
        np.testing.assert_allclose(np.asarray(read.vertex_colors) * 255, BALL.colours, atol=0.6)
    if key == "ply":
        np.testing.assert_allclose(np.asarray(read.vertex_normals), BALL.normals, atol=1e-6)


def test_obj_has_an_object_for_each_its_materials_and_its_texture(tmp_path: Path) -> None:
    folder = write(tmp_path / "out", "obj", scene(BALL, textured()))
    assert {path.name for path in folder.iterdir()} == {"result.obj", "result.mtl", "result-2.png"}
    loaded = trimesh.load(folder / "result.obj", process=False)
    areas = sorted(mesh.area for mesh in loaded.geometry.values())
    assert areas == pytest.approx(sorted([1.0, trimesh.creation.icosphere(2).area]), rel=1e-5)
    read = o3d.io.read_triangle_mesh(str(folder / "result.obj"), True)
    assert len(read.triangles) == len(BALL.triangles) + 2
    assert any(np.asarray(texture).any() for texture in read.textures)
    own = read_geometry(folder / "result.obj")
    assert isinstance(own, TriangleMesh)
    np.testing.assert_array_equal(own.vertices[: len(BALL.vertices)], BALL.vertices)


@pytest.mark.parametrize("key", ["obj", "glb"])
def test_each_corner_has_the_colour_of_its_place_in_the_texture(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / ("out" if key == "obj" else "a.glb"), key, scene(textured()))
    loaded = trimesh.load(path / "result.obj" if key == "obj" else path, force="mesh", process=False)
    colours = {
        tuple(np.round(place, 3).tolist()): tuple(colour[:3].tolist())
        for place, colour in zip(loaded.vertices[:, :2], loaded.visual.to_color().vertex_colors, strict=True)
    }
    # The first row of the texture is at the top.
    assert colours == {
        (0.0, 1.0): (255, 0, 0),
        (1.0, 1.0): (0, 255, 0),
        (0.0, 0.0): (0, 0, 255),
        (1.0, 0.0): (255, 255, 0),
    }


@pytest.mark.parametrize(("key", "ending"), [("ply", ".ply"), ("off", ".off"), ("pcd", ".pcd"), ("glb", ".glb")])
def test_surveyed_coordinates_keep_their_millimetres(tmp_path: Path, key: str, ending: str) -> None:
    far = PointCloud(BALL.vertices * 50 + FAR, BALL.colours, BALL.normals)
    path = write(tmp_path / f"a{ending}", key, scene(far))
    own = read_geometry(path)
    assert isinstance(own, PointCloud)
    assert np.abs(own.points - far.points).max() < (1e-9 if key != "glb" else 1e-5)
    np.testing.assert_array_equal(own.colours, far.colours)
    if key == "pcd":
        # Open3D's older reader takes doubles for nothing.
        tensors = o3d.t.io.read_point_cloud(str(path)).point
        assert np.abs(tensors["positions"].numpy() - far.points).max() < 1e-6
    if key == "ply":
        read = o3d.io.read_point_cloud(str(path))
        assert np.abs(np.asarray(read.points) - far.points).max() < 1e-6
        np.testing.assert_allclose(np.asarray(read.colors) * 255, far.colours, atol=0.6)
        np.testing.assert_allclose(np.asarray(read.normals), far.normals, atol=1e-6)


def test_pcd_near_its_origin_is_the_same_to_open3d(tmp_path: Path) -> None:
    path = write(tmp_path / "a.pcd", "pcd", scene(BALL))
    read = o3d.io.read_point_cloud(str(path))
    np.testing.assert_allclose(np.asarray(read.points), BALL.vertices, atol=1e-6)
    np.testing.assert_allclose(np.asarray(read.colors) * 255, BALL.colours, atol=0.6)
    np.testing.assert_allclose(np.asarray(read.normals), BALL.normals, atol=1e-6)


def test_all_that_is_visible_is_written_or_one_by_its_name(tmp_path: Path) -> None:
    hidden = Object3D("Hidden", moved(box(1, 1, 1), [0, 0, 9]), visible=False)
    content = Scene3D((Object3D("Ball", BALL), Object3D("Voxels", voxels_of(box(1, 1, 1), 3)), hidden))
    both = read_geometry(write(tmp_path / "both.ply", "ply", content))
    assert isinstance(both, TriangleMesh)
    assert len(both.triangles) == len(BALL.triangles) + 2 * 6 * 9
    named = trimesh.load(write(tmp_path / "a.glb", "glb", content))
    assert {*named.geometry} == {"Ball", "Voxels"}
    one = read_geometry(write(tmp_path / "one.ply", "ply", content, object="Hidden"))
    assert isinstance(one, TriangleMesh)
    assert one.vertices[:, 2].min() == pytest.approx(8.5)
    with pytest.raises(ExportError, match="no object 'Nobody'; it has: Ball, Voxels, Hidden"):
        write(tmp_path / "none.ply", "ply", content, object="Nobody")


def test_voxels_come_back_from_npz(tmp_path: Path) -> None:
    grid = voxels_of(moved(ball(2), FAR), 12)
    field = DistanceField(np.zeros((2, 3, 4), np.float32), FAR, 0.5)
    with np.load(write(tmp_path / "a.npz", "npz-voxels", scene(grid, field))) as arrays:
        np.testing.assert_array_equal(arrays["occupied"], grid.occupied)
        np.testing.assert_array_equal(arrays["origin"], grid.origin)
        assert arrays["side"] == grid.side
        assert arrays["distance"].shape == (2, 3, 4)
    with np.load(write(tmp_path / "b.npz", "npz-voxels", scene(box(1, 1, 1)), resolution=8)) as arrays:
        assert arrays["occupied"].shape == (8, 8, 8)
        assert arrays["occupied"].all()


def test_scalars_go_into_ply(tmp_path: Path) -> None:
    error = ScalarField("Reprojection error", np.array([1, 2.5, 3], np.float32), "px")
    path = write(tmp_path / "a.ply", "ply", scene(PointCloud(np.eye(3), scalars=(error,))))
    read = o3d.t.io.read_point_cloud(str(path))
    assert "scalar_Reprojection_error" in [*read.point]
    assert read.point["scalar_Reprojection_error"].numpy().ravel().tolist() == [1, 2.5, 3]


def test_what_has_no_surface_or_nothing_at_all_is_told(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="STL holds surfaces only"):
        write(tmp_path / "a.stl", "stl", scene(PointCloud(np.eye(3))))
    for key in ("ply", "glb", "obj", "npz-voxels", "pcd"):
        with pytest.raises(ExportError, match=r"expected|expects"):
            write(tmp_path / f"{key}.x", key, Scene3D(()))
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
