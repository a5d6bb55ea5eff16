"""Meshes and point clouds: what was written is read, as other libraries read it, and nothing else is taken for one."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from cvstudio.data.mesh_topology import count_components, extent, is_watertight, merge_equal
from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import MediaError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.meshes.pcd import lzf_decompress

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(500, 3)) * (3, 1, 0.2) + (10, -4, 2)
COLOURS = RNG.integers(0, 256, (500, 3)).astype(np.uint8)


def read(path: Path, **options: Any) -> Any:
    media = open_media(path, **options)
    assert media.kind is MediaKind.GEOMETRY
    with open_reader(media) as reader:
        return reader.read()


def facts(media: Media) -> dict[str, str]:
    from cvstudio.media.formats import FORMATS

    return dict(FORMATS[media.format].facts(media, None))


@pytest.fixture
def ball() -> trimesh.Trimesh:
    made: trimesh.Trimesh = trimesh.creation.icosphere(subdivisions=2, radius=2.5)
    made.apply_translation((1, 2, 3))
    return made


MESHES: dict[str, dict[str, Any]] = {
    "binary.ply": {"encoding": "binary"},
    "text.ply": {"encoding": "ascii"},
    "binary.stl": {},
    "text.stl": {"file_type": "stl_ascii"},
    "a.obj": {},
    "a.off": {},
    "a.glb": {},
}


@pytest.mark.parametrize("name", MESHES)
def test_a_mesh_of_every_format(tmp_path: Path, ball: trimesh.Trimesh, name: str) -> None:
    path = tmp_path / name
    ball.export(path, **MESHES[name])
    for suffix in (path.suffix, ".txt"):  # the content decides
        path = path.rename(path.with_suffix(suffix))
        mesh = read(path)
        assert isinstance(mesh, TriangleMesh)
        assert len(mesh.vertices) == len(ball.vertices) == 162
        assert len(mesh.triangles) == len(ball.faces) == 320
        np.testing.assert_allclose(extent(mesh.vertices), ball.bounds, atol=1e-5)
        # The same triangles in the same sense: equal volume, which is negative where they are turned inside out.
        again = trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False)
        assert again.volume == pytest.approx(ball.volume, rel=1e-5)
        assert not mesh.vertices.flags.writeable
    found = facts(open_media(path))
    assert found["Vertices"] == "162"
    assert found["Faces"] == "320 triangles"
    assert (found["Watertight"], found["Components"]) == ("yes", "1")
    assert found["Size"] == "5 × 5 × 5"


@pytest.mark.parametrize("name", ["stanford-bunny", "spot", "teapot", "cow", "fandisk", "suzanne", "homer"])
def test_real_meshes_have_the_counts_of_their_text(data: Callable[..., Path], name: str) -> None:
    path = data("meshes", f"{name}.obj")
    text = path.read_text(encoding="utf-8", errors="replace")
    mesh = read(path)
    vertices = np.array([line.split()[1:4] for line in text.splitlines() if line.startswith("v ")], float)
    assert len(mesh.vertices) == len(vertices)
    assert len(mesh.triangles) == sum(len(line.split()) - 3 for line in text.splitlines() if line.startswith("f "))
    np.testing.assert_allclose(extent(mesh.vertices), (vertices.min(0), vertices.max(0)), rtol=1e-6)
    judged = trimesh.load(path, process=True, merge_norm=True, merge_tex=True)
    assert is_watertight(mesh) is bool(judged.is_watertight)


def test_a_real_mesh_survives_every_format(tmp_path: Path, data: Callable[..., Path]) -> None:
    whole = read(data("meshes", "fandisk.obj"))
    made = trimesh.Trimesh(whole.vertices, whole.triangles, process=False)
    for name, options in MESHES.items():
        made.export(tmp_path / name, **options)
        mesh = read(tmp_path / name)
        assert len(mesh.triangles) == len(whole.triangles)
        np.testing.assert_allclose(extent(mesh.vertices), extent(whole.vertices), atol=1e-5)
        assert is_watertight(mesh)


def cloud(normals: bool = False) -> Any:
    import open3d

    made = open3d.geometry.PointCloud(open3d.utility.Vector3dVector(POINTS))
    made.colors = open3d.utility.Vector3dVector(COLOURS / 255)
    if normals:
        made.normals = open3d.utility.Vector3dVector(POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True))
    return made


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("text.pcd", {"write_ascii": True}),
        ("binary.pcd", {}),
        ("compressed.pcd", {"compressed": True}),
        ("text.ply", {"write_ascii": True}),
        ("binary.ply", {}),
    ],
)
def test_a_cloud_written_by_open3d(tmp_path: Path, name: str, options: dict[str, bool]) -> None:
    import open3d

    path = tmp_path / name
    open3d.io.write_point_cloud(str(path), cloud(normals=True), **options)
    found = read(path)
    assert isinstance(found, PointCloud)
    # Open3D writes six digits as text.
    np.testing.assert_allclose(found.points, POINTS, atol=1e-4)
    np.testing.assert_array_equal(found.colours, COLOURS)
    if path.suffix == ".pcd":
        expected = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
        np.testing.assert_allclose(found.normals, expected, atol=1e-5)
    assert facts(open_media(path))["Points"] == "500"


def test_points_that_were_not_measured_are_left_out(tmp_path: Path) -> None:
    header = "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\nDATA ascii\n"
    path = tmp_path / "a.pcd"
    path.write_text("# .PCD v.7\n" + header + "1 2 3\nnan nan nan\n4 5 6\n")
    np.testing.assert_array_equal(read(path).points, [[1, 2, 3], [4, 5, 6]])


def test_lzf_by_hand() -> None:
    # Three bytes as they are, then nine more that repeat them, then five times the last.
    assert lzf_decompress(bytes([2, 97, 98, 99, 7 << 5, 0, 2, 3 << 5, 0]), 17) == b"abcabcabcabc" + b"ccccc"
    for damaged in (bytes([2, 97]), bytes([1 << 5, 9]), bytes([0, 97])):
        with pytest.raises((ValueError, IndexError)):
            lzf_decompress(damaged, 4)


@pytest.mark.parametrize("columns", ["xyz", "colour", "unit colour", "normal", "count first"])
def test_columns_of_numbers(tmp_path: Path, columns: str) -> None:
    normals = POINTS / np.linalg.norm(POINTS, axis=1, keepdims=True)
    more = {"colour": COLOURS, "unit colour": COLOURS / 255, "normal": normals}.get(columns)
    path = tmp_path / "a.xyz"
    head = "500\n" if columns == "count first" else "# made by hand\n"
    with path.open("w") as file:
        file.write(head)
        np.savetxt(file, POINTS if more is None else np.hstack([POINTS, more]), fmt="%.9g")
    found = read(path)
    np.testing.assert_allclose(found.points, POINTS, rtol=1e-7)
    assert (found.colours is None) == ("colour" not in columns)
    assert (found.normals is None) == (columns != "normal")
    if found.colours is not None:
        np.testing.assert_array_equal(found.colours, COLOURS)


NOT_GEOMETRY = {
    "table.csv": "x,y,z\n1,2,3\n4,5,6\n",
    "matrix.txt": "1 0 0\n0 1 0\n0 0 1\n",
    "water.xyz": "3\nwater\nO 0 0 0\nH 0 0 1\nH 0 1 0\n",
    "boxes.txt": "0 0.5 0.5 0.1 0.2\n1 0.2 0.1 0.3 0.3\n",
    "notes.txt": "v for victory\nf is for faces\n",
    "solid.txt": "solid advice for anyone\nwho reads this\n",
    "off.txt": "OFFICE hours 9 to 5\n",
    "ply.txt": "plywood\n",
    "data.json": '{"asset": "house", "price": 3}',
    "comments.txt": "# only\n# comments\n",
    "faces.txt": "f 1 2 3\nf 2 3 4\n",
}


@pytest.mark.parametrize("name", NOT_GEOMETRY)
def test_what_is_no_geometry(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(NOT_GEOMETRY[name])
    with pytest.raises(MediaError):
        open_media(path)


def test_columns_are_points_where_the_user_says_so(tmp_path: Path) -> None:
    path = tmp_path / "scan.txt"
    path.write_text("1 0 0\n0 1 0\n0 0 1\n")
    with pytest.raises(MediaError, match="table of numbers"):
        open_media(path)
    assert len(read(path, kind=MediaKind.GEOMETRY).points) == 3


def test_what_promises_more_than_it_holds_is_refused_at_once(tmp_path: Path, ball: trimesh.Trimesh) -> None:
    path = tmp_path / "a"
    claims = {
        "ply": b"ply\nformat binary_little_endian 1.0\nelement vertex 90000000\nproperty float x\nproperty float y\n"
        b"property float z\nend_header\n" + bytes(100),
        "pcd": b"VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 90000000\nDATA binary\n" + bytes(60),
        "off": b"OFF\n90000000 3 0\n0 0 0\n",
        "glb": b"glTF\x02\0\0\0\xff\xff\xff\x0f" + bytes(40),
    }
    for content in claims.values():
        path.write_bytes(content)
        with pytest.raises(MediaError, match="cut short"):
            open_media(path)
    path.write_bytes(claims["ply"].replace(b"90000000", b"999999999999"))
    with pytest.raises(MediaError, match=re.escape("999,999,999,999")):
        open_media(path)
    # Values without a buffer are zeros, and take no room in the file.
    glb = {"asset": {"version": "2.0"}, "accessors": [{"componentType": 5126, "type": "VEC3", "count": 3_000_000_000}]}
    glb["meshes"] = [{"primitives": [{"attributes": {"POSITION": 0}, "mode": 5}]}]
    path.write_text(json.dumps(glb))
    with pytest.raises(MediaError, match="3,000,000,000 vertices"):
        open_media(path)
    for name, options in MESHES.items():
        ball.export(tmp_path / name, **options)
        whole = (tmp_path / name).read_bytes()
        path = tmp_path / f"cut {name}"
        for share in (0.3, 0.9):
            path.write_bytes(whole[: int(len(whole) * share)])
            try:
                mesh = read(path)
            except MediaError:
                continue
            # Text that ends between two lines is whole as far as anyone can tell.
            assert name == "a.obj"
            assert len(mesh.vertices) <= 162


def test_gltf_that_names_other_files_is_refused_and_embedded_is_read(tmp_path: Path, ball: trimesh.Trimesh) -> None:
    files = trimesh.exchange.gltf.export_gltf(trimesh.Scene(ball), embed_buffers=True)
    path = tmp_path / "a.gltf"
    path.write_bytes(files["model.gltf"])
    assert len(read(path).triangles) == 320
    tree = json.loads(files["model.gltf"])
    tree["buffers"][0]["uri"] = "/etc/passwd"
    path.write_text(json.dumps(tree))
    with pytest.raises(MediaError, match="another file"):
        open_media(path)


def test_vertex_colours(tmp_path: Path, ball: trimesh.Trimesh) -> None:
    colours = RNG.integers(0, 256, (162, 3)).astype(np.uint8)
    ball.visual.vertex_colors = colours
    for name in ("a.ply", "a.obj"):
        ball.export(tmp_path / name)
        np.testing.assert_array_equal(read(tmp_path / name).colours, colours)
    # trimesh writes the levels as they are, and those of a glTF are linear light (glTF 2.0, section 3.9.2).
    ball.export(tmp_path / "a.glb")
    light = colours / 255
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_array_equal(read(tmp_path / "a.glb").colours, np.floor(srgb * 255 + 0.5))


def test_topology_by_hand() -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    assert is_watertight(TriangleMesh(corners, faces))
    assert not is_watertight(TriangleMesh(corners, faces[:3]))
    # Every triangle with vertices of its own, one of them written as -0: the same surface.
    soup = corners[faces.reshape(-1)]
    soup[0, 0] = -0.0
    loose = np.arange(12, dtype=np.int32).reshape(4, 3)
    assert is_watertight(TriangleMesh(soup, loose))
    two = TriangleMesh(np.vstack([corners, corners + 9]), np.vstack([faces, faces + 4]).astype(np.int32))
    assert count_components(two) == 2
    assert is_watertight(two)
    # A vertex that no triangle uses is no piece, whatever its number; a mesh of lines alone has none.
    unused = np.vstack([corners[:2], [[9, 9, 9]], corners[2:]])
    assert count_components(TriangleMesh(unused, np.where(faces >= 2, faces + 1, faces).astype(np.int32))) == 1
    flat = TriangleMesh(corners, np.array([[0, 1, 1]], np.int32))
    assert (is_watertight(flat), count_components(flat)) == (False, 0)
    kept, place = merge_equal(np.array([[1, 2, 3], [0, 0, 0], [1, 2, 3], [0, -0.0, 0]], float))
    assert (kept.tolist(), place.tolist()) == ([0, 1], [0, 1, 0, 1])


def test_the_pieces_of_random_meshes_are_those_that_a_walk_finds() -> None:
    for _ in range(100):
        n = RNG.integers(3, 12)
        mesh = TriangleMesh(
            RNG.integers(0, 3, (n, 3)).astype(float), RNG.integers(0, n, (RNG.integers(0, 14), 3)).astype(np.int32)
        )
        corners = [{tuple(mesh.vertices[vertex]) for vertex in triangle} for triangle in mesh.triangles]
        corners = [triangle for triangle in corners if len(triangle) == 3]
        sides = Counter(frozenset(pair) for triangle in corners for pair in itertools.combinations(triangle, 2))
        assert is_watertight(mesh) is (bool(sides) and set(sides.values()) == {2})
        pieces: list[set[tuple[float, ...]]] = []
        for triangle in corners:
            touching = [piece for piece in pieces if piece & triangle]
            pieces = [piece for piece in pieces if not piece & triangle] + [triangle.union(*touching)]
        assert count_components(mesh) == len(pieces)


def test_samples_are_checked() -> None:
    points = np.zeros((3, 3))
    for wrong in (
        lambda: TriangleMesh(points, np.array([[0, 1, 3]], np.int32)),
        lambda: TriangleMesh(points, np.array([[0, 1, 2]])),
        lambda: TriangleMesh(points * np.nan, np.zeros((0, 3), np.int32)),
        lambda: PointCloud(points.astype(np.float32)),
        lambda: PointCloud(points, np.zeros((2, 3), np.uint8)),
    ):
        with pytest.raises(ValueError, match="expected"):
            wrong()
