"""Textures, normals and scalars of opened meshes: read as others read them, and kept in files that hold them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import open3d as o3d
import pytest
import trimesh
from PIL import Image
from trimesh.visual import TextureVisuals
from trimesh.visual.material import PBRMaterial, SimpleMaterial

from cvstudio.data.samples import TriangleMesh
from cvstudio.data.spatial.scalars import ScalarField
from cvstudio.data.spatial.vertex_colours import vertex_colours
from cvstudio.exporters.spatial.geometry_files import write_geometry
from cvstudio.media.formats.geometry import geometry_facts, read_geometry
from cvstudio.media.meshes.textures import SurfaceMaterial, joined


def noise(seed: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3)).astype(np.uint8)


def mesh(path: Path) -> TriangleMesh:
    sample = read_geometry(path)
    assert isinstance(sample, TriangleMesh)
    return sample


def sampled(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """The texel at each of `uv` (..., 2), by hand."""
    height, width = texture.shape[:2]
    uv = uv - np.floor(uv)
    columns = np.minimum((uv[..., 0] * width).astype(int), width - 1)
    rows = np.minimum(((1 - uv[..., 1]) * height).astype(int), height - 1)
    return np.asarray(texture[rows, columns])


def inner(uv: np.ndarray) -> np.ndarray:
    """A place within each triangle."""
    return np.asarray((uv * np.array([0.5, 0.3, 0.2])[:, None]).sum(axis=1))


def ball(picture: np.ndarray, material: type = SimpleMaterial) -> trimesh.Trimesh:
    made = trimesh.creation.icosphere(subdivisions=2)
    uv = np.random.default_rng(5).uniform(0.05, 0.95, (len(made.vertices), 2))
    name = "image" if material is SimpleMaterial else "baseColorTexture"
    visual = TextureVisuals(uv=uv, material=material(**{name: Image.fromarray(picture)}))
    return trimesh.Trimesh(made.vertices, made.faces, process=False, visual=visual)


def test_obj_with_its_material_and_texture(tmp_path: Path) -> None:
    picture = noise(0, 24, 32)
    made = ball(picture)
    made.export(tmp_path / "ball.obj")
    own = mesh(tmp_path / "ball.obj")
    np.testing.assert_array_equal(own.texture, picture)
    np.testing.assert_allclose(own.uv, made.visual.uv[made.faces], atol=1e-6)
    np.testing.assert_array_equal(vertex_colours(own), sampled(picture, made.visual.uv.astype(np.float32)))
    assert dict(geometry_facts(own))["Texture"] == "32 × 24 pixels"


def test_glb_with_a_texture_and_a_part_of_one_colour(tmp_path: Path) -> None:
    picture = noise(1, 16, 16)
    red = trimesh.creation.box((1, 1, 1))
    red.apply_translation((4, 0, 0))
    red.visual = TextureVisuals(uv=np.zeros((8, 2)), material=PBRMaterial(baseColorFactor=[255, 0, 0, 255]))
    trimesh.Scene({"a": ball(picture, PBRMaterial), "b": red}).export(tmp_path / "two.glb")
    own = mesh(tmp_path / "two.glb")
    assert own.uv is not None
    assert own.texture is not None
    right = own.vertices[own.triangles][:, :, 0].min(axis=1) > 2
    assert right.sum() == 12
    colours = sampled(own.texture, inner(own.uv))
    assert (colours[right] == (255, 0, 0)).all()
    alone = ball(picture, PBRMaterial)
    expected = sampled(picture, inner(alone.visual.uv[alone.faces].astype(np.float32)))
    assert (np.abs(colours[~right].astype(int) - expected).max(axis=1) == 0).mean() > 0.99


def test_materials_are_joined_as_their_pictures_repeat() -> None:
    """A place beyond 0..1 shows the picture again, also in a texture of several."""
    first, second = noise(2, 8, 12), noise(3, 20, 6)
    uv = np.random.default_rng(0).uniform(-1.5, 3, (200, 3, 2)).astype(np.float32)
    owner = np.arange(200) % 3
    painted = joined([SurfaceMaterial(first), SurfaceMaterial(second), SurfaceMaterial(colour=(1, 2, 3))], owner, uv)
    assert painted is not None
    places, texture = painted
    assert places.min() >= 0
    assert places.max() <= 1
    found = sampled(texture, inner(places))
    for number, expected in enumerate((sampled(first, inner(uv)), sampled(second, inner(uv)), None)):
        rows = owner == number
        want = np.full((200, 3), (1, 2, 3)) if expected is None else expected
        assert (found[rows] == want[rows]).all(axis=1).mean() > 0.97, number
    assert joined([SurfaceMaterial(), SurfaceMaterial()], owner % 2, uv) is None
    alone = joined([SurfaceMaterial(first)], owner * 0, uv)
    assert alone is not None
    assert alone[1] is first


@pytest.mark.parametrize("binary", [False, True])
def test_ply_with_places_of_corners_as_meshlab_writes_them(tmp_path: Path, binary: bool) -> None:
    picture = noise(4, 9, 7)
    Image.fromarray(picture).save(tmp_path / "Wood.PNG")
    header = (
        f"ply\nformat {'binary_little_endian' if binary else 'ascii'} 1.0\ncomment TextureFile wood.png\n"
        "element vertex 5\nproperty float x\nproperty float y\nproperty float z\nproperty float quality\n"
        "element face 2\nproperty list uchar int vertex_indices\nproperty list uchar float texcoord\nend_header\n"
    )
    points = [[0, 0, 0, 1], [1, 0, 0, 2], [1, 1, 0, 3], [0, 1, 0, 4], [2, 0, 0, 5]]
    faces = [([0, 1, 2, 3], [0, 0, 1, 0, 1, 1, 0, 1]), ([1, 4, 2], [0.5, 0.5, 0.75, 0.5, 0.5, 0.75])]
    if binary:
        body = np.array(points, "<f4").tobytes()
        for corners, uv in faces:
            body += bytes([len(corners)]) + np.array(corners, "<i4").tobytes()
            body += bytes([len(uv)]) + np.array(uv, "<f4").tobytes()
    else:
        lines = [" ".join(map(str, row)) for row in points]
        lines += [f"{len(a)} {' '.join(map(str, a))} {len(b)} {' '.join(map(str, b))}" for a, b in faces]
        body = ("\n".join(lines) + "\n").encode()
    (tmp_path / "a.ply").write_bytes(header.encode() + body)
    own = mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(own.texture, picture)
    assert own.uv is not None
    by_place = {
        (tuple(own.vertices[vertex, :2].tolist()), tuple(uv))
        for triangle, places in zip(own.triangles.tolist(), own.uv.tolist(), strict=True)
        for vertex, uv in zip(triangle, places, strict=True)
    }
    # In the square the place in the texture is that of the vertex.
    assert {(place, place) for place in ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))} < by_place
    assert ((2.0, 0.0), (0.75, 0.5)) in by_place
    assert own.scalars[0].name == "quality"
    assert own.scalars[0].values.tolist() == [1, 2, 3, 4, 5]


MTL = "newmtl wood\nKd 1 1 1\nmap_Kd -s 1 1 1 -clamp on {name}\nnewmtl red\nKd 1 0 0\n"
OBJ = (
    "mtllib my materials.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nusemtl wood\n"
    "f 1/1 2/2 3/3\nusemtl red\nf 1/1 3/3 4/-1\n"
)


@pytest.mark.parametrize("name", ["maps\\WOOD.png", "C:\\Users\\me\\wood.png", "./maps/wood.png", "wood.png"])
def test_names_of_textures_as_other_machines_write_them(tmp_path: Path, name: str) -> None:
    picture = noise(6, 6, 6)
    (tmp_path / "maps").mkdir()
    for place in (tmp_path, tmp_path / "maps"):
        Image.fromarray(picture).save(place / "wood.png")
    (tmp_path / "my materials.mtl").write_text(MTL.format(name=name))
    (tmp_path / "a.obj").write_text(OBJ)
    own = mesh(tmp_path / "a.obj")
    assert own.uv is not None
    assert own.texture is not None
    colours = sampled(own.texture, inner(own.uv))
    assert colours[1].tolist() == [255, 0, 0]
    np.testing.assert_array_equal(colours[0], sampled(picture, np.array([0.5, 0.2])))


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_names_in_korean(tmp_path: Path, encoding: str) -> None:
    """Programs of Windows write them in its own encoding."""
    picture = noise(6, 6, 6)
    Image.fromarray(picture).save(tmp_path / "나무 무늬.png")
    (tmp_path / "재질.mtl").write_bytes(MTL.format(name="나무 무늬.png").encode(encoding))
    (tmp_path / "a.obj").write_bytes(OBJ.replace("my materials", "재질").encode(encoding))
    own = mesh(tmp_path / "a.obj")
    assert own.uv is not None
    assert own.texture is not None
    np.testing.assert_array_equal(sampled(own.texture, inner(own.uv))[0], sampled(picture, np.array([0.5, 0.2])))


def test_a_ply_of_cloudcompare_with_its_texture_and_all_of_its_scalars(tmp_path: Path) -> None:
    """CloudCompare/CloudCompare 1520: it wrote TEXTUREFILE; 1476: of three scalar fields one came."""
    picture = noise(3, 4, 4)
    Image.fromarray(picture).save(tmp_path / "a.png")
    names = ("s", "t", "intensity", "label", "padding")
    header = "ply\nformat ascii 1.0\ncomment TEXTUREFILE a.png\nelement vertex 3\n" + "".join(
        f"property float {name}\n" for name in ("x", "y", "z", *names)
    )
    rows = "0 0 0 0 0 5 1 0\n1 0 0 1 0 6 2 0\n0 1 0 0 1 7 3 0\n3 0 1 2\n"
    (tmp_path / "a.ply").write_text(
        f"{header}element face 1\nproperty list uchar int vertex_indices\nend_header\n{rows}"
    )
    own = mesh(tmp_path / "a.ply")
    np.testing.assert_array_equal(own.texture, picture)
    np.testing.assert_array_equal(own.uv, [[[0, 0], [1, 0], [0, 1]]])
    assert [(field.name, *field.values.tolist()) for field in own.scalars] == [
        ("intensity", 5, 6, 7),
        ("label", 1, 2, 3),
        ("padding", 0, 0, 0),
    ]
    assert "Not read" not in dict(own.notes)


def test_nothing_outside_of_the_folder_is_opened(tmp_path: Path) -> None:
    Image.fromarray(noise(7, 4, 4)).save(tmp_path / "secret.png")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "my materials.mtl").write_text(MTL.format(name="../secret.png"))
    (tmp_path / "inner" / "a.obj").write_text(OBJ)
    own = mesh(tmp_path / "inner" / "a.obj")
    assert dict(own.notes)["Texture"] == "../secret.png was not found beside the file"
    assert own.texture is not None
    np.testing.assert_array_equal(np.unique(own.texture.reshape(-1, 3), axis=0), [[255, 0, 0], [255, 255, 255]])
    (tmp_path / "inner" / "my materials.mtl").unlink()
    own = mesh(tmp_path / "inner" / "a.obj")
    assert dict(own.notes)["Materials"] == "my materials.mtl was not found beside the file"


@pytest.mark.parametrize("ending", [".obj", ".glb"])
def test_a_texture_is_kept_on_export(tmp_path: Path, ending: str) -> None:
    picture = noise(8, 12, 10)
    ball(picture).export(tmp_path / "ball.obj")
    own = mesh(tmp_path / "ball.obj")
    path = tmp_path / f"copy{ending}"
    assert "texture" not in " ".join(write_geometry(path, own))
    again = mesh(path)
    np.testing.assert_array_equal(again.texture, picture)
    assert own.uv is not None
    assert again.uv is not None
    order, other = (np.lexsort(item.uv.reshape(-1, 6).round(4).T) for item in (own, again))
    np.testing.assert_allclose(again.uv[other], own.uv[order], atol=1e-5)
    corners, others = own.vertices[own.triangles[order]], again.vertices[again.triangles[other]]
    np.testing.assert_allclose(corners, others, atol=1e-6)
    loaded = trimesh.load(path, force="mesh", process=False)
    seen = {tuple(colour) for colour in loaded.visual.to_color().vertex_colors[:, :3].tolist()}
    assert len(seen & {tuple(colour) for colour in picture.reshape(-1, 3).tolist()}) > 50
    if ending == ".obj":
        read = o3d.io.read_triangle_mesh(str(path), True)
        # Open3D keeps its rows from below.
        np.testing.assert_array_equal(np.asarray(read.textures[0])[::-1], picture)


def test_what_holds_no_texture_has_its_colours_at_the_vertices(tmp_path: Path) -> None:
    ball(noise(9, 12, 10)).export(tmp_path / "ball.obj")
    own = mesh(tmp_path / "ball.obj")
    assert write_geometry(tmp_path / "copy.ply", own) == ("texture (the vertices have its colours)",)
    np.testing.assert_array_equal(mesh(tmp_path / "copy.ply").colours, vertex_colours(own))


@pytest.mark.parametrize("ending", [".ply", ".obj", ".glb"])
def test_normals_are_read_and_kept(tmp_path: Path, ending: str) -> None:
    made = trimesh.creation.icosphere(subdivisions=1)
    normals = np.asarray(made.vertices, np.float32) * np.array([1, 1, 0.5], np.float32)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    own = TriangleMesh(np.array(made.vertices), np.array(made.faces, np.int32), normals=normals)
    write_geometry(tmp_path / f"a{ending}", own)
    again = mesh(tmp_path / f"a{ending}")
    np.testing.assert_allclose(again.normals, normals, atol=1e-5)
    assert dict(geometry_facts(again))["Normals"] == "of each vertex"
    turned = TriangleMesh(own.vertices, own.triangles, normals=-normals)
    write_geometry(tmp_path / f"b{ending}", turned)
    other = mesh(tmp_path / f"b{ending}")
    assert other.normals is None
    assert dict(other.notes)["Normals"].startswith("of vertices, most against the triangles")


def test_scalars_come_back_by_their_names(tmp_path: Path) -> None:
    made = trimesh.creation.box((1, 1, 1))
    field = ScalarField("Distance to b", np.arange(8, dtype=np.float32))
    write_geometry(
        tmp_path / "a.ply", TriangleMesh(np.array(made.vertices), np.array(made.faces, np.int32), scalars=(field,))
    )
    (again,) = mesh(tmp_path / "a.ply").scalars
    assert again.name == "Distance to b"
    np.testing.assert_array_equal(again.values, field.values)
