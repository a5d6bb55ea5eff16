"""Damaged, cut and odd files of public bug reports of neighbouring programs; each is made here, and compared with an
independent reader."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import PIL.Image
import PIL.ImageFile
import pytest
import soundfile
from numpy.typing import NDArray

from cvstudio.data.samples import PointCloud
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

from .conftest import number_of, tone, write_media


def pixels_of(path: Path) -> NDArray[np.uint8]:
    with open_reader(open_media(path, kind=MediaKind.IMAGE)) as reader:
        return np.asarray(reader.read().rgb8)


def told(path: Path) -> dict[str, str]:
    return dict(facts(open_media(path)))


def test_a_bitmap_that_lacks_its_last_two_bytes(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """ImageMagick 6010: viewers show it, FFmpeg and ImageMagick refuse it. It is never shown with rows made up."""
    path = tmp_path / "a.bmp"
    PIL.Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(MediaError, match=r"^'a.bmp' is damaged or was cut short; get a fresh copy of it.$"):
        pixels_of(path)


@pytest.mark.parametrize("name", [b"eXIf", b"tEXt", b"iCCP"])
def test_a_png_whose_notes_have_a_wrong_checksum(tmp_path: Path, photo: NDArray[np.uint8], name: bytes) -> None:
    """gm 806: only notes are wrong, so the picture is whole."""
    path = tmp_path / "a.png"
    PIL.Image.fromarray(photo).save(path)
    content = path.read_bytes()
    body = (
        b"Comment\0hello"
        if name == b"tEXt"
        else b"II*\0\x08\0\0\0\0\0"
        if name == b"eXIf"
        else b"x\0\0" + zlib.compress(b"no")
    )
    chunk = struct.pack(">I", len(body)) + name + body + b"\1\2\3\4"
    path.write_bytes(content[:33] + chunk + content[33:])
    np.testing.assert_array_equal(pixels_of(path), photo)
    assert "Damage" not in told(path)


def test_a_panorama_whose_scan_states_odd_parameters(
    tmp_path: Path, photo: NDArray[np.uint8], capfd: pytest.CaptureFixture[str]
) -> None:
    """libjpeg-turbo 163 (digiKam, Samsung S7): coefficients 0 to 0 in a sequential JPEG, over which decoders pass."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(photo).save(buffer, "JPEG", quality=95)
    content = bytearray(buffer.getvalue())
    expected = np.asarray(PIL.Image.open(io.BytesIO(content)))
    scan = content.find(b"\xff\xda")
    last = scan + 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
    assert content[last - 3 : last] == b"\0\x3f\0"
    content[last - 3 : last] = b"\0\0\0"
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    np.testing.assert_array_equal(pixels_of(path), expected)
    assert "Damage" not in told(path)
    assert capfd.readouterr().err == ""


def test_points_with_a_list_of_views(tmp_path: Path) -> None:
    """CloudCompare 760: a list among the properties of points, and faces of which there are none."""
    points = np.random.default_rng(0).normal(size=(40, 3)).astype("<f4")
    lines = ["ply", "format binary_little_endian 1.0", "element vertex 40"]
    lines += [f"property float {name}" for name in "xyz"]
    lines += ["property uchar type", "property list uchar int view"]
    lines += ["element face 0", "property list ushort int vertex_indices", "end_header\n"]
    rows = [
        p.tobytes() + b"\2" + bytes([k % 3]) + np.arange(k % 3, dtype="<i4").tobytes() for k, p in enumerate(points)
    ]
    path = tmp_path / "a.ply"
    path.write_bytes("\n".join(lines).encode() + b"".join(rows))
    with open_reader(open_media(path)) as reader:
        cloud = reader.read()
    assert isinstance(cloud, PointCloud)
    np.testing.assert_allclose(
        cloud.points + cloud.origin if hasattr(cloud, "origin") else cloud.points, points, rtol=1e-6
    )


def test_a_webm_whose_index_is_useless(tmp_path: Path) -> None:
    """mpv 13048: a seek by the index leads amid a cluster, at which mpv gives up."""
    path = write_media(
        tmp_path / "a.webm", [40 * i for i in range(75)], codec="libvpx", options={"g": "12"}, sound=tone(3, 48000),
        sound_codec="libopus",
    )  # fmt: skip
    content = bytearray(path.read_bytes())
    cues = content.rfind(b"\x1c\x53\xbb\x6b")
    for place in range(cues, len(content) - 3):
        if content[place] == 0xF1 and content[place + 1] in (0x82, 0x83):  # CueClusterPosition
            content[place + 3] ^= 0x35
    path.write_bytes(content)
    with open_reader(open_media(path)) as reader:
        for secs in (2.8, 0.4, 1.6, 0.0, 2.2):
            assert number_of(reader.at(secs).pixels) == round(secs * 25)


def test_a_transport_stream_with_a_stub_of_a_segment(tmp_path: Path) -> None:
    """mpv 16194: a table alone between two segments; time and seeks go on."""
    path = write_media(tmp_path / "a.ts", [40 * i for i in range(50)], options={"g": "12", "bf": "0"})
    content = path.read_bytes()
    stub = bytes([0x47, 0x40, 0, 0x1A, 0, 0, 0xB0, 0x0D, 0, 1, 0xC1, 0, 0, 0, 1, 0xF0, 0, 0x2A, 0xB1, 4, 0xB2])
    middle = len(content) // 2 // 188 * 188
    path.write_bytes(content[:middle] + stub.ljust(188, b"\xff") + content[middle:])
    media = open_media(path)
    assert media.duration_secs == pytest.approx(2.0, abs=0.001)
    with av.open(str(path)) as container:
        count = sum(1 for _ in container.decode(video=0))
    with open_reader(media) as reader:
        assert [number_of(frame.pixels) for frame in iter(reader.next, None)] == [*range(count)]
        assert number_of(reader.at(1.6).pixels) == 40
    assert "Parts" not in told(path)


@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_bytes_of_its_end_marker(tmp_path: Path, photo: NDArray[np.uint8], missing: int) -> None:
    """labelme 335: "image file is truncated (1 bytes not processed)"; all of the picture is there."""
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(photo).save(path)
    expected = np.asarray(PIL.Image.open(path))
    path.write_bytes(path.read_bytes()[:-missing])
    np.testing.assert_array_equal(pixels_of(path), expected)
    assert told(path)["End"] == "its mark is missing; the picture is whole"
    assert "Damage" not in told(path)


def test_a_cut_matroska_whose_index_would_be_behind_its_end(tmp_path: Path) -> None:
    """mpv 11660: "metadata beyond end of file"; mpv hangs in a seek."""
    path = write_media(tmp_path / "a.mkv", [40 * i for i in range(100)], options={"g": "12"}, sound=tone(4, 48000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with av.open(str(path)) as container:
        times = [frame.pts for frame in container.decode(video=0) if frame.pts is not None]
    media = open_media(path)
    assert media.duration_secs == pytest.approx((max(times) - min(times)) / 1000 + 0.04, abs=0.1)
    assert "which is wrong" in told(path)["Length"]
    with open_reader(media) as reader:
        assert len(list(iter(reader.next, None))) == len(times)
        for secs in (2.0, 0.4, 9.0, 1.2):
            assert number_of(reader.at(secs).pixels) == min(round(secs * 25), max(times) // 40)


def test_a_document_that_is_called_mp3(tmp_path: Path) -> None:
    """Audacity 8972: it crashes."""
    path = tmp_path / "a.mp3"
    path.write_bytes(b"%PDF-1.7\n" + np.random.default_rng(0).bytes(5000))
    with pytest.raises(
        MediaError, match=r"^'a.mp3' is a PDF document, which is not read here; save its pages as PNG.$"
    ):
        open_media(path)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_there_is_not(tmp_path: Path, photo: NDArray[np.uint8], orientation: int) -> None:
    """immich 30492 (Canon, F-Spot): "Orientation: Unknown (0)" gives no thumbnail and a wrong aspect."""
    path = tmp_path / "a.jpg"
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    PIL.Image.fromarray(photo).save(path, exif=exif)
    np.testing.assert_array_equal(pixels_of(path), cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))
    assert open_media(path).size == (60, 40)


def test_notes_of_an_odd_length_end_a_wav(tmp_path: Path) -> None:
    """wavemap 2 (Adobe Audition): the chunk _PMX behind the samples, whose filling byte is missing."""
    path = tmp_path / "a.wav"
    samples = tone(0.5, 44100).T
    soundfile.write(path, samples, 44100, subtype="FLOAT")
    content = path.read_bytes()
    notes = b"<x:xmpmeta/>."
    body = content[8:] + b"_PMX" + struct.pack("<I", len(notes)) + notes
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with open_reader(open_media(path)) as reader:
        np.testing.assert_array_equal(
            reader.read(0, reader.n_samples).samples, soundfile.read(path, dtype="float32")[0].T
        )
    assert "Length" not in told(path)
