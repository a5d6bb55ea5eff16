"""Small files for public reports of other programs, each compared with another reader; all are listed in REPORTS.md."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
import pytest
import soundfile
import tifffile
import trimesh
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

from .conftest import number_of, write_media

NO_DATA = 42113


def sample(path: Path, **options: Any) -> Any:
    with open_reader(open_media(path, **options)) as reader:
        return reader.read()


def upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    picture = Pillow.fromarray(pixels)
    picture.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


def difference(one: NDArray[Any], other: NDArray[Any]) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


def test_numbers_with_a_sign_for_which_low_is_white(tmp_path: Path) -> None:
    """xarray-contrib/xarray-spatial 2278, image-rs/image-tiff 129: they were not turned around, or half of them."""
    numbers = np.arange(-100, 100, dtype=np.int16).reshape(10, 20)
    tifffile.imwrite(tmp_path / "a.tif", numbers, photometric="miniswhite")
    white = sample(tmp_path / "a.tif").pixels
    tifffile.imwrite(tmp_path / "b.tif", numbers)
    np.testing.assert_array_equal(white, 65535 - sample(tmp_path / "b.tif").pixels)
    assert (white[0, 0, 0], white[-1, -1, 0]) == (65535, 0)


@pytest.mark.parametrize(("dtype", "stated"), [(np.int16, -9999), (np.int16, -32768), (np.int32, -9999)])
def test_heights_that_were_not_measured(tmp_path: Path, dtype: type, stated: int) -> None:
    """NOAA-OCM/QNSPECT 96, raster-foundry/raster-foundry 5098: they stretched the range, and all the rest was white."""
    heights = (np.arange(600).reshape(20, 30) + 100).astype(dtype)
    holes = heights < 250
    heights[holes] = stated
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, heights, extratags=[(NO_DATA, "s", 0, str(stated), True)])
    picture = sample(path, read_as="picture").pixels[..., 0]
    np.testing.assert_array_equal(picture[~holes], heights[~holes])
    assert set(picture[holes]) == {250}
    assert dict(facts(open_media(path, read_as="picture")))["Levels"].startswith("250 to 699 of")
    depth = sample(path, read_as="depth")
    np.testing.assert_array_equal(depth.invalid, holes)
    np.testing.assert_allclose(depth.values[~holes], heights[~holes] / 1000, rtol=1e-6)


def test_what_is_missing_where_low_is_white(tmp_path: Path) -> None:
    """xarray-contrib/xarray-spatial 1809: turned around first, so that what was measured was left out in its place."""
    stored = np.full((20, 30), 100, np.uint16)
    stored[:5], stored[5] = 0, 65535
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite", extratags=[(NO_DATA, "s", 0, "0", True)])
    depth = sample(tmp_path / "a.tif", read_as="depth")
    # The largest number has become 0, which is never a depth.
    np.testing.assert_array_equal(depth.invalid, np.isin(stored, (0, 65535)))
    np.testing.assert_allclose(depth.values[6:], 65.435, rtol=1e-6)


def test_a_stated_number_that_does_not_fit_the_type(tmp_path: Path) -> None:
    """xarray-contrib/xarray-spatial 1581: -9999 of numbers without a sign ended in an error."""
    numbers = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", numbers, extratags=[(NO_DATA, "s", 0, "-9999", True)])
    np.testing.assert_array_equal(sample(tmp_path / "a.tif", read_as="picture").pixels[..., 0], numbers)
    assert sample(tmp_path / "a.tif", read_as="depth").invalid.sum() == 1


def test_pictures_of_16_bits(tmp_path: Path) -> None:
    """solvespace/solvespace 1110, eXeC64/imv 167, lunapaint/vscode-luna-paint 87: halved, blank, or black."""
    colors = np.random.default_rng(0).integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", colors[..., ::-1])[1].tobytes())
    np.testing.assert_array_equal(sample(tmp_path / "a.png").pixels, colors)
    (tmp_path / "b.png").write_bytes(cv2.imencode(".png", colors[..., 0])[1].tobytes())
    np.testing.assert_array_equal(sample(tmp_path / "b.png", read_as="picture").pixels[..., 2], colors[..., 0])


def test_colours_of_points_that_are_called_r_g_b(tmp_path: Path) -> None:
    """cnr-isti-vclab/meshlab 186: shown in grey."""
    properties = "".join(f"property float {name}\n" for name in "xyz") + "".join(
        f"property uchar {name}\n" for name in "rgb"
    )
    content = f"ply\nformat ascii 1.0\nelement vertex 2\n{properties}end_header\n0 0 0 255 0 0\n1 1 1 0 255 7\n"
    (tmp_path / "a.ply").write_text(content)
    assert sample(tmp_path / "a.ply").colours.tolist() == [[255, 0, 0], [0, 255, 7]]


def test_colours_of_vertices_in_obj_with_blanks_behind(tmp_path: Path) -> None:
    """PyMesh/PyMesh 338 (weights of the place), facebookresearch/pytorch3d 1265, PointCloudLibrary/pcl 1472."""
    content = "".join(f"v {x} 0.03530 -1.38656 0.9{x} 0.924 0.926      \n" for x in (1, 2, 3)) + "f 1 2 3\n"
    (tmp_path / "a.obj").write_text(content)
    mesh = sample(tmp_path / "a.obj")
    assert mesh.vertices[:, 0].tolist() == [1, 2, 3]
    other = trimesh.load(tmp_path / "a.obj", process=False)
    assert isinstance(other, trimesh.Trimesh)
    assert difference(mesh.colours, np.asarray(other.visual.vertex_colors)[:, :3]) <= 1


def test_a_wav_whose_data_would_be_2_gib(tmp_path: Path) -> None:
    """Borewit/music-metadata 819 (a speech service): the length in the header is that of a stream without an end."""
    path = tmp_path / "a.wav"
    soundfile.write(path, np.sin(np.arange(8000) / 20), 8000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 0x7FFF_FFFF)
    path.write_bytes(content)
    assert open_media(path).duration_secs == pytest.approx(1.0)


def test_an_mp3_is_as_long_as_what_was_written(tmp_path: Path) -> None:
    """audacity/audacity 3778: padding of the encoder at both ends."""
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.sin(np.arange(44_100) / 20) * 0.5, 44_100)
    with open_reader(open_media(path)) as reader:
        samples = reader.read(0, 100_000).samples[0]
    assert len(samples) == 44_100
    assert np.abs(samples - np.sin(np.arange(44_100) / 20) * 0.5)[200:-200].max() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_turned_and_mirrored_pictures(tmp_path: Path, photo: NDArray[np.uint8], suffix: str, orientation: int) -> None:
    """photoprism/photoprism 3342 (WebP), darktable-org/darktable 13321 (mirrored AVIF): as they lie in the file."""
    options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": "4:4:4"}
    exif = Pillow.Exif()
    exif[274] = orientation
    Pillow.fromarray(photo).save(tmp_path / f"a.{suffix}", exif=exif, **options)
    assert difference(sample(tmp_path / f"a.{suffix}").pixels, upright(photo, orientation)) <= 4


@pytest.mark.parametrize("orientation", [2, 5, 6])
def test_a_photograph_that_states_its_turn_twice(tmp_path: Path, photo: NDArray[np.uint8], orientation: int) -> None:
    """darktable-org/darktable 13306, sylikc/jpegview 304: by HEIF and by EXIF, it was turned by both."""
    exif = Pillow.Exif()
    exif[274] = orientation
    file = pillow_heif.from_pillow(Pillow.fromarray(photo))
    file.info["exif"] = exif.tobytes()
    file.save(tmp_path / "a.heic", quality=100, chroma=444)
    stored = pillow_heif.open_heif(tmp_path / "a.heic")
    shown = np.asarray(stored.to_pillow().convert("RGB"))
    assert difference(sample(tmp_path / "a.heic").pixels, shown) <= 2


@pytest.mark.parametrize("disposal", [(3, 1, 1), (2, 1, 1), (1, 2, 3), (2, 2, 2), (1, 1, 1)])
def test_what_a_frame_of_a_gif_leaves_behind(tmp_path: Path, disposal: tuple[int, ...]) -> None:
    """koral--/android-gif-drawable 330 (the first one restores what was before it), redwarp/gifdecoder 19,
    python-pillow/Pillow 5480 (opaque where it is transparent)."""
    pictures = []
    for number in range(3):
        indices = np.zeros((20, 20), np.uint8)
        indices[number * 5 : number * 5 + 5, number * 5 : number * 5 + 5] = number + 1
        picture = Pillow.fromarray(indices, "L").convert("P")
        picture.putdata(indices.ravel().tolist())
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        pictures.append(picture)
    path = tmp_path / "a.gif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=100, disposal=list(disposal), transparency=0
    )
    with Pillow.open(path) as file, open_reader(open_media(path)) as reader:
        for number in range(3):
            file.seek(number)
            expected, frame = np.asarray(file.convert("RGBA")), reader.next()
            np.testing.assert_array_equal(frame.alpha, expected[..., 3])
            opaque = expected[..., 3] > 0
            np.testing.assert_array_equal(frame.rgb8[opaque], expected[..., :3][opaque])


def test_frames_of_an_apng_that_are_parts(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """etemesi254/zune-image 185: what a frame does not cover was lost."""
    pictures = [photo]
    for number in range(3):
        picture = photo.copy()
        picture[number * 8 : number * 8 + 8, number * 10 : number * 10 + 10] = 255
        pictures.append(picture)
    first, *others = map(Pillow.fromarray, pictures)
    first.save(tmp_path / "a.png", save_all=True, append_images=others, duration=100, disposal=0, blend=0)
    with open_reader(open_media(tmp_path / "a.png")) as reader:
        for picture in pictures:
            np.testing.assert_array_equal(reader.next().rgb8, picture)


def test_a_mirrored_node_is_not_inside_out(tmp_path: Path) -> None:
    """assimp/assimp 4976, facebookincubator/FBX2glTF 31: a negative scale turns the triangles around."""
    scene = trimesh.Scene()
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), transform=np.diag([-1.0, 1, 1, 1]))
    scene.export(tmp_path / "a.glb")
    mesh = sample(tmp_path / "a.glb")
    corners = mesh.vertices[mesh.triangles]
    assert np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6 == pytest.approx(6)


def test_nodes_within_nodes(tmp_path: Path) -> None:
    """mikedh/trimesh 1235, asny/three-d 228: only the innermost came, or without what is around it."""
    scene, place = trimesh.Scene(), np.diag([2.0, 2, 2, 1])
    place[:3, 3] = (10, 0, 0)
    scene.graph.update("outer", matrix=place)
    scene.add_geometry(trimesh.creation.box((1, 2, 3)), node_name="a", parent_node_name="outer", transform=place)
    scene.add_geometry(trimesh.creation.box((1, 1, 1)), node_name="b", parent_node_name="a", transform=place)
    scene.export(tmp_path / "a.glb")
    mesh = sample(tmp_path / "a.glb")
    np.testing.assert_allclose([mesh.vertices.min(0), mesh.vertices.max(0)], scene.bounds)
    assert len(mesh.triangles) == 24


def test_infinite_and_missing_depth(tmp_path: Path) -> None:
    """FishWoWater/CAST 6, apple/ml-hypersim 63: all white, as the largest number was infinite."""
    depth = np.full((30, 40), 2, np.float32)
    depth[:5], depth[5:8], depth[8:] = np.inf, np.nan, np.linspace(1, 3, 40, dtype=np.float32)
    np.save(tmp_path / "a.npy", depth)
    read = sample(tmp_path / "a.npy")
    np.testing.assert_array_equal(read.invalid, ~np.isfinite(depth))
    np.testing.assert_array_equal(read.values[~read.invalid], depth[np.isfinite(depth)])


def test_every_frame_is_found_although_decoding_begins_before_zero(tmp_path: Path) -> None:
    """opencv/opencv 27819 (DaVinci Resolve): with times of decoding below 0, seeks were one frame off."""
    path = write_media(tmp_path / "a.mp4", [number * 40 for number in range(40)], options={"g": "10", "bf": "3"})
    with open_reader(open_media(path, kind=MediaKind.VIDEO)) as reader:
        times = reader.frame_times()
        for number in (0, 39, 7, 8, 21, 1, 30, 2):
            assert number_of(reader.at(times[number]).rgb8) == number


def test_a_film_whose_first_frame_is_late(tmp_path: Path) -> None:
    """Kitware/dive 1300: labels were off by what is in front of the first frame."""
    path = write_media(tmp_path / "a.mkv", [200 + number * 40 for number in range(20)])
    with open_reader(open_media(path, kind=MediaKind.VIDEO)) as reader:
        times = list(reader.frame_times())
        assert len(times) == 20
        assert [number_of(reader.at(time).rgb8) for time in times] == list(range(20))


def test_every_report_in_the_list_has_its_test() -> None:
    folder = Path(__file__).parent
    rows = re.findall(r"`(test_\w+\.py)::(test_\w+)`", (folder / "REPORTS.md").read_text(encoding="utf-8"))
    assert len(rows) > 60
    assert len(set(rows)) == len(rows)
    for file, test in rows:
        assert f"\ndef {test}(" in (folder / file).read_text(encoding="utf-8")
