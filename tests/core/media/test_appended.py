"""Bytes behind the end of a file: phones append videos and notes, people append archives, programs fill up."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import PIL.Image
import pillow_heif
import pytest
import soundfile
from numpy.typing import NDArray

from cvstudio.foundation.errors import MediaError
from cvstudio.media import open_media, open_reader
from cvstudio.media.facts import quick_facts
from cvstudio.media.thumbnails import make_thumbnail

from .conftest import tone, write_media


def samsung_block(kind: int, name: bytes, content: bytes) -> bytes:
    """A block of Samsung's trailer, as ExifTool's Samsung.pm describes it."""
    return struct.pack("<HHI", 0, kind, len(name)) + name + content


def samsung_trailer(video: bytes = b"") -> bytes:
    blocks = [samsung_block(0x0A01, b"Image_UTC_Data", b"1467730000000")]
    if video:
        blocks.insert(0, samsung_block(0x0A30, b"MotionPhoto_Data", video))
    ends = [sum(map(len, blocks[number:])) for number in range(len(blocks))]
    entries = [struct.pack("<HHII", 0, 0x0A01, end, len(block)) for end, block in zip(ends, blocks, strict=True)]
    index = b"SEFH" + struct.pack("<II", 106, len(blocks)) + b"".join(entries)
    return b"".join(blocks) + index + struct.pack("<I", len(index)) + b"SEFT"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    noise = np.random.default_rng(0)
    pictures = [noise.integers(0, 255, (96, 160, 3), np.uint8) for _ in range(12)]
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    return write_media(path, range(0, 480, 40), pictures=lambda number: pictures[number]).read_bytes()


@pytest.fixture(scope="module")
def large() -> NDArray[np.uint8]:
    y, x = np.mgrid[:240, :320]
    smooth = np.stack([x // 2, y, (x + y) // 3], 2) + np.random.default_rng(1).integers(0, 12, (240, 320, 3))
    return np.asarray(smooth.clip(0, 255), np.uint8)


def encoded(picture: NDArray[np.uint8], format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, format_, **options)
    return buffer.getvalue()


def load(path: Path) -> Any:
    with open_reader(open_media(path)) as reader:
        return reader.read()


def told(path: Path) -> dict[str, str]:
    return dict(quick_facts(open_media(path)))


def trailers(video: bytes) -> dict[str, tuple[bytes, str]]:
    """Trailers by name, each with what is told of it."""
    other = encoded(np.random.default_rng(2).integers(0, 255, (32, 32, 3), np.uint8), "JPEG")
    return {
        "notes": (samsung_trailer(), "notes of a Samsung phone"),
        "motion": (samsung_trailer(video), "video"),
        "video": (video, "video"),
        "archive": (b"PK\x03\x04" + bytes(60), "archive"),
        "text": (b"hello, this is a note to myself ", "bytes behind"),
        "noise": (np.random.default_rng(3).bytes(5000), "5,000 bytes behind"),
        "other": (other, "another picture"),
    }


KINDS = ("notes", "motion", "video", "archive", "text", "noise", "other")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_without_end_marker_and_a_trailer(
    tmp_path: Path, large: NDArray[np.uint8], video: bytes, kind: str, options: dict[str, Any]
) -> None:
    """Phones leave out the marker where they append a video; the trailer has markers, and whole pictures, by chance."""
    content = encoded(large, "JPEG", **options)
    trailer, name = trailers(video)[kind]
    plain = tmp_path / "plain.jpg"
    plain.write_bytes(content)
    expected = np.asarray(PIL.Image.open(plain))
    for end, lacking in ((content[:-2], True), (content, False)):
        path = tmp_path / "a.jpg"
        path.write_bytes(end + trailer)
        np.testing.assert_array_equal(load(path).pixels, expected)
        np.testing.assert_array_equal(make_thumbnail(path).pixels, make_thumbnail(plain).pixels)
        facts = told(path)
        assert ("End" in facts) == lacking
        place = "Pages" if kind in ("motion", "video") else "Not read"
        # Of a trailer that nobody knows, the data of a picture may reach a little into it.
        if not (lacking and kind in ("text", "noise", "archive")):
            assert name in facts[place]
    for lacking_bytes in (len(content) // 3, 3000):
        path.write_bytes(content[:-lacking_bytes] + trailer)
        with pytest.raises(MediaError, match="damaged or was cut short"):
            open_media(path)


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "GIF", "HEIF"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_with_a_trailer(
    tmp_path: Path, large: NDArray[np.uint8], video: bytes, kind: str, format_: str
) -> None:
    path = tmp_path / "a"
    if format_ == "HEIF":
        pillow_heif.from_pillow(PIL.Image.fromarray(large)).save(path)
        content = path.read_bytes()
    else:
        content = encoded(large, format_)
        path.write_bytes(content)
    plain = load(path).pixels
    assert "Not read" not in told(path)
    trailer, name = trailers(video)[kind]
    path.write_bytes(content + trailer)
    np.testing.assert_array_equal(load(path).pixels, plain)
    assert name in told(path)["Not read"]
    path.write_bytes(content + bytes(512))
    assert "Not read" not in told(path)


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_an_animation_with_a_trailer(tmp_path: Path, large: NDArray[np.uint8], format_: str) -> None:
    path = tmp_path / "a"
    PIL.Image.fromarray(large).save(path, format_, save_all=True, append_images=[PIL.Image.fromarray(255 - large)])
    path.write_bytes(path.read_bytes() + samsung_trailer())
    media = open_media(path)
    assert media.frame_count == 2
    assert "notes of a Samsung phone" in told(path)["Not read"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_video_with_a_trailer(tmp_path: Path, video: bytes, kind: str) -> None:
    path = tmp_path / "a.mp4"
    trailer, name = trailers(video)[kind]
    path.write_bytes(video + trailer)
    media = open_media(path)
    assert (media.frame_count, media.duration_secs) == (12, pytest.approx(0.48))
    assert name in told(path)["Not read"]
    path.write_bytes(video)
    assert "Not read" not in told(path)
    # Data that are cut short are still refused, although the last box may have any name.
    path.write_bytes(video[:-40])
    with pytest.raises(MediaError, match="damaged or was cut short"):
        open_media(path)


def test_a_video_behind_a_video_is_told(tmp_path: Path, video: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(video * 2)
    media = open_media(path)
    assert media.frame_count == 12
    size = f"{len(video):,}"
    wanted = f"another video of {size} bytes behind it, which no player shows; cut it off to open it"
    assert told(path)["Not read"] == wanted


def test_a_recording_that_goes_on_behind_damage_is_told(tmp_path: Path) -> None:
    path = write_media(tmp_path / "a.mp4", [40 * i for i in range(48)], movflags="frag_keyframe+empty_moov")
    content = path.read_bytes()
    places = [found.start() - 4 for found in re.finditer(b"moof", content)]
    path.write_bytes(content[: places[1]] + bytes(places[2] - places[1]) + content[places[2] :])
    behind, lost = len(content) - places[1], places[2] - places[1]
    assert (
        told(path)["Not read"] == f"the rest of the video, {behind:,} bytes, as it begins with {lost:,} damaged bytes"
    )


def test_a_video_within_a_heic_is_told(tmp_path: Path, large: NDArray[np.uint8], video: bytes) -> None:
    """The box mpvd of Android's motion photos 1.0."""
    path = tmp_path / "a.heic"
    pillow_heif.from_pillow(PIL.Image.fromarray(large)).save(path)
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", len(video) + 8, b"mpvd") + video)
    assert "motion photo" in told(path)["Pages"]
    assert "Not read" not in told(path)


@pytest.mark.parametrize("count", [300, 200_000])
def test_an_ogg_with_a_trailer(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.ogg"
    soundfile.write(path, tone(0.5, 16_000).T, 16_000, format="OGG")
    length = soundfile.info(path).frames
    path.write_bytes(path.read_bytes() + np.random.default_rng(0).bytes(count))
    with open_reader(open_media(path)) as reader:
        assert reader.n_samples == length
        expected = soundfile.read(path, dtype="float32")[0]
        np.testing.assert_allclose(reader.read(0, length).samples.T, expected, atol=1e-6)


def test_the_video_of_the_fixture_is_one(video: bytes) -> None:
    with av.open(io.BytesIO(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 12
