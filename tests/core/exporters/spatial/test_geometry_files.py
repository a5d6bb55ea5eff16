"""Copies of meshes and point clouds, against trimesh and our own readers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.exporters.spatial.geometry_files import FORMATS, endings, write_geometry
from cvstudio.foundation.errors import ExportError
from cvstudio.media import open_media, open_reader

RANDOM = np.random.default_rng(0)
BALL = trimesh.creation.icosphere(2)
COLOURS = RANDOM.integers(0, 256, (len(BALL.vertices), 3), np.uint8)
MESH = TriangleMesh(np.array(BALL.vertices, np.float32).astype(np.float64), np.array(BALL.faces, np.int32), COLOURS)
CLOUD = PointCloud(MESH.vertices, COLOURS, np.array(BALL.vertex_normals, np.float32))


def read(path: Path) -> TriangleMesh | PointCloud:
    with open_reader(open_media(path)) as reader:
        geometry = reader.read()
    assert isinstance(geometry, TriangleMesh | PointCloud)
    return geometry


@pytest.mark.parametrize("ending", endings(MESH))
def test_a_mesh_comes_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    lost = write_geometry(path, MESH)
    again = read(path)
    assert isinstance(again, TriangleMesh)
    np.testing.assert_array_equal(again.vertices[again.triangles], MESH.vertices[MESH.triangles])
    assert lost == (("colours",) if ending == ".stl" else ())
    if ending != ".stl":
        assert again.colours is not None
        np.testing.assert_array_equal(again.colours, COLOURS)
    other = trimesh.load(path, force="mesh", process=False)
    assert len(other.faces) == len(MESH.triangles)
    np.testing.assert_allclose(other.triangles, MESH.vertices[MESH.triangles], atol=1e-6)
    assert other.volume == pytest.approx(BALL.volume, rel=1e-5)


@pytest.mark.parametrize("ending", endings(CLOUD))
def test_a_cloud_comes_back(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    lost = write_geometry(path, CLOUD)
    again = read(path)
    assert isinstance(again, PointCloud)
    np.testing.assert_array_equal(again.points, CLOUD.points)
    assert again.colours is not None
    np.testing.assert_array_equal(again.colours, COLOURS)
    keeps_normals = ending in (".ply", ".pcd", ".off")
    assert lost == (() if keeps_normals else ("normals",))
    if keeps_normals:
        assert again.normals is not None
        np.testing.assert_allclose(again.normals, CLOUD.normals, atol=1e-6)


@pytest.mark.parametrize("ending", [".ply", ".obj", ".glb", ".stl"])
def test_surveyed_coordinates_keep_their_digits_or_it_is_said(tmp_path: Path, ending: str) -> None:
    far = TriangleMesh(np.array([[730_200.913, 0, 0], [730_201.25, 0, 0], [730_200.9, 1, 0]]), np.int32([[0, 1, 2]]))
    lost = write_geometry(tmp_path / f"a{ending}", far)
    again = read(tmp_path / f"a{ending}")
    assert isinstance(again, TriangleMesh)
    exact = bool((again.vertices[again.triangles] == far.vertices[far.triangles]).all())
    assert exact == (ending in (".ply", ".obj"))
    assert lost == (() if exact else ("digits beyond the seventh",))


def test_what_a_format_does_not_hold(tmp_path: Path) -> None:
    for geometry, ending in ((MESH, ".xyz"), (CLOUD, ".stl"), (MESH, ".png"), (CLOUD, "")):
        with pytest.raises(ExportError, match=r"expects an ending for a .* one of \.ply, \.obj, \.glb, \."):
            write_geometry(tmp_path / f"a{ending}", geometry)
    assert not list(tmp_path.iterdir())


def test_the_file_that_is_open_is_spared(tmp_path: Path) -> None:
    for ending in FORMATS:
        geometry = CLOUD if ending in (".xyz", ".pcd") else MESH
        path = tmp_path / f"a{ending}"
        write_geometry(path, geometry)
        before, media = path.read_bytes(), open_media(path)
        (link := tmp_path / f"link{ending}").hardlink_to(path)
        for target in (path, link):
            with pytest.raises(ExportError, match="is an input file"):
                write_geometry(target, geometry)
        assert media.path.read_bytes() == before
