"""Meshes and point clouds that made neighbouring programs fail: unusual line ends, numbers, headers and colours."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

CORNERS = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[1, 0, 0], [1, 1, 0], [0, 1, 0]]], "<f4")
OBJ = "v 0 0 0\nv 1 0 0\nv 0 1.5 0\nf 1 2 3\n"
VERTICES = "element vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
ROWS = "0 0 0\n1 0 0\n0 1.5 0\n"


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path) -> Any:
    with open_reader(open_media(path)) as reader:
        return reader.read()


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def ply(elements: str, rows: str) -> str:
    return f"ply\nformat ascii 1.0\n{elements}end_header\n{rows}"


def stl(header: bytes = b"", attributes: tuple[int, int] = (0, 0), count: int = 2, tail: bytes = b"") -> bytes:
    rows = b"".join(
        bytes(12) + corners.tobytes() + struct.pack("<H", attribute)
        for corners, attribute in zip(CORNERS, attributes, strict=True)
    )
    return header.ljust(80, b"\0") + struct.pack("<I", count) + rows + tail


STL_TEXT = "solid a\n" + "".join(
    "facet normal 0 0 1\nouter loop\n"
    + "".join("vertex {:g} {:g} {:g}\n".format(*corner) for corner in corners)
    + "endloop\nendfacet\n"
    for corners in CORNERS
)
STL_TEXT += "endsolid a\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.obj", OBJ), ("a.ply", ply(VERTICES, ROWS)), ("a.stl", STL_TEXT.replace("1 1 0", "1 1.5 0")),
     ("a.off", "OFF\n3 1 0\n" + ROWS + "3 0 1 2\n"), ("a.xyz", ROWS)],
)  # fmt: skip
@pytest.mark.parametrize("change", ["cr", "crlf", "mark", "comma"])
def test_lines_ends_marks_and_decimal_commas(tmp_path: Path, name: str, content: str, change: str) -> None:
    """Old Mac line ends, the mark that Windows programs set, and the decimal comma of a German or French locale."""
    if change == "comma" and name in ("a.off", "a.xyz"):
        pytest.skip("a comma parts numbers in plain columns; OFF is written by no program that does so")
    if change == "mark" and name == "a.ply":
        pytest.skip("the first line of a PLY is never written with one")
    changed = {
        "cr": content.replace("\n", "\r"),
        "crlf": content.replace("\n", "\r\n"),
        "mark": "\ufeff" + content,
        "comma": content.replace("1.5", "1,5"),
    }[change]
    sample = read(write(tmp_path / name, changed))
    points = sample.points if isinstance(sample, PointCloud) else sample.vertices
    assert points.max() == 1.5
    assert len(points) == (4 if name == "a.stl" else 3)
    assert ("Numbers" in told(tmp_path / name)) == (change == "comma")


def test_commas_in_names_and_comments_are_no_decimals(tmp_path: Path) -> None:
    text = "# 1,234 vertices\nmtllib a1,2.mtl\no part 3,4\n" + OBJ + "f 1 2 3 # scaled by 2,5\n"
    sample = read(write(tmp_path / "a.obj", text))
    assert sample.vertices.max() == 1.5
    assert "Numbers" not in told(tmp_path / "a.obj")
    text = STL_TEXT.replace("solid a", "solid part 1,2")
    assert read(write(tmp_path / "a.stl", text)).vertices.max() == 1
    assert "Numbers" not in told(tmp_path / "a.stl")


def test_statements_that_programs_add_to_obj(tmp_path: Path) -> None:
    content = (
        "interpolateMode NEAREST\nmtllib a.mtl\nusemtl red\ncstype bezier\ndeg 3\ncurv 0 1 1 2 3\nend\nl 1 2\n" + OBJ
    )
    path = write(tmp_path / "a.obj", content)
    assert len(read(path).triangles) == 1
    assert told(path)["Not read"] == "1 line, 1 curve"
    assert told(path)["Materials"] == "a.mtl was not found beside the file"
    # Without the name, unknown words are no mesh.
    with pytest.raises(MediaError, match="no known format"):
        open_media(write(tmp_path / "a.txt", content))


def test_colours_of_obj_that_are_no_numbers(tmp_path: Path) -> None:
    content = "v 0 0 0 nan nan nan\nv 1 0 0 1 0 0\nv 0 1 0 0 1 0\nf 1 2 3\n"
    assert read(write(tmp_path / "a.obj", content)).colours.tolist() == [[0, 0, 0], [255, 0, 0], [0, 255, 0]]


@pytest.mark.parametrize("binary", [False, True])
def test_strips_of_triangles(tmp_path: Path, binary: bool) -> None:
    """The large scans of Stanford's repository; -1 begins a new strip."""
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0], [5, 5, 5]], "<f4")
    strip = [0, 1, 2, 3, 4, -1, 2, 3, 5, -1, 0, 0, 1]
    elements = VERTICES.replace("3", "6", 1) + "element tristrips 1\nproperty list int int vertex_indices\n"
    content: str | bytes = ply(elements, "\n".join(" ".join(map(str, row)) for row in points) + "\n")
    assert isinstance(content, str)
    if binary:
        header = content[: content.index("end_header")].replace("ascii", "binary_little_endian") + "end_header\n"
        content = header.encode() + points.tobytes() + struct.pack(f"<{len(strip) + 1}i", len(strip), *strip)
    else:
        content += f"{len(strip)} {' '.join(map(str, strip))}\n"
    path = write(tmp_path / "a.ply", content)
    mesh = read(path)
    assert isinstance(mesh, TriangleMesh)
    assert mesh.triangles.tolist() == [[0, 1, 2], [2, 1, 3], [2, 3, 4], [2, 3, 5]]
    normals = trimesh.Trimesh(mesh.vertices, mesh.triangles[:3], process=False).face_normals
    np.testing.assert_allclose(normals, [[0, 0, 1]] * 3)
    assert "Not read" not in told(path)


def test_gaussian_splats_have_their_colours(tmp_path: Path) -> None:
    names = ["f_dc_0", "f_dc_1", "f_dc_2", *(f"f_rest_{number}" for number in range(45)), "opacity"]
    elements = VERTICES + "".join(f"property float {name}\n" for name in names)
    row = "1.7724538 0 -1.7724538 " + "0 " * 46
    path = write(tmp_path / "a.ply", ply(elements, "".join(f"{number} 0 0 {row}\n" for number in range(3))))
    # 0.5 + 0.28209479 * 1.7724538 = 1
    assert read(path).colours.tolist() == [[255, 128, 0]] * 3
    assert told(path)["Not read"] == "f_rest_0 to f_rest_44"
    assert told(path)["Scalar fields"] == "opacity"


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (stl(tail=b"\0\0"), ("Not read", "2 bytes behind the last triangle")),
        (stl(b"solid cube", tail=b"\r\n"), ("Not read", "2 bytes behind the last triangle")),
        (stl(count=0), ("Read", "2 triangles, of which the header states none")),
        (stl(count=0xFFFFFFFF), ("Read", "2 triangles, of which the header states none")),
        (stl(b"solid part"), None),
        (stl(b"solid x\n facet normal 0 0 1\n"), None),
    ],
)
def test_binary_stl_whose_length_or_header_is_unusual(
    tmp_path: Path, content: bytes, note: tuple[str, str] | None
) -> None:
    path = write(tmp_path / "a.stl", content)
    mesh = read(path)
    expected: Any = trimesh.load(io.BytesIO(stl()), file_type="stl")
    np.testing.assert_array_equal(np.sort(mesh.vertices, axis=0), np.sort(expected.vertices, axis=0))
    assert len(mesh.triangles) == 2
    if note is not None:
        assert told(path)[note[0]] == note[1]
    else:
        assert not {"Read", "Not read"} & told(path).keys()


def test_binary_stl_that_was_cut_short(tmp_path: Path) -> None:
    for cut in (1, 50, 90):
        with pytest.raises(MediaError, match="damaged or was cut short"):
            open_media(write(tmp_path / "a.stl", stl()[:-cut]))


@pytest.mark.parametrize("content", [STL_TEXT.upper(), STL_TEXT.replace("endloop", "end loop"),
                                     STL_TEXT.replace(" a\n", " " + "a" * 500 + "\n")])  # fmt: skip
def test_text_stl_of_other_programs(tmp_path: Path, content: str) -> None:
    mesh = read(write(tmp_path / "a.stl", content))
    assert (len(mesh.vertices), len(mesh.triangles)) == (4, 2)


def test_colours_of_stl(tmp_path: Path) -> None:
    """Materialise Magics: red lowest, marked triangles have the colour of the whole. VisCAM: the reverse."""
    magics = b"COLOR=\xff\x80\x00\xff"
    red_low, red_high = 31, 31 << 10
    apart = np.array([[[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[5, 0, 0], [6, 0, 0], [5, 1, 0]]], "<f4")
    cases = [
        (magics, (red_low, red_high), [[255, 0, 0], [0, 0, 255]]),
        (magics, (0x8000 | red_low, red_high), [[255, 128, 0], [0, 0, 255]]),
        (magics, (0, 0), [[255, 128, 0]] * 2),
        (b"VisCAM", (0x8000 | red_high, 0x8000 | red_low), [[255, 0, 0], [0, 0, 255]]),
        (b"VisCAM", (0x8000 | red_high, red_low), [[255, 0, 0], [255, 255, 255]]),
    ]
    for header, attributes, expected in cases:
        content = bytearray(stl(header, attributes))
        for row, corners in enumerate(apart):
            content[84 + 50 * row + 12 : 84 + 50 * row + 48] = corners.tobytes()
        path = write(tmp_path / "a.stl", bytes(content))
        mesh = read(path)
        assert [mesh.colours[triangle[0]].tolist() for triangle in mesh.triangles] == expected
        assert told(path)["Colours"] == "of faces, assigned to their vertices"
    assert read(write(tmp_path / "a.stl", stl())).colours is None


def test_one_face_is_one_triangle(tmp_path: Path) -> None:
    assert told(write(tmp_path / "a.obj", OBJ))["Faces"] == "1 triangle"


def test_surveyed_coordinates_are_drawn_as_near_the_origin() -> None:
    """A float32 holds UTM northings in steps of half a metre: the view subtracts the centre first."""
    from cvstudio.data.geometry import Size
    from cvstudio.draw.spatial.look import SpatialLook
    from cvstudio.draw.spatial.scene_view import SceneView, SceneViewRenderer
    from cvstudio.results.scene3d import Object3D, Scene3D

    def picture(points: np.ndarray) -> np.ndarray:
        scene = Scene3D((Object3D("cloud", PointCloud(points)),))
        renderer = SceneViewRenderer(SceneView(scene, SpatialLook(grid=False)))
        return renderer.render(size, renderer.camera.zoomed(8, None, renderer.radius)).astype(int)

    points = np.random.default_rng(0).uniform(-0.01, 0.01, (3000, 3))
    points = np.round(points * 2**30) / 2**30
    far = points + np.array([730_200.0, 4_500_000.0, 12.0])
    size = Size(120, 90)
    near_picture, far_picture = picture(points), picture(far)
    assert near_picture.std() > 5
    # Doubles hold the far ones to a billionth of a metre, a ten-millionth of the view.
    assert (np.abs(far_picture - near_picture).max(axis=2) > 8).mean() < 0.002
    steps = np.unique(far.astype(np.float32)[:, 1])
    assert len(steps) == 1


PLANE = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 2, 0]], "<f4")


def gltf_part(modes: list[int], indices: list[int] | None = None, sparse: bool = False, **document: Any) -> bytes:
    """A GLB with one mesh of `PLANE` in each of `modes`; with `sparse` its last point is moved to (7, 8, 9)."""
    packed = PLANE.tobytes()
    views = [{"buffer": 0, "byteOffset": 0, "byteLength": len(packed)}]
    position: dict[str, Any] = {"bufferView": 0, "componentType": 5126, "count": len(PLANE), "type": "VEC3"}
    accessors = [position]
    added = [np.array(indices or [], "<u2"), np.array([4, 0], "<u2"), np.array([7, 8, 9], "<f4")]
    for data in added:
        views.append({"buffer": 0, "byteOffset": len(packed), "byteLength": max(1, data.nbytes)})
        packed += data.tobytes() + bytes(-len(data.tobytes()) % 4)
    primitive: dict[str, Any] = {"attributes": {"POSITION": 0}}
    if indices is not None:
        accessors.append({"bufferView": 1, "componentType": 5123, "count": len(indices), "type": "SCALAR"})
        primitive["indices"] = 1
    if sparse:
        position["sparse"] = {
            "count": 1, "indices": {"bufferView": 2, "componentType": 5123}, "values": {"bufferView": 3}
        }  # fmt: skip
    content = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{**primitive, "mode": mode} for mode in modes]}],
        "accessors": accessors,
        "bufferViews": views,
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": len(packed)}],
    }
    kept = {name: value for name, value in {**content, **document}.items() if value is not None}
    text = json.dumps(kept).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(packed), b"BIN\0") + packed
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


@pytest.mark.parametrize(
    ("mode", "indices", "expected"),
    [
        (5, None, [[0, 1, 2], [1, 3, 2], [2, 3, 4]]),
        (5, [4, 3, 2, 1, 0], [[4, 3, 2], [3, 1, 2], [2, 1, 0]]),
        (6, None, [[1, 2, 0], [2, 3, 0], [3, 4, 0]]),
        (6, [0, 1, 3, 4], [[1, 3, 0], [3, 4, 0]]),
        (4, [0, 1, 2, 1, 3, 2], [[0, 1, 2], [1, 3, 2]]),
    ],
)
def test_strips_and_fans_of_gltf(tmp_path: Path, mode: int, indices: list[int] | None, expected: list[Any]) -> None:
    mesh = read(write(tmp_path / "a.glb", gltf_part([mode], indices)))
    corners = mesh.vertices[mesh.triangles]
    np.testing.assert_array_equal(corners, PLANE[np.array(expected)])


@pytest.mark.parametrize("mode", [1, 2, 3])
def test_lines_of_gltf_are_told(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path / "a.glb", gltf_part([mode]))
    assert len(read(path).points) == 5
    assert told(path)["Not read"] == "lines, of which the corners are shown"
    path = write(tmp_path / "b.glb", gltf_part([4, mode, 0], [0, 1, 2]))
    assert len(read(path).triangles) == 1
    assert told(path)["Not read"] == "lines, points"


@pytest.mark.parametrize("mode", [0, 4])
def test_sparse_values_of_gltf(tmp_path: Path, mode: int) -> None:
    sample = read(write(tmp_path / "a.glb", gltf_part([mode], [0, 1, 4] if mode else None, sparse=True)))
    points = sample.points if isinstance(sample, PointCloud) else sample.vertices
    assert points.max(axis=0).tolist() == [7, 8, 9]
    assert len(points) == 5


@pytest.mark.parametrize("left_out", [("scene",), ("scene", "scenes"), ("scene", "scenes", "nodes")])
def test_gltf_without_a_scene(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    content = gltf_part([4], [0, 1, 2], **dict.fromkeys(left_out))
    assert len(read(write(tmp_path / "a.glb", content)).triangles) == 1


@pytest.mark.parametrize(("name", "width"), [("000008.bin", 4), ("scan.pcd.bin", 5)])
def test_scans_of_kitti_and_nuscenes(tmp_path: Path, name: str, width: int) -> None:
    rng = np.random.default_rng(0)
    values = np.hstack([rng.normal(0, 20, (1000, 3)), rng.uniform(0, 1, (1000, 1)), rng.integers(0, 32, (1000, 1))])
    path = write(tmp_path / name, values[:, :width].astype("<f4").tobytes())
    cloud = read(path)
    assert isinstance(cloud, PointCloud)
    np.testing.assert_array_equal(cloud.points, values[:, :3].astype(np.float32))
    assert told(path)["Scalar fields"] == ("reflectance" if width == 4 else "reflectance, ring")
    np.testing.assert_array_equal(cloud.scalars[0].values, values[:, 3].astype(np.float32))
    assert open_media(path).details["up"] == "z"
    assert open_media(path.rename(tmp_path / "scan"), kind=MediaKind.GEOMETRY).kind is MediaKind.GEOMETRY
    with pytest.raises(MediaError, match="no known format"):
        open_media(tmp_path / "scan")


def test_other_binary_files_are_no_scans(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for content in (
        rng.bytes(16_000),
        bytes(16_000),
        np.arange(4000, dtype="<i4").tobytes(),
        rng.normal(0, 0.02, (1000, 4)).astype("<f4").tobytes(),  # weights of a network
        np.full((10, 4), np.nan, "<f4").tobytes(),
    ):
        with pytest.raises(MediaError, match="no known format"):
            open_media(write(tmp_path / "a.bin", content))


@pytest.mark.parametrize(
    ("name", "content", "colours", "normals"),
    [
        ("a.xyz", "x,y,z,r,g,b,intensity\n1,2,3,255,0,0,7\n4,5,6,0,255,0,8\n", True, False),
        ("a.csv", "intensity;X;Y;Z;R;G;B\n7;1;2;3;255;0;0\n8;4;5;6;0;255;0\n", True, False),
        ("a.txt", "//X Y Z R G B Nx Ny Nz\n1 2 3 255 0 0 0 0 1\n4 5 6 0 255 0 0 1 0\n", True, True),
        ("a.asc", "1 2 3 255 0 0 7.5\n4 5 6 0 255 0 8.5\n", True, False),
        ("a.asc", "1 2 3 7.5 255 0 0\n4 5 6 8.5 0 255 0\n", True, False),
        ("a.pts", "2\n1 2 3 7 255 0 0\n4 5 6 8 0 255 0\n", True, False),
        ("a.xyz", "1 2 3 0 0 1 255 0 0\n4 5 6 0 1 0 0 255 0\n", True, True),
        ("a.xyz", "1 2 3 255 0 0 0 0 1\n4 5 6 0 255 0 0 1 0\n", True, True),
        ("a.xyz", "x y z nx ny nz\n1 2 3 0 0 1\n4 5 6 0 1 0\n", False, True),
        ("a.xyz", "x y z curvature\n1 2 3 0.5\n4 5 6 0.25\n", False, False),
    ],
)
def test_columns_are_taken_by_their_names_and_ranges(
    tmp_path: Path, name: str, content: str, colours: bool, normals: bool
) -> None:
    path = write(tmp_path / name, content)
    with open_reader(open_media(path, kind=MediaKind.GEOMETRY)) as reader:
        cloud = reader.read()
    assert cloud.points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert (cloud.colours is not None) == colours
    assert (cloud.normals is not None) == normals
    if colours:
        assert cloud.colours.tolist() == [[255, 0, 0], [0, 255, 0]]
    if normals:
        assert cloud.normals.tolist() == [[0, 0, 1], [0, 1, 0]]


def test_a_table_without_x_y_and_z_is_no_cloud(tmp_path: Path) -> None:
    for content in ("time,score,label\n1,2,3\n4,5,6\n", "1,2,3\n4,5,6\n"):
        with pytest.raises(MediaError, match="table of numbers"):
            open_media(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize("columns", [10, 600])
def test_points_may_have_many_columns(tmp_path: Path, columns: int) -> None:
    """CloudCompare/CloudCompare 2178: scalar fields behind the coordinates. What is not read is told."""
    table = np.random.default_rng(0).random((200, columns)).round(4)
    path = tmp_path / "a.xyz"
    np.savetxt(path, table, "%.4f")
    media = open_media(path)
    with open_reader(media) as reader:
        np.testing.assert_allclose(reader.read().points, table[:, :3], atol=1e-9)
    assert dict(facts(media))["Not read"].endswith(f"of {columns} columns")


@pytest.mark.parametrize("head", ["", "Easting,Northing,Elevation,Intensity\n"])
def test_a_table_of_numbers_is_told_how_to_be_points(tmp_path: Path, head: str) -> None:
    """CloudCompare/CloudCompare 639 and 2099."""
    path = tmp_path / "a.csv"
    path.write_text(head + "0.5,-0.1,0.0,100\n0.5,-0.2,0.0,100\n")
    with pytest.raises(MediaError, match=r"table of numbers; to open it as points, let its name end in \.xyz\.$"):
        open_media(path)
    assert len(open_media(path.rename(tmp_path / "a.xyz")).readings) == 0
