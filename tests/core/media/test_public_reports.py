"""Files after reports of neighbouring programs' users, against readers that have nothing to do with this one.

Each test names the report that it stands for.
"""

from __future__ import annotations

import io
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
import trimesh
from numpy.typing import NDArray
from scipy.signal import correlate

from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

from .conftest import tone

STEREO = np.ascontiguousarray(tone(0.5, 44_100).T.clip(-1, 1))


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **options: Any) -> Any:
    with open_reader(open_media(path, **options)) as reader:
        return reader.read()


def sound(path: Path) -> NDArray[np.float32]:
    """All samples (n, channels)."""
    media = open_media(path)
    assert media.kind is MediaKind.AUDIO
    with open_reader(media) as reader:
        return np.asarray(reader.read(0, reader.n_samples).samples.T)


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


# Pictures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "\n", " \n\n"])
@pytest.mark.parametrize("header", ["P3\n3 2\n255\n", "P3 3 2 255 "])
def test_a_plain_netpbm_may_end_with_its_last_number(tmp_path: Path, header: str, end: str) -> None:
    """The ray tracers of tutorials write such files: nagata-yoshiteru/pbm-ppm-pgm-viewer-for-vscode 40."""
    pixels = np.arange(18, dtype=np.uint8).reshape(2, 3, 3) * 14
    path = write(tmp_path / "a.ppm", header + " ".join(map(str, pixels.ravel())) + end)
    np.testing.assert_array_equal(read(path).pixels, np.asarray(PIL.Image.open(path)))


def test_a_plain_bitmap_needs_no_spaces(tmp_path: Path) -> None:
    """GIMP writes none: image-rs/image 799."""
    path = write(tmp_path / "a.pbm", "P1\n# made by GIMP\n8 2\n0101101011110000")
    np.testing.assert_array_equal(read(path).pixels[..., 0], np.asarray(PIL.Image.open(path).convert("L")))


def test_channels_of_a_microscope_are_no_depth(tmp_path: Path) -> None:
    """The sample of ImageJ with three channels of 16 bits: napari/napari 924. Each is a page."""
    channels = np.arange(3 * 48 * 64, dtype=np.uint16).reshape(3, 48, 64) * 7
    path = tmp_path / "hela-cells.tif"
    tifffile.imwrite(path, channels, imagej=True, metadata={"mode": "composite", "axes": "CYX"})
    assert open_media(path).kind is MediaKind.IMAGE
    np.testing.assert_array_equal(read(path).pixels[..., 0], channels[0])
    np.testing.assert_array_equal(read(path, read_as="picture=3").pixels[..., 0], channels[2])
    # One page alone may be what a depth camera wrote.
    tifffile.imwrite(path, channels[0])
    assert open_media(path).kind is MediaKind.DEPTH


@pytest.mark.parametrize("clear", [0, 1])
def test_one_bit_may_be_transparent(tmp_path: Path, clear: int) -> None:
    """python-pillow/Pillow 3379."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 4, 1, 0, 0, 0, 0))
    content += chunk(b"tRNS", struct.pack(">H", clear)) + chunk(b"IDAT", zlib.compress(b"\0\xaa" * 4))
    path = write(tmp_path / "a.png", content + chunk(b"IEND", b""))
    image = read(path)
    expected = np.asarray(PIL.Image.open(path).convert("RGBA"))
    np.testing.assert_array_equal(image.alpha, expected[..., 3])
    np.testing.assert_array_equal(image.pixels[image.alpha > 0], expected[expected[..., 3] > 0, :3])


# Sounds -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "subtype"), [("NIST", "PCM_16"), ("NIST", "ULAW"), ("VOC", "PCM_16")])
def test_speech_corpora_and_old_sounds(tmp_path: Path, kind: str, subtype: str) -> None:
    """TIMIT and all corpora of the LDC are SPHERE, often called .wav: pytorch/audio 868."""
    for name in (f"a.{kind.lower()}", "a.wav"):
        soundfile.write(tmp_path / name, STEREO, 16_000, subtype=subtype, format=kind)
        np.testing.assert_allclose(sound(tmp_path / name), soundfile.read(tmp_path / name)[0], atol=1e-6)


@pytest.mark.parametrize(
    "junk", [b"\0" * 100 + b"junk" * 40, b"\xff" * 8, b"HTTP/1.0 200 OK\r\n\r\n", b"\xff\xfa\x12\x34" * 9]
)
def test_an_mp3_may_begin_with_other_bytes(tmp_path: Path, junk: bytes) -> None:
    """libsndfile/libsndfile 1039, Serial-ATA/lofty-rs 67."""
    soundfile.write(tmp_path / "plain.mp3", STEREO, 44_100, format="MP3")
    content = (tmp_path / "plain.mp3").read_bytes()
    path = write(tmp_path / "a.mp3", junk + content)
    plain = sound(tmp_path / "plain.mp3")
    found = sound(path)
    # Where it stands, the delay that the first frame states is heard or not.
    piece = plain[4000:12_000]
    place = int(correlate(found[:, 0], piece[:, 0], "valid").argmax())
    assert abs(place - 4000) <= 2400
    np.testing.assert_allclose(found[place : place + 8000], piece, atol=2e-3)
    assert abs(len(found) - len(plain)) <= 4 * 1152


def test_what_is_called_mp3_but_has_no_frames(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", b"junk" * 500 + b"\xff\xfb\x90\x00" + b"junk" * 500)
    with pytest.raises(Exception, match="no known format"):
        open_media(path)


@pytest.mark.parametrize("tail", [b"\1", b"\1\1\1", b"_PMX\2\0"])
def test_a_wav_may_end_with_part_of_a_sample(tmp_path: Path, tail: bytes) -> None:
    """ruuda/hound 63 and 81, rec/wavemap 2."""
    stream = io.BytesIO()
    soundfile.write(stream, STEREO, 44_100, subtype="PCM_16", format="WAV")
    content = bytearray(stream.getvalue())
    if tail[:1] == b"\1":
        place = content.index(b"data") + 4
        struct.pack_into("<I", content, place, len(content) - place - 4 + len(tail))
    path = write(tmp_path / "a.wav", bytes(content) + tail)
    stream.seek(0)
    np.testing.assert_allclose(sound(path), soundfile.read(stream)[0], atol=1e-6)


@pytest.mark.parametrize("bits", [16, 24, 32])
def test_the_codec_of_voice_mail_is_named(tmp_path: Path, bits: int) -> None:
    """It is whole, and a fresh copy of it would be no better: libsndfile/libsndfile 361."""
    path = tmp_path / "a.wav"
    soundfile.write(path, STEREO[:8000, 0], 8000, f"NMS_ADPCM_{bits}")
    with pytest.raises(MediaError, match=r"codec that is not supported, NMS ADPCM; save it as PCM WAV\.$"):
        open_media(path)


def test_a_long_empty_list_in_front_of_the_samples(tmp_path: Path) -> None:
    """Recorders of Zoom reserve 384 KiB: libsndfile/libsndfile 370."""
    stream = io.BytesIO()
    soundfile.write(stream, STEREO, 44_100, subtype="PCM_16", format="WAV")
    content = stream.getvalue()
    data = content.index(b"data")
    empty = b"LIST" + struct.pack("<I", 393_164) + bytes(393_164)
    path = write(tmp_path / "a.wav", content[:data] + empty + content[data:])
    stream.seek(0)
    np.testing.assert_allclose(sound(path), soundfile.read(stream)[0], atol=1e-6)


def test_the_last_frame_of_a_program_stream_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "a.mpg"
    with av.open(str(path), "w", format="mpeg") as container:
        stream: Any = container.add_stream("mp2", rate=44_100, layout="stereo")
        for start in range(0, len(STEREO) - 1152, 1152):
            block = np.ascontiguousarray((STEREO[start : start + 1152] * 32767).astype(np.int16).reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, "s16", "stereo")
            frame.sample_rate, frame.pts = 44_100, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        count = sum(frame.samples for frame in container.decode(audio=0))
    assert len(sound(path)) == count


# Meshes and clouds --------------------------------------------------------------------------------------------------

VERTEX = "property float x\nproperty float y\nproperty float z\n"


def ply(elements: str, body: str) -> str:
    return f"ply\nformat ascii 1.0\n{elements}end_header\n{body}"


def test_lists_of_points_are_passed_over(tmp_path: Path) -> None:
    """CloudCompare/CloudCompare 760 and 1455."""
    rows = "0 0 0 2 .5 .5\n1 0 0 0\n0 1 2 3 1 2 3\n"
    path = write(tmp_path / "a.ply", ply(f"element vertex 3\n{VERTEX}property list uint float64 descriptor\n", rows))
    assert read(path).points.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 2]]
    assert told(path)["Not read"] == "descriptor"


def test_the_first_property_of_a_name_counts(tmp_path: Path) -> None:
    """CloudCompare/CloudCompare 14: a file that MeshLab opens."""
    path = write(tmp_path / "a.ply", ply(f"element vertex 2\n{VERTEX}property float x\n", "0 1 2 9\n3 4 5 9\n"))
    assert read(path).points.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert told(path)["Not read"] == "x (2)"
    header = path.read_bytes().replace(b"ascii", b"binary_little_endian").partition(b"end_header\n")[0]
    write(path, header + b"end_header\n" + np.array([0, 1, 2, 9, 3, 4, 5, 9], "<f4").tobytes())
    assert read(path).points.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_colours_of_vertices_and_of_faces_have_the_same_names(tmp_path: Path) -> None:
    """PyMesh/PyMesh 13."""
    colour = "".join(f"property uint8 {name}\n" for name in ("red", "green", "blue", "alpha"))
    face = f"element face 1\nproperty list uint8 int32 vertex_indices\nproperty list uint8 float32 texcoord\n{colour}"
    rows = "0 0 0 255 0 0 255\n1 0 0 0 255 0 255\n0 1 2 0 0 255 255\n3 0 1 2 6 0 0 1 0 1 1 9 8 7 255\n"
    mesh = read(write(tmp_path / "a.ply", ply(f"element vertex 3\n{VERTEX}{colour}{face}", rows)))
    assert mesh.colours.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert mesh.triangles.tolist() == [[0, 1, 2]]


FACET = "facet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex {} 0 0\nvertex 0 1 0\nendloop\nendfacet\n"


@pytest.mark.parametrize(
    "change", [("endloop", "end loop"), ("solid a\nfacet", " solid a\nfacet"), ("end", "end "), ("facet", "FACET")]
)
def test_text_stl_as_programs_write_it(tmp_path: Path, change: tuple[str, str]) -> None:
    """cnr-isti-vclab/meshlab 194 ("end loop"), wolph/numpy-stl 156 (a blank in front of "solid")."""
    text = f"solid a\n{FACET.format(1)}{FACET.format(2)}endsolid a\n"
    mesh = read(write(tmp_path / "a.stl", text.replace(*change)))
    expected = trimesh.load(io.BytesIO(text.encode()), file_type="stl_ascii")
    assert len(mesh.triangles) == 2
    assert mesh.vertices[mesh.triangles].tolist() == expected.triangles.tolist()
