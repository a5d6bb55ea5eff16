"""The depth within a photograph: files are made here, byte by byte, as phones write them."""

from __future__ import annotations

import base64
import io
import struct
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pillow_heif
import pytest

import cvstudio
from cvstudio.foundation.errors import MediaError, UserError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.formats.stored_depth import stored_depth
from tests.core.media.test_heif import with_auxiliary

PHOTO = np.random.default_rng(1).integers(0, 255, (48, 64, 3), np.uint8)
LEVELS = np.tile(np.linspace(0, 255, 32, dtype=np.uint8), (24, 1))
SHARE = LEVELS.astype(np.float64) / 255
XMP, EXTENDED = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def encoded(picture: np.ndarray, suffix: str = ".jpg") -> bytes:
    return bytes(cv2.imencode(suffix, picture, [cv2.IMWRITE_JPEG_QUALITY, 100])[1])


def segment(code: int, body: bytes) -> bytes:
    return bytes((0xFF, code)) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def gdepth(form: str = "RangeLinear", near: str = "2", far: str = "4") -> bytes:
    """A photograph with depth in extended XMP, in two parts that stand in the wrong order."""
    facts = f'GDepth:Format="{form}" GDepth:Near="{near}" GDepth:Far="{far}" GDepth:Mime="image/png"'
    data = f'<x GDepth:Data="{base64.b64encode(encoded(LEVELS, ".png")).decode()}"/>'.encode()
    half = len(data) // 2
    parts = [
        segment(0xE1, EXTENDED + b"0" * 32 + struct.pack(">II", len(data), start) + data[start : start + half + 1])
        for start in (half + 1, 0)
    ]
    return with_segments(encoded(PHOTO), segment(0xE1, XMP + f"<x {facts}/>".encode()), *parts)


def multi_picture(second: bytes) -> bytes:
    """A photograph with another picture behind it (CIPA DC-007)."""
    first = encoded(PHOTO)
    # The list stands behind the start of the picture: its offsets count from there.
    length = 4 + 8 + 2 + 12 + 4 + 32
    start = 2 + 2 + 2 + 4
    whole = len(first) + length + 4
    directory = struct.pack("<4sI", b"II*\0", 8) + struct.pack("<H", 1)
    directory += struct.pack("<HHII", 0xB002, 7, 32, 8 + 2 + 12 + 4) + struct.pack("<I", 0)
    directory += struct.pack("<IIIHH", 0x030000, whole, 0, 0, 0)
    directory += struct.pack("<IIIHH", 0x020002, len(second), whole - start, 0, 0)
    return with_segments(first, segment(0xE2, b"MPF\0" + directory)) + second


def dynamic_depth(semantic: str = "Depth") -> bytes:
    depth = encoded(LEVELS)
    text = (
        '<x DepthMap:Format="RangeInverse" DepthMap:Near="1" DepthMap:Far="5"/>'
        '<rdf:li Item:Semantic="Primary" Item:Length="0"/>'
        f'<rdf:li Item:Semantic="{semantic}" Item:Length="{len(depth)}"/>'
        '<rdf:li Item:Semantic="Other" Item:Length="7"/>'
    )
    return with_segments(encoded(PHOTO), segment(0xE1, XMP + text.encode())) + depth + b"another"


def depth_of(path: Path, content: bytes):
    path.write_bytes(content)
    media = open_media(path, kind=MediaKind.DEPTH)
    with open_reader(media) as reader:
        return reader.read()


def test_a_photograph_stays_a_photograph_and_holds_a_depth_map(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(gdepth())
    media = open_media(path)
    assert media.kind is MediaKind.IMAGE
    stored = stored_depth(media)
    assert stored is not None
    assert (stored.kind, stored.size) == (MediaKind.DEPTH, (32, 24))
    assert stored.id != media.id


@pytest.mark.parametrize(
    ("form", "expected"),
    [("RangeLinear", 2 + 2 * SHARE), ("RangeInverse", 8 / (4 - 2 * SHARE))],
)
def test_depth_in_xmp_is_in_metres(tmp_path: Path, form: str, expected: np.ndarray) -> None:
    depth = depth_of(tmp_path / "a.jpg", gdepth(form))
    assert (depth.unit, depth.near_is_large) == ("m", False)
    np.testing.assert_allclose(depth.values, expected, rtol=1e-5)


def test_depth_in_xmp_without_usable_ends_is_relative(tmp_path: Path) -> None:
    for near, far in (("", ""), ("3", "2"), ("nan", "1"), ("-1", "4")):
        depth = depth_of(tmp_path / "a.jpg", gdepth(near=near, far=far))
        assert (depth.unit, depth.near_is_large) == ("relative", False)


def test_the_grey_picture_behind_a_photograph_is_its_depth(tmp_path: Path) -> None:
    depth = depth_of(tmp_path / "a.jpg", multi_picture(encoded(LEVELS)))
    assert (depth.unit, depth.near_is_large) == ("relative", True)
    np.testing.assert_allclose(depth.values, SHARE, atol=0.02)


@pytest.mark.parametrize(
    "second",
    [
        encoded(PHOTO),  # the other view of a stereo camera
        with_segments(encoded(LEVELS), segment(0xE1, XMP + b'<x hdrgm:Version="1.0"/>')),
    ],
    ids=["stereo view", "gain map"],
)
def test_other_pictures_behind_a_photograph_are_no_depth(tmp_path: Path, second: bytes) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(multi_picture(second))
    assert stored_depth(open_media(path)) is None


def test_depth_among_the_items_of_a_container(tmp_path: Path) -> None:
    depth = depth_of(tmp_path / "a.jpg", dynamic_depth())
    assert depth.unit == "m"
    np.testing.assert_allclose(depth.values, 5 / (5 - 4 * SHARE), rtol=0.1)
    (tmp_path / "b.jpg").write_bytes(dynamic_depth("GainMap"))
    assert stored_depth(open_media(tmp_path / "b.jpg")) is None


def test_depth_is_turned_as_the_photograph_is(tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[274] = 6
    content = with_segments(multi_picture(encoded(LEVELS)))
    turned = with_segments(gdepth(), segment(0xE1, b"Exif\0\0" + exif.tobytes()[6:]))
    assert depth_of(tmp_path / "plain.jpg", content).size == (32, 24)
    depth = depth_of(tmp_path / "turned.jpg", turned)
    assert depth.size == (24, 32)
    np.testing.assert_allclose(depth.values, np.rot90(2 + 2 * SHARE, -1), rtol=1e-5)


def test_the_auxiliary_picture_of_a_heic_is_its_depth(tmp_path: Path) -> None:
    file = pillow_heif.from_pillow(PIL.Image.fromarray(PHOTO))
    file.add_from_pillow(PIL.Image.fromarray(LEVELS))
    buffer = io.BytesIO()
    file.save(buffer, quality=-1)
    path = tmp_path / "a.heic"
    path.write_bytes(with_auxiliary(buffer.getvalue(), b"urn:mpeg:hevc:2015:auxid:2"))
    stored = stored_depth(open_media(path))
    assert stored is not None
    with open_reader(stored) as reader:
        depth = reader.read()
    assert (depth.unit, depth.near_is_large) == ("relative", True)
    np.testing.assert_allclose(depth.values, SHARE, atol=0.03)


def test_damage_costs_the_depth_and_not_the_photograph(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(gdepth().replace(b'Data="iV', b'Data="*V'))
    media = open_media(path)
    assert media.kind is MediaKind.IMAGE
    assert stored_depth(media) is None
    with pytest.raises(MediaError):
        open_media(path, kind=MediaKind.DEPTH)


def test_refocusing_finds_it_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(gdepth())
    picture = cvstudio.run("refocus", path, focus=(2.0, 3.0))
    assert picture.mask[:, :30].all()
    assert not picture.mask[:, 34:].any()
    plain = tmp_path / "b.jpg"
    plain.write_bytes(encoded(PHOTO))
    with pytest.raises(UserError, match="depth map"):
        cvstudio.run("refocus", plain)
