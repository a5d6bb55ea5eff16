"""Meshes and point clouds as people have them: compressed, quantised, concave, surveyed, coloured in unusual ways."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud, TriangleMesh
from cvstudio.foundation.errors import MediaError
from cvstudio.media import open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.meshes.polygons import triangulate

RNG = np.random.default_rng(0)


def read(path: Path) -> Any:
    with open_reader(open_media(path)) as reader:
        return reader.read()


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def area(mesh: TriangleMesh) -> float:
    return float(trimesh.Trimesh(mesh.vertices, mesh.triangles, process=False).area)


def ply(columns: str, rows: str, count: int) -> str:
    """A PLY of points as text; `columns` as in "float x, float y"."""
    properties = "".join(f"property {column}\n" for column in columns.split(", "))
    return f"ply\nformat ascii 1.0\nelement vertex {count}\n{properties}end_header\n{rows}\n"


XYZ = "float x, float y, float z"


def glb(document: dict[str, Any], binary: bytes) -> bytes:
    text = json.dumps({"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(binary)}], **document}).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def triangle_glb(positions: NDArray[Any], colours: NDArray[Any], *, normalized: bool = True, **document: Any) -> bytes:
    """One triangle with positions (3, 4) of which the last column is padding, and colours (3, 4)."""
    kinds = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "f4": 5126}
    first, second = positions.tobytes(), colours.tobytes()
    stride = positions.strides[0]
    return glb(
        {
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "scale": [2, 2, 2], "translation": [10, 0, 0]}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}}]}],
            "accessors": [
                {"bufferView": 0, "componentType": kinds[positions.dtype.str[1:]], "normalized": normalized, "count": 3,
                 "type": "VEC3"},
                {"bufferView": 1, "componentType": kinds[colours.dtype.str[1:]],
                 "normalized": colours.dtype.kind == "u", "count": 3, "type": "VEC4"},
            ],
            "bufferViews": [
                {"buffer": 0, "byteOffset": 0, "byteLength": len(first), "byteStride": stride},
                {"buffer": 0, "byteOffset": len(first), "byteLength": len(second)},
            ],
            **document,
        },
        first + second,
    )  # fmt: skip


CORNERS = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2"])
def test_quantised_vertices_are_fractions(tmp_path: Path, dtype: str) -> None:
    top = np.iinfo(dtype).max
    colours = np.array([[128, 0, 255, 255]] * 3, np.uint8)
    path = write(tmp_path / "a.glb", triangle_glb((CORNERS * top).astype(dtype), colours))
    mesh = read(path)
    np.testing.assert_allclose(mesh.vertices, [[10, 0, 0], [12, 0, 0], [10, 2, 0]], atol=1e-6)
    assert mesh.colours.tolist() == [[188, 0, 255]] * 3  # 0.502 in linear light is 188 in sRGB
    plain = write(tmp_path / "b.glb", triangle_glb((CORNERS * 100).astype(dtype), colours, normalized=False))
    np.testing.assert_allclose(read(plain).vertices[1], [210, 0, 0])


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_colours_of_gltf_are_multiplied_by_the_material(tmp_path: Path, dtype: str) -> None:
    top = 1.0 if dtype == "f4" else np.iinfo(dtype).max
    content = triangle_glb(
        CORNERS.astype(np.float32),
        np.full((3, 4), top).astype(dtype),
        normalized=False,
        materials=[{"pbrMetallicRoughness": {"baseColorFactor": [1, 0.5, 0, 1]}}],
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "material": 0}]}],
    )
    assert read(write(tmp_path / "a.glb", content)).colours.tolist() == [[255, 188, 0]] * 3


@pytest.mark.parametrize("name", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "VENDOR_secret"])
def test_a_required_extension_is_named(tmp_path: Path, name: str) -> None:
    document = {"extensionsUsed": [name], "extensionsRequired": [name]}
    colours = np.zeros((3, 4), np.uint8)
    path = write(tmp_path / "a.glb", triangle_glb(CORNERS.astype(np.float32), colours, normalized=False, **document))
    with pytest.raises(MediaError, match=name):
        open_media(path)
    text = {"asset": {"version": "2.0"}, **document}
    with pytest.raises(MediaError, match=name):
        open_media(write(tmp_path / "a.gltf", json.dumps(text)))
    # One that is only used is told.
    del document["extensionsRequired"]
    write(path, triangle_glb(CORNERS.astype(np.float32), colours, normalized=False, **document))
    assert name in told(path)["Not read"]


def test_compressed_vertices_without_a_copy_are_refused(tmp_path: Path) -> None:
    extension = {"KHR_draco_mesh_compression": {"bufferView": 0, "attributes": {"POSITION": 0}}}
    content = glb(
        {
            "extensionsUsed": list(extension),
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "extensions": extension}]}],
            "accessors": [{"componentType": 5126, "count": 3, "type": "VEC3"}],
            "bufferViews": [{"buffer": 0, "byteLength": 40}],
        },
        bytes(40),
    )
    with pytest.raises(MediaError, match="KHR_draco"):
        open_media(write(tmp_path / "a.glb", content))


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ("ushort red, ushort green, ushort blue", ("65535 32768 0", "0 65535 65535")),
        ("uchar red, uchar green, uchar blue", ("255 128 0", "0 255 255")),
        ("float red, float green, float blue", ("1 0.5 0", "0 1 1")),
        ("uchar diffuse_red, uchar diffuse_green, uchar diffuse_blue", ("255 128 0", "0 255 255")),
    ],
)
def test_colours_of_points_of_every_type(tmp_path: Path, columns: str, rows: tuple[str, str]) -> None:
    content = ply(f"{XYZ}, {columns}", f"0 0 0 {rows[0]}\n1 1 1 {rows[1]}", 2)
    assert read(write(tmp_path / "a.ply", content)).colours.tolist() == [[255, 128, 0], [0, 255, 255]]


def test_normals_of_points_are_kept(tmp_path: Path) -> None:
    content = ply(f"{XYZ}, float nx, float ny, float nz, float curvature", "0 0 0 0 0 2 7\n1 1 1 0 1 0 7", 2)
    path = write(tmp_path / "a.ply", content)
    assert read(path).normals.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert told(path)["Normals"] == "of each point"
    assert told(path)["Scalar fields"] == "curvature"
    assert read(path).scalars[0].values.tolist() == [7, 7]


def test_points_that_were_not_measured_are_counted(tmp_path: Path) -> None:
    content = ply(f"{XYZ}, uchar red, uchar green, uchar blue", "0 0 0 1 2 3\nnan nan nan 0 0 0\n0 1 inf 0 0 0", 3)
    clouds = {
        "a.ply": content,
        "a.xyz": "0 0 0\nnan nan nan\n0 1 inf\n",
        "a.pcd": "VERSION .7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 3\nHEIGHT 1\nPOINTS 3\n"
        "DATA ascii\n0 0 0\nnan nan nan\n0 1 inf\n",
    }
    for name, text in clouds.items():
        path = write(tmp_path / name, text)
        assert read(path).points.tolist() == [[0, 0, 0]]
        assert told(path)["Left out"].startswith("2 points ")
    with pytest.raises(MediaError, match="no point that was measured"):
        read(write(tmp_path / "b.ply", ply(XYZ, "nan nan nan", 1)))


def test_triangles_of_vertices_without_a_place_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "a.off", "OFF\n5 2 0\n0 0 0\nnan 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2\n4 0 2 3 4\n")
    mesh = read(path)
    assert (len(mesh.vertices), area(mesh)) == (4, 1)
    assert told(path)["Left out"].startswith("1 vertex ")


@pytest.mark.parametrize(
    ("rows", "extent"),
    [
        ("730200.913 5704681.127 40.195\n730200.918 5704681.132 40.2",
         ["x 730200.913 to 730200.918", "y 5704681.127 to 5704681.132", "z 40.195 to 40.2"]),
        ("-4512345.25 0 1\n-4512345.25 1000 3", ["x -4512345.25 to -4512345.25", "y 0 to 1000", "z 1 to 3"]),
    ],
)  # fmt: skip
def test_the_extent_of_surveyed_coordinates_is_told(tmp_path: Path, rows: str, extent: list[str]) -> None:
    path = write(tmp_path / "a.ply", ply("double x, double y, double z", rows, 2))
    assert told(path)["Extent"].split("\n") == extent
    np.testing.assert_array_equal(read(path).points, [[float(x) for x in row.split()] for row in rows.split("\n")])


CONCAVE = [(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]
DART = [(0, 0), (2, 1), (0, 4), (0.5, 1)]


@pytest.mark.parametrize(("outline", "expected"), [(CONCAVE, 10.0), (DART, 3.0)])
@pytest.mark.parametrize("kind", ["obj", "off", "ply", "binary"])
def test_concave_polygons_keep_their_area(
    tmp_path: Path, outline: list[tuple[float, float]], expected: float, kind: str
) -> None:
    x, y = np.array(outline).T
    assert abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2) == expected
    n = len(outline)
    rows = [f"{a} {b} 0" for a, b in outline]
    numbers = " ".join(map(str, range(n)))
    header = (
        f"element vertex {n}\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 2\nproperty list uchar int vertex_indices\nend_header\n"
    )
    content: str | bytes = {
        "obj": "".join(f"v {row}\n" for row in rows) + f"f {' '.join(str(i + 1) for i in range(n))}\n",
        "off": f"OFF\n{n} 1 0\n" + "\n".join(rows) + f"\n{n} {numbers}\n",
        # Of unequal lengths: the second face is a triangle without area.
        "ply": "ply\nformat ascii 1.0\n" + header + "\n".join(rows) + f"\n{n} {numbers}\n3 0 1 1\n",
        "binary": f"ply\nformat binary_big_endian 1.0\n{header}".encode()
        + np.array([(a, b, 0) for a, b in outline], ">f4").tobytes()
        + bytes([n]) + np.arange(n, dtype=">i4").tobytes() + bytes([3]) + np.array([0, 1, 1], ">i4").tobytes(),
    }[kind]  # fmt: skip
    mesh = read(write(tmp_path / f"a.{'ply' if kind == 'binary' else kind}", content))
    assert area(mesh) == pytest.approx(expected)
    normals = np.cross(
        mesh.vertices[mesh.triangles[:, 1]] - mesh.vertices[mesh.triangles[:, 0]],
        mesh.vertices[mesh.triangles[:, 2]] - mesh.vertices[mesh.triangles[:, 0]],
    )
    assert (normals[:, 2] >= 0).all()  # none turned over


@pytest.mark.parametrize("corners", [4, 5, 9, 60])
def test_random_polygons_in_space(corners: int) -> None:
    for _ in range(30):
        angle = (np.arange(corners) + RNG.uniform(0, 0.9, corners)) * 2 * np.pi / corners
        radius = RNG.uniform(0.2, 1, corners)
        x, y = radius * np.cos(angle), radius * np.sin(angle)
        turn = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
        vertices = np.stack([x, y, 0 * x], axis=1) @ turn.T + 5
        triangles, owner = triangulate(vertices, np.arange(corners), np.array([corners]))
        assert len(triangles) == corners - 2
        assert not owner.any()
        expected = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)
        assert area(TriangleMesh(vertices, triangles)) == pytest.approx(expected)


@pytest.mark.parametrize("shape", ["star", "arch", "spiral"])
def test_a_polygon_of_8000_corners_takes_a_second(shape: str) -> None:
    turn = np.linspace(0, 2 * np.pi, 8000, endpoint=False)
    half = np.linspace(np.pi, 0, 7998)
    coil = np.linspace(0, 40 * np.pi, 4000)
    outline = {
        "star": np.where(np.arange(8000) % 2, 1.0, 0.1)[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1),
        "arch": np.concatenate([np.stack([np.cos(half), np.sin(half)], axis=1), [[1, 2], [-1, 2]]]),
        "spiral": np.concatenate(
            [
                np.stack([(coil + r) * np.cos(coil), (coil + r) * np.sin(coil)], axis=1)[::s]
                for r, s in ((5, 1), (6, -1))
            ]
        ),
    }[shape]
    vertices = np.pad(outline, ((0, 0), (0, 1)))
    begun = time.process_time()
    triangles, _ = triangulate(vertices, np.arange(8000), np.array([8000]))
    assert time.process_time() - begun < 2
    x, y = outline.T
    expected = abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)
    assert area(TriangleMesh(vertices, triangles)) == pytest.approx(expected)


def test_a_hole_is_joined_by_a_seam() -> None:
    outline = [(0, 0), (4, 0), (4, 4), (0, 4), (0, 0), (1, 1), (1, 3), (3, 3), (3, 1), (1, 1)]
    vertices = np.pad(np.array(outline, float), ((0, 0), (0, 1)))
    triangles, _ = triangulate(vertices, np.arange(10), np.array([10]))
    assert area(TriangleMesh(vertices, triangles)) == pytest.approx(16 - 4)


@pytest.mark.parametrize("shape", ["comb", "crossing", "flat"])
def test_a_polygon_of_many_corners_takes_no_minutes(shape: str) -> None:
    x = np.arange(1000)
    upper = np.stack([x, np.where(x % 2, 10.0, 1.0)], axis=1)
    outline = {
        "comb": np.concatenate([upper - [0, 0.5], upper[::-1]]),
        "crossing": np.random.default_rng(0).normal(size=(2000, 2)),
        "flat": np.random.default_rng(0).normal(size=(2000, 1)) * [1, 0],
    }[shape]
    vertices = np.pad(outline, ((0, 0), (0, 1)))
    begun = time.process_time()
    triangles, _ = triangulate(vertices, np.arange(2000), np.array([2000]))
    assert time.process_time() - begun < 10
    assert len(triangles) == 1998
    if shape == "comb":
        assert area(TriangleMesh(vertices, triangles)) == pytest.approx(999 * 0.5)


@pytest.mark.parametrize("face", ["f 1 2 \\\n 3 4", "f 1 2 \\\r\n 3 4", "f -4 -3 \\\n-2 -1", "f 1/1/1 2// \\\n3 4/2"])
def test_lines_that_are_continued(tmp_path: Path, face: str) -> None:
    mesh = read(write(tmp_path / "a.obj", f"v 0 0 0\nv 1 0 0\nv 1 1 \\\n0\nv 0 1 0\n{face}\n"))
    assert (len(mesh.vertices), len(mesh.triangles), area(mesh)) == (4, 2, 1)


def test_a_comment_is_not_continued(tmp_path: Path) -> None:
    """Programs write the folder of the file, which in Windows may end in a backslash."""
    text = "# C:\\models\\\nv 0 0 0\n  # \\\r\nv 1 0 0\nv 1 1 \\\n0\nf 1 2 3\n"
    mesh = read(write(tmp_path / "a.obj", text))
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]


def test_some_vertices_with_colours(tmp_path: Path) -> None:
    path = write(tmp_path / "a.obj", "o a\nv 0 0 0\nv 1 0 0\no b\nv 1 1 0 1 0 0\nv 0 1 0 0 0.5 1\nf 1 2 3\nf 1 3 4\n")
    assert read(path).colours.tolist() == [[255, 255, 255], [255, 255, 255], [255, 0, 0], [0, 128, 255]]
    assert told(path)["Colours"] == "of 2 of 4 vertices; the others are white"


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("COFF\n3 1 0\n0 0 0 255 0 9 255\n1 0 0 0 255 0 255\n1 1 0 0 0 255 255\n3 0 1 2\n", [255, 0, 9]),
        ("COFF\n3 1 0\n0 0 0 1.0 0 0.2\n1 0 0 0 1 0\n1 1 0 0 0 1\n3 0 1 2\n", [255, 0, 51]),
        ("NCOFF\n3 1 0\n0 0 0 0 0 1 7 8 90 255\n1 0 0 0 0 1 0 1 0 255\n1 1 0 0 0 1 0 0 1 255\n3 0 1 2\n", [7, 8, 90]),
        ("OFF\n3 1 0\n0 0 0\n1 0 0\n1 1 0\n3 0 1 2 200 100 50\n", [200, 100, 50]),
        ("OFF 3 1\n0 0 0\n1 0 0\n1 1 0\n3 0 1 2\n", None),
    ],
)
def test_colours_of_off(tmp_path: Path, content: str, first: list[int] | None) -> None:
    path = write(tmp_path / "a.off", content)
    mesh = read(path)
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0]]
    assert (None if mesh.colours is None else mesh.colours[0].tolist()) == first
    assert ("Colours" in told(path)) == (first is not None)


def test_colours_of_faces_in_ply(tmp_path: Path) -> None:
    content = (
        "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
        "element face 1\nproperty list uchar int vertex_index\nproperty uchar red\nproperty uchar green\n"
        "property uchar blue\nend_header\n0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3 9 8 7\n"
    )
    path = write(tmp_path / "a.ply", content)
    assert read(path).colours.tolist() == [[9, 8, 7]] * 4
    assert told(path)["Colours"] == "of faces, assigned to their vertices"


def test_a_cloud_of_gltf_is_moved_by_its_node(tmp_path: Path) -> None:
    content = triangle_glb(
        CORNERS.astype(np.float32),
        np.full((3, 4), 255, np.uint8),
        normalized=False,
        meshes=[{"primitives": [{"attributes": {"POSITION": 0, "COLOR_0": 1}, "mode": 0}]}],
    )
    cloud = read(write(tmp_path / "a.glb", content))
    assert isinstance(cloud, PointCloud)
    np.testing.assert_allclose(cloud.points, [[10, 0, 0], [12, 0, 0], [10, 2, 0]])


@pytest.mark.parametrize(
    "content",
    [
        "x y z\n0.5 1.5 2.5\n1.5 2.5 3.5\n",
        "X,Y,Z\n0.5,1.5,2.5\n1.5,2.5,3.5\n",
        "//X;Y;Z\r\n0.5;1.5;2.5\r\n1.5;2.5;3.5\r\n",
        "x;y;z\n0,5;1,5;2,5\n1,5;2,5;3,5\n",
        "2\n0.5\t1.5\t2.5\n\n1.5\t2.5\t3.5\n",
        "0.5, 1.5, 2.5,\n1.5, 2.5, 3.5,\n",
        '"x","y","z"\n"0.5","1.5","2.5"\n1.5,2.5,3.5\n',
        '"x";"y";"z"\n"0,5";"1,5";"2,5"\n"1,5";"2,5";"3,5"\n',
        "Easting Northing Height\n# comment\n0.5 1.5 2.5\n1.5 2.5 3.5\n",
    ],
)
def test_columns_with_names_and_any_separator(tmp_path: Path, content: str) -> None:
    for suffix in ("xyz", "asc", "pts"):
        cloud = read(write(tmp_path / f"a.{suffix}", content))
        assert cloud.points.tolist() == [[0.5, 1.5, 2.5], [1.5, 2.5, 3.5]]


def test_a_column_that_is_not_read_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xyz", "x,y,z,intensity\n1,2,3,0.5\n4,5,6,0.25\n")
    assert read(path).points.tolist() == [[1, 2, 3], [4, 5, 6]]
    assert told(path)["Not read"] == "1 of 4 columns"


def test_the_line_that_is_no_row_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xyz", "x y z\n1 2 3\n4 5 6\n7 8 nine\n1 2 3\n")
    with pytest.raises(MediaError, match=r"Line 4 of 'a.xyz' is '7 8 nine', and 3 numbers"):
        open_media(path)
    # Also where the file is longer than what is looked at first.
    write(path, "1 2 3\n" * 5000 + "4 5\n")
    with pytest.raises(MediaError, match=r"Line 5001 of 'a.xyz' is '4 5'"):
        read(path)


def test_whole_numbers_of_pcd_that_were_not_measured(tmp_path: Path) -> None:
    header = "VERSION .7\nFIELDS x y z ring\nSIZE 4 4 4 4\nTYPE F F F U\nPOINTS 2\nDATA ascii\n"
    cloud = read(write(tmp_path / "a.pcd", f"{header}0 0 1 nan\n1 2 3 7\n"))
    assert cloud.points.tolist() == [[0, 0, 1], [1, 2, 3]]


@pytest.mark.parametrize("names", ["r g b", "red green blue"])
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_of_pcd_in_fields_of_their_own(tmp_path: Path, names: str, bits: int) -> None:
    size, factor = bits // 8, 257 if bits == 16 else 1
    header = (
        f"VERSION .7\nFIELDS x y z {names} intensity\nSIZE 4 4 4 {size} {size} {size} 4\nTYPE F F F U U U F\n"
        "COUNT 1 1 1 1 1 1 1\nWIDTH 2\nHEIGHT 1\nPOINTS 2\nDATA ascii\n"
    )
    colour = " ".join(str(level * factor) for level in (200, 100, 50))
    path = write(tmp_path / "a.pcd", header + f"0 0 0 {colour} 1\n1 1 1 {colour} 1\n")
    assert read(path).colours.tolist() == [[200, 100, 50]] * 2
    assert told(path)["Scalar fields"] == "intensity"
