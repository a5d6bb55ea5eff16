"""Forms of one object, surfaces of points and of depth maps, and files that are not what is expected."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.services import Services
from cvstudio.analyses.space._depth_points import depth_points, grid_surface, metric_depth
from cvstudio.analyses.space._rgbd import guessed_matrix
from cvstudio.analyses.space.representations import Forms, FunctionParams, ShownParams, run_function, run_shown
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Size
from cvstudio.data.mesh_topology import enclosed_volume, is_watertight
from cvstudio.data.samples import DepthMap, Image, PointCloud, TriangleMesh
from cvstudio.exporters import EXPORTERS, export
from cvstudio.exporters.spatial.geometry_files import write_geometry
from cvstudio.foundation.errors import BindingError, MediaError, UserError
from cvstudio.foundation.progress import Progress
from cvstudio.media.formats.geometry import read_geometry
from cvstudio.results.scene3d import Scene3D
from cvstudio.running.export_items import ExportRequest, export_item
from cvstudio.running.runner import Runner, make_instance
from tests.core.conversion.meshes import FAR, ball, box, joined, moved, opened

QUICK = {"points": 200, "views": 3, "resolution": 12, "grid": 20, "parts_resolution": 12}


@pytest.fixture(scope="module")
def runner() -> Any:
    with Runner() as made:
        yield made


def result_of(runner: Any, path: Path, analysis: str = "representations", **values: Any) -> Scene3D:
    settings = {**QUICK, **values} if analysis == "representations" else values
    slot = ANALYSES[analysis].inputs[0].name
    scene = runner.result(make_instance(analysis, {slot: path}, values=settings))
    assert isinstance(scene, Scene3D)
    return scene


def test_every_form_of_a_ball_has_its_measure_where_the_file_lies(runner: Any, tmp_path: Path) -> None:
    write_geometry(tmp_path / "ball.ply", moved(ball(3), FAR))
    scene = result_of(runner, tmp_path / "ball.ply", cells="centres", resolution=24, grid=32)
    assert scene.side_by_side
    exact = 4 / 3 * np.pi
    for name, tolerance in (
        ("Mesh", 0.02),
        ("Part 1", 0.02),
        ("Voxels, marching cubes", 0.03),
        ("Implicit surface", 0.02),
    ):
        mesh = scene[name].geometry
        assert isinstance(mesh, TriangleMesh)
        assert is_watertight(mesh)
        assert enclosed_volume(mesh) == pytest.approx(exact, rel=tolerance), name
        np.testing.assert_allclose(mesh.vertices.mean(axis=0), FAR, atol=0.02)
    assert scene["Voxels"].geometry.volume == pytest.approx(exact, rel=0.02)
    np.testing.assert_allclose(np.linalg.norm(scene["Point cloud"].geometry.points - FAR, axis=1), 1, atol=0.02)
    assert [item.name for item in scene.objects if item.group == "Views"] == ["View 1", "View 2", "View 3"]


def test_the_level_acts_on_what_is_cached(runner: Any, tmp_path: Path) -> None:
    write_geometry(tmp_path / "box.ply", box(1, 2, 1))
    forms = [result_of(runner, tmp_path / "box.ply", level=level)["Implicit surface"].bounds for level in (0.0, 5.0)]
    # Five per cent of the longest side on either side.
    np.testing.assert_allclose(np.ptp(forms[1], axis=0) - np.ptp(forms[0], axis=0), 0.2, atol=0.06)


def test_a_network_is_learnt_once_and_seen_as_it_learns() -> None:
    services, params = Services(), FunctionParams(function="network", training=20, grid=16)
    before = Forms(ball(2), ball(2), None)
    outputs = [*run_function(Inputs({}, before, services=services), params, Progress())]
    scenes = [next(run_shown(Inputs({}, forms), ShownParams(), Progress())) for forms in outputs]
    assert len(scenes) > 4
    notes = [scene["Implicit surface"].note for scene in scenes]
    assert notes[0].startswith("Step 1 of 20")
    assert notes[-1].startswith("Step 20 of 20")
    assert "training" in scenes[0].summary
    assert "training" not in scenes[-1].summary
    # A change of another form runs the stage again, but not the training.
    (again,) = run_function(Inputs({}, dataclasses.replace(before), services=services), params, Progress())
    assert again.fit is outputs[-1].fit


@pytest.mark.parametrize(
    "mesh",
    [
        opened(ball(2)),
        joined(box(1, 1, 1), opened(box(1, 1, 1))),
        # Three triangles at one edge, and one that is turned around.
        TriangleMesh(
            np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, -1, 0.5]]),
            np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4], [2, 1, 0]], np.int32),
        ),
        TriangleMesh(np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), np.array([[0, 1, 2]], np.int32)),
    ],
    ids=["open", "non-manifold", "fan", "flat"],
)
def test_meshes_that_are_no_solids_have_forms_all_the_same(runner: Any, tmp_path: Path, mesh: TriangleMesh) -> None:
    write_geometry(tmp_path / "a.ply", mesh)
    scene = result_of(runner, tmp_path / "a.ply")
    assert {item.group for item in scene.objects} >= {"Mesh", "Voxels", "Convex parts", "Views"}
    assert scene["Voxels"].geometry.count > 0


def test_quads_polygons_and_points_that_were_not_measured(runner: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.obj"
    path.write_text(
        "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0.5 0.5 1\nv nan 0 0\n"
        "f 4 3 2 1\nf 1 2 5\nf 2 3 5\nf 3 4 5\nf 4 1 5\nf 1 2 6\n"
    )
    mesh = result_of(runner, path)["Mesh"].geometry
    assert isinstance(mesh, TriangleMesh)
    assert len(mesh.triangles) == 6
    assert enclosed_volume(mesh) == pytest.approx(1 / 3)


@pytest.mark.parametrize("analysis", ["representations", "surface"])
def test_what_has_no_form_is_refused_in_a_sentence(runner: Any, tmp_path: Path, analysis: str) -> None:
    files = {
        "line.ply": PointCloud(np.linspace(0, 1, 5)[:, None] * np.ones(3)),
        "point.ply": PointCloud(np.ones((3, 3))),
        "sliver.ply": TriangleMesh(np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0]]), np.array([[0, 1, 2]], np.int32)),
    }
    for name, geometry in files.items():
        write_geometry(tmp_path / name, geometry)
        with pytest.raises(UserError) as told:
            result_of(runner, tmp_path / name, analysis)
        assert str(told.value).endswith(".")
        assert "expects" in str(told.value)


def test_millimetres_stay_from_the_file_to_the_export(runner: Any, tmp_path: Path) -> None:
    cloud = PointCloud(np.round(moved(ball(4), FAR).vertices, 3))
    write_geometry(tmp_path / "survey.ply", cloud)
    instance = make_instance(
        "surface", {"points": tmp_path / "survey.ply"}, values={"surface": "ball", "most_points": 9000}
    )
    item = export_item(runner, ExportRequest(instance, tmp_path), Progress())
    for key, ending in (("ply", ".ply"), ("off", ".off")):
        export(EXPORTERS[key], tmp_path / f"out{ending}", item, Progress())
        again = read_geometry(tmp_path / f"out{ending}")
        assert isinstance(again, TriangleMesh)
        distance = np.abs(again.vertices[:, None, :2] - cloud.points[None, :, :2]).sum(axis=2).min(axis=1)
        assert distance.max() < 1e-6


class TestDepth:
    def scene(self) -> tuple[Image, DepthMap]:
        values = np.full((40, 60), 2000, np.float32)
        values[10:20, 20:40] = 1000
        values[0, 0] = np.nan
        return Image(np.full((80, 120, 3), 50, np.uint8)), DepthMap(values, "mm")

    def test_points_are_projected_where_they_were_and_the_surface_is_cut_at_jumps(self) -> None:
        image, depth = self.scene()
        lifted = depth_points(image, depth, guessed_matrix(Size(60, 40), 60.0), 1, 1.0)
        assert lifted.unit == "m"
        assert len(lifted.cloud.points) == 2399
        seen = lifted.camera.project(lifted.cloud.points)
        np.testing.assert_allclose(seen[:, :2] * 2, lifted.places, atol=1e-4)
        assert {*np.round(seen[:, 2], 6).tolist()} == {1.0, 2.0}
        surface = grid_surface(lifted, 0.05)
        depths = surface.vertices[surface.triangles][:, :, 2]
        assert (np.ptp(depths, axis=1) < 1e-9).all()
        a, b, c = (surface.vertices[surface.triangles[:, corner]] for corner in range(3))
        # Towards the camera, whose z points away.
        assert (np.cross(b - a, c - a)[:, 2] < 0).all()
        assert len(depth_points(image, depth, guessed_matrix(Size(60, 40), 60.0), 1, 0.05).cloud.points) == 200

    def test_depths_of_other_kinds_become_distances(self) -> None:
        values = np.array([[1.0, 2, 4]], np.float32)
        np.testing.assert_allclose(metric_depth(DepthMap(values, "px", near_is_large=True), 8.0)[0], [[8, 4, 2]])
        np.testing.assert_allclose(metric_depth(DepthMap(values, "relative"), 8.0)[0], [[1, 2, 4]])
        near = metric_depth(DepthMap(values, "relative", near_is_large=True), 8.0)[0]
        assert near[0, 0] == pytest.approx(4)
        assert near[0, 2] == pytest.approx(1)

    def test_another_shape_and_no_depth_are_told(self) -> None:
        image, _ = self.scene()
        matrix = guessed_matrix(Size(60, 40), 60.0)
        with pytest.raises(BindingError, match=r"picture's shape \(120 x 80\) is expected, found 40 x 40"):
            depth_points(image, DepthMap(np.ones((40, 40), np.float32), "m"), matrix, 1, 1.0)
        with pytest.raises(MediaError, match="found none in it"):
            depth_points(image, DepthMap(np.zeros((40, 60), np.float32), "m"), matrix, 1, 1.0)


def test_a_million_faces_are_handled(tmp_path: Path, runner: Any) -> None:
    """In the forms that take no network and no cut."""
    from cvstudio.conversion.checks import usable_mesh
    from cvstudio.conversion.voxels import voxels_of

    mesh = usable_mesh(ball(8), "A test")
    assert len(mesh.triangles) > 1_000_000
    assert voxels_of(mesh, 16, "centres").volume == pytest.approx(4 / 3 * np.pi, rel=0.05)
    forms = Forms(mesh, mesh, None)
    scene = next(run_shown(Inputs({}, forms), ShownParams(), Progress()))
    assert scene["Mesh"].geometry is mesh
