"""Files after reports of users of labelling, sound and geometry programs, against independent readers or the values
that were written.

Each test names the report that it stands for.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pytest
import soundfile
import tifffile
from numpy.typing import NDArray

from cvstudio.media import open_media, open_reader
from cvstudio.media.facts import facts

ROWS, COLUMNS = np.mgrid[0:48, 0:64]
COLOURS = np.stack([COLUMNS * 4, ROWS * 5, (COLUMNS + ROWS) * 2], -1).astype(np.uint8)
TONE = (0.7 * np.sin(np.arange(24_000) * 0.05)).astype(np.float32)


def read(path: Path, **options: Any) -> Any:
    with open_reader(open_media(path, **options)) as reader:
        return reader.read()


def sound(path: Path) -> NDArray[np.float32]:
    """All samples (n, channels)."""
    with open_reader(open_media(path)) as reader:
        return np.asarray(reader.read(0, reader.n_samples).samples.T)


def told(path: Path, **options: Any) -> dict[str, str]:
    return dict(facts(open_media(path, **options)))


# Pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("gamma", "power"), [(100_000, 1.0), (55_556, 1.8)])
def test_the_gamma_of_a_png_without_a_profile(tmp_path: Path, gamma: int, power: float) -> None:
    """d2phap/ImageGlass 377 and 503: too dark, or pale. The right value is that of PNG's and sRGB's equations."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)) + chunk(b"gAMA", struct.pack(">I", gamma))
    content = zlib.compress((b"\0" + bytes([64, 128, 192]) * 4) * 4)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", content) + chunk(b"IEND", b""))
    light = (np.array([64, 128, 192]) / 255) ** power
    expected = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    np.testing.assert_allclose(read(path).pixels[0, 0], expected, atol=1)


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    """wkentaro/labelme 2340: "cannot write mode PA as PNG", "cannot write mode P as JPEG"."""
    picture = PIL.Image.fromarray((ROWS * 64 + COLUMNS).astype(np.uint16).astype(np.uint8) // 16)
    picture = PIL.Image.frombytes("P", picture.size, picture.tobytes())
    picture.putpalette([level for index in range(256) for level in (index * 16 % 256, 255 - index, index // 2)])
    picture.save(tmp_path / "a.gif", transparency=3)
    faded = picture.convert("PA")
    faded.putalpha(PIL.Image.fromarray((COLUMNS * 4).astype(np.uint8)))
    faded.save(tmp_path / "a.tif")
    for name in ("a.gif", "a.tif"):
        image = read(tmp_path / name)
        with PIL.Image.open(tmp_path / name) as opened:
            expected = np.asarray(opened.convert("RGBA"))
        assert len(np.unique(expected[..., 3])) > 1
        np.testing.assert_array_equal(255 if image.alpha is None else image.alpha, expected[..., 3])
        shown = expected[..., 3] > 0
        np.testing.assert_array_equal(image.pixels[shown], expected[shown, :3])


def test_a_fourth_channel_without_a_meaning(tmp_path: Path) -> None:
    """wkentaro/labelme 510, "cannot write mode RGBX as PNG": it is no transparency, and it is told."""
    path = tmp_path / "a.tif"
    spare = np.random.default_rng(0).integers(0, 256, (48, 64, 1), np.uint8)
    tifffile.imwrite(path, np.concatenate([COLOURS, spare], -1), photometric="rgb", extrasamples=[0])
    image = read(path)
    np.testing.assert_array_equal(image.pixels, COLOURS)
    assert image.alpha is None
    assert told(path)["Channels"] == "RGB, 1 more, not shown"


def test_masks_with_a_palette_keep_their_numbers(tmp_path: Path) -> None:
    """facebookresearch/detectron2 1760, torch/image 202: the numbers of classes became those of their colours."""
    from cvstudio.media.grey import count_labels

    classes = (COLUMNS // 16 * 5).astype(np.uint8)
    picture = PIL.Image.frombytes("P", (64, 48), classes.tobytes())
    picture.putpalette([level for index in range(256) for level in (index * 37 % 256, index * 91 % 256, 7)])
    path = tmp_path / "a.png"
    picture.save(path)
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), classes)
    assert told(path, read_as="labels")["Labels"] == count_labels(classes) == "3, 5 to 15"
    colours = read(path, read_as="labels").pixels
    for number in np.unique(classes):
        assert len(np.unique(colours[classes == number], axis=0)) == 1
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == 4


# Sounds and videos --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("subtype", "bits"), [("FLOAT", 32), ("DOUBLE", 64)])
def test_floats_of_quicktime_that_state_16_bits(tmp_path: Path, subtype: str, bits: int) -> None:
    """AkiyukiOkayasu/pacmog 41: the size of a sample in AIFF-C is wrong, its compression "fl32" is right."""
    path = tmp_path / "a.aifc"
    soundfile.write(path, TONE, 44_100, subtype, format="AIFF")
    content = bytearray(path.read_bytes())
    place = content.index(b"COMM") + 14
    assert struct.unpack_from(">H", content, place) == (bits,)
    struct.pack_into(">H", content, place, 16)
    path.write_bytes(content)
    np.testing.assert_array_equal(sound(path)[:, 0], TONE)


@pytest.mark.parametrize("valid", [16, 20])
def test_fewer_valid_bits_than_a_sample_has(tmp_path: Path, valid: int) -> None:
    """xiph/flac 301: noise, as the samples were taken for shorter ones. The valid bits are the upper ones."""
    path = tmp_path / "a.wav"
    levels = np.rint(TONE * 2 ** (valid - 1)).astype(np.int32) << (32 - valid)
    soundfile.write(path, levels, 44_100, "PCM_24", format="WAVEX")
    content = bytearray(path.read_bytes())
    place = content.index(b"fmt ") + 8 + 18
    assert struct.unpack_from("<H", content, place) == (24,)
    struct.pack_into("<H", content, place, valid)
    path.write_bytes(content)
    np.testing.assert_array_equal(sound(path)[:, 0], (levels / 2.0**31).astype(np.float32))


def test_peaks_above_full_scale_are_kept(tmp_path: Path) -> None:
    """audacity/audacity 6163: Opus became 16 bits, and what was above full scale was cut off."""
    path = tmp_path / "a.opus"
    soundfile.write(path, np.sign(TONE) * np.float32(0.98), 48_000, format="OGG", subtype="OPUS")
    with av.open(str(path)) as container:
        peak = max(np.abs(frame.to_ndarray()).max() for frame in container.decode(audio=0))
    assert peak > 1.2
    assert np.abs(sound(path)).max() == pytest.approx(peak, abs=1e-5)


def test_all_channels_of_surround_sound(tmp_path: Path) -> None:
    """audacity/audacity 6858: only the first one came. Each has a tone of its own."""
    path = tmp_path / "a.ac3"
    tones = np.stack([0.3 * np.sin(np.arange(1536 * 20) * 0.01 * (number + 2)) for number in range(6)])
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ac3", rate=48_000, layout="5.1")
        stream.bit_rate = 448_000
        for start in range(0, tones.shape[1], 1536):
            block = np.ascontiguousarray(tones[:, start : start + 1536], np.float32)
            frame = av.AudioFrame.from_ndarray(block, "fltp", "5.1")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        expected = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], 1)
    np.testing.assert_allclose(sound(path), expected.T, atol=1e-5)
    third = open_media(path, read_as="sound=3")
    with open_reader(third) as reader:
        np.testing.assert_allclose(reader.read(0, reader.n_samples).samples[0], expected[2], atol=1e-5)


def test_full_range_without_subsampling(tmp_path: Path) -> None:
    """PyAV-Org/PyAV 1430: levels 16 to 235 were stretched although all 256 were used."""
    path = tmp_path / "a.mkv"
    bars = np.zeros((64, 96, 3), np.uint8)
    bars[:, :32], bars[:, 32:64], bars[:, 64:] = (255, 0, 0), (16, 235, 128), (250, 250, 250)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuvj444p"
        frame = av.VideoFrame.from_ndarray(bars, "rgb24").reformat(format="yuvj444p", dst_color_range=2)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_reader(open_media(path)) as reader:
        pixels = reader.next().pixels
    assert np.abs(pixels.astype(int) - bars).max() <= 2


# Meshes and clouds --------------------------------------------------------------------------------------------------


def test_relative_indices_amid_the_vertices(tmp_path: Path) -> None:
    """mikedh/trimesh 2364: -1 is the last vertex before the face, not the last one of the file."""
    blocks = [
        f"usemtl {name}\nv 0 0 {height}\nv 1 0 {height}\nv 0 1 {height}\nvn 0 0 1\nf {face}\n"
        for name, height, face in (("a", 0, "-3 -2 -1"), ("b", 5, "-3//-1 -2//-1 -1//-1"), ("a", 9, "-3 -2 -1"))
    ]
    path = tmp_path / "a.obj"
    path.write_text("".join(blocks))
    mesh = read(path)
    assert mesh.vertices[mesh.triangles][..., 2].tolist() == [[0] * 3, [5] * 3, [9] * 3]
    assert len(mesh.vertices) == 9


def test_compressed_rows_of_points_with_fields_of_several_sizes(tmp_path: Path) -> None:
    """MapIV/pypcd4 8, dimatura/pypcd 36: only the first row came, or nothing. Written and read by Open3D."""
    open3d = pytest.importorskip("open3d")
    path = tmp_path / "a.pcd"
    random = np.random.default_rng(0)
    cloud = open3d.t.geometry.PointCloud(random.normal(size=(50, 3)).astype(np.float32))
    cloud.point["ring"] = open3d.core.Tensor(np.arange(50, dtype=np.uint8)[:, None])
    cloud.point["intensity"] = open3d.core.Tensor(random.random((50, 1)).astype(np.float32))
    assert open3d.t.io.write_point_cloud(str(path), cloud, compressed=True)
    content = path.read_bytes()
    assert b"binary_compressed" in content
    assert b"WIDTH 50\nHEIGHT 1\n" in content
    path.write_bytes(content.replace(b"WIDTH 50\nHEIGHT 1\n", b"WIDTH 10\nHEIGHT 5\n"))
    expected = open3d.t.io.read_point_cloud(str(path)).point.positions.numpy()
    np.testing.assert_array_equal(read(path).points, expected)
    assert told(path)["Scalar fields"] == "ring, intensity"


@pytest.mark.parametrize(
    ("viewpoint", "fact"),
    [
        ("10.5 -20 30 0.5 0.5 0.5 0.5", "viewpoint (10.5, -20, 30, 0.5, 0.5, 0.5, 0.5)"),
        ("0 0 0 1 0 0 0", None),
        ("0.000 0.000 0.000 1.0 0.0 0.0 0.0", None),
        ("none", None),
        ("1 2 3", None),
    ],
)
def test_where_the_sensor_stood_is_told(tmp_path: Path, viewpoint: str, fact: str | None) -> None:
    """CloudCompare/CloudCompare 522, isl-org/Open3D 1213 and 6090: it was dropped without a word."""
    path = tmp_path / "a.pcd"
    fields = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH 2\nHEIGHT 1\n"
    path.write_text(f"VERSION 0.7\n{fields}VIEWPOINT {viewpoint}\nPOINTS 2\nDATA ascii\n0 0 0\n1 2 3\n")
    assert read(path).points.tolist() == [[0, 0, 0], [1, 2, 3]]
    assert told(path).get("Not read") == fact
