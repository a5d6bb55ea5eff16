"""Colour profiles: the colours that LittleCMS gives through Pillow, for every format that carries one."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from cvstudio.data.samples import Image
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.thumbnails import make_thumbnail

CASES = Path(__file__).parent / "cases"
# README of the cases: grey 191, 64, 128 … and six colours in Adobe RGB, as sRGB.
ADOBE_AS_SRGB = [[221, 62, 62], [0, 192, 46], [62, 62, 196]]

P3 = (0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0)
D65 = (0.3127, 0.3290, 1.0)


def load(path: Path) -> Image:
    with open_reader(open_media(path, kind=MediaKind.IMAGE)) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    return image


def told(path: Path) -> str:
    return dict(facts(open_media(path, kind=MediaKind.IMAGE))).get("Colour profile", "")


def made_profile(kind: str) -> bytes:
    import imagecodecs

    if kind == "grey":
        return bytes(imagecodecs.cms_profile("gray", whitepoint=D65, gamma=1.0))
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=D65, primaries=P3, gamma=2.2))


def ink_profile() -> bytes:
    """A profile with a table of two steps an ink (ICC.1:2001-04, 6.5.7), each taking away a part of one light only."""
    from skimage.color import rgb2lab

    steps = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), -1).reshape(-1, 4)
    light = (1 - 0.8 * steps[:, :3]) * (1 - 0.9 * steps[:, 3:])
    lab = rgb2lab(light[None], illuminant="D50")[0]
    table = np.clip(lab * (2.55, 1, 1) + (0, 128, 128), 0, 255).round().astype(np.uint8)
    unit = struct.pack(">9i", *(65536 * value for value in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    curves = bytes(range(256)) * 4, bytes(range(256)) * 3
    a2b = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + unit + curves[0] + table.tobytes() + curves[1]
    name = b"test inks\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78)
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    entries, body, start = b"", b"", 128 + 4 + 3 * 12
    for tag, data in ((b"desc", text), (b"wtpt", white), (b"A2B0", a2b)):
        entries += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I4sI4s4s4s12s4s", start + len(body), b"", 0x02400000, b"prtr", b"CMYK", b"Lab ", b"", b"acsp")
    head = head.ljust(68, b"\0") + white[8:]
    return head.ljust(128, b"\0") + struct.pack(">I", 3) + entries + body


def by_pillow(picture: PIL.Image.Image, profile: bytes) -> NDArray[np.uint8]:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
    assert converted is not None
    return np.asarray(converted)


@pytest.mark.parametrize(("name", "tolerance"), [("a98.png", 0), ("a98.jpg", 2)])
def test_adobe_rgb_is_shown_as_srgb(name: str, tolerance: int) -> None:
    image = load(CASES / name)
    assert np.abs(image.pixels[24, :24:8].astype(int) - ADOBE_AS_SRGB).max() <= tolerance
    assert told(CASES / name) == "Artifex Software A98 ICC Profile, converted to sRGB"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.png", {}),
        ("a.jpg", {"quality": 95}),
        ("a.tif", {}),
        ("lzw.tif", {"compression": "tiff_lzw"}),
        ("a.webp", {"lossless": True}),
        ("a.avif", {"quality": 100, "subsampling": "4:4:4"}),
        ("a.heic", {"quality": -1, "chroma": 444, "matrix_coefficients": 0}),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_wide_gamut_in_every_format(
    tmp_path: Path, photo: NDArray[np.uint8], name: str, options: dict[str, Any], mode: str
) -> None:
    if name == "a.jpg" and mode == "RGBA":
        pytest.skip("a JPEG has no alpha")
    if name == "a.heic":
        import pillow_heif

        pillow_heif.register_heif_opener()
    path, profile = tmp_path / name, made_profile("p3")
    opacity = np.tile(np.arange(60, dtype=np.uint8) + 180, (40, 1))
    picture = PIL.Image.fromarray(np.dstack([photo, opacity]) if mode == "RGBA" else photo)
    picture.save(path, icc_profile=profile, **options)
    with PIL.Image.open(path) as opened:
        stored = opened.convert(mode)
    expected = by_pillow(stored.convert("RGB"), profile)
    assert np.abs(expected.astype(int) - np.asarray(stored.convert("RGB"))).max() > 20
    image = load(path)
    difference = np.abs(image.pixels.astype(int) - expected)
    assert difference.max() <= (12 if name in ("a.jpg", "a.avif") else 1)
    assert difference.mean() < 0.5
    assert (image.alpha is not None) == (mode == "RGBA")
    assert told(path).endswith("converted to sRGB")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_grey_profile(tmp_path: Path, name: str) -> None:
    path, profile = tmp_path / name, made_profile("grey")
    picture = PIL.Image.fromarray(np.repeat(np.arange(0, 256, 8, np.uint8)[None], 16, 0).repeat(16, 1))
    picture.save(path, icc_profile=profile)
    with PIL.Image.open(path) as opened:
        expected = by_pillow(opened, profile)
    assert np.abs(load(path).pixels.astype(int) - expected).max() <= 1
    # Linear light of a half is far brighter than the level 128.
    assert expected[0, 16 * 16, 0] > 180


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_inks_go_through_their_profile(tmp_path: Path, name: str) -> None:
    path, profile = tmp_path / name, ink_profile()
    ink = np.random.default_rng(4).integers(0, 256, (4, 6, 4), np.uint8).repeat(8, 0).repeat(8, 1)
    PIL.Image.frombytes("CMYK", (48, 32), ink.tobytes()).save(path, icc_profile=profile)
    with PIL.Image.open(path) as opened:
        expected = by_pillow(opened, profile)
    assert np.abs(load(path).pixels.astype(int) - expected).max() <= 1
    assert told(path) == "test inks, converted to sRGB"


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_inks_do_not_go_through_a_profile_for_light(tmp_path: Path, name: str) -> None:
    ink = np.random.default_rng(4).integers(0, 256, (4, 6, 4), np.uint8).repeat(8, 0).repeat(8, 1)
    picture = PIL.Image.frombytes("CMYK", (48, 32), ink.tobytes())
    picture.save(tmp_path / name)
    plain = load(tmp_path / name).pixels
    picture.save(tmp_path / name, icc_profile=made_profile("p3"))
    np.testing.assert_array_equal(load(tmp_path / name).pixels, plain)
    assert "so ignored" in told(tmp_path / name)
    shown = make_thumbnail(tmp_path / name).pixels
    assert shown is not None
    assert np.abs(shown.astype(int) - plain).max() <= 1


def test_colours_do_not_go_through_a_profile_for_grey(tmp_path: Path) -> None:
    greys = np.repeat(np.arange(0, 256, 4, np.uint8)[None], 16, 0)[..., None].repeat(3, 2)
    picture, path = PIL.Image.fromarray(greys), tmp_path / "a.webp"
    picture.save(path, lossless=True, icc_profile=made_profile("grey"))
    np.testing.assert_array_equal(load(path).pixels, greys)
    assert "so ignored" in told(path)
    shifted = PIL.Image.fromarray(greys[:, ::-1])
    picture.save(path, lossless=True, icc_profile=made_profile("grey"), save_all=True, append_images=[shifted])
    with open_reader(open_media(path)) as reader:
        np.testing.assert_array_equal(reader.at(0).pixels, greys)


def test_sixteen_bits_keep_their_depth(tmp_path: Path) -> None:
    import tifffile

    profile = made_profile("p3")
    levels = np.random.default_rng(5).integers(0, 256, (20, 3000, 3), np.uint8)
    deep = levels.astype(np.uint16) * 257
    deep[0] = np.arange(3000)[:, None] * 21
    for name in ("a.png", "a.tif"):
        path = tmp_path / name
        if name == "a.tif":
            tifffile.imwrite(path, deep, photometric="rgb", iccprofile=profile)
        else:
            import cv2

            whole = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
            buffer = io.BytesIO()
            PIL.Image.new("L", (1, 1)).save(buffer, "PNG", icc_profile=profile)
            small = buffer.getvalue()
            start = small.index(b"iCCP") - 4
            chunk = small[start : start + 12 + int.from_bytes(small[start : start + 4], "big")]
            path.write_bytes(whole[:33] + chunk + whole[33:])
        image = load(path)
        assert image.pixels.dtype == np.uint16
        expected = by_pillow(PIL.Image.fromarray(levels), profile)
        assert np.abs(image.rgb8[1:].astype(int) - expected[1:]).max() <= 1
        assert len(np.unique(image.pixels[0])) > 2500


def test_srgb_and_broken_profiles_change_nothing(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    picture = PIL.Image.fromarray(photo)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    broken = b"no profile at all" * 20
    for profile, text in ((srgb, "sRGB built-in"), (broken, "not readable, so ignored")):
        picture.save(tmp_path / "a.png", icc_profile=profile)
        np.testing.assert_array_equal(load(tmp_path / "a.png").pixels, photo)
        assert told(tmp_path / "a.png") == text
    picture.save(tmp_path / "a.png", icc_profile=made_profile("grey"))
    np.testing.assert_array_equal(load(tmp_path / "a.png").pixels, photo)
    assert "(GRAY), so ignored" in told(tmp_path / "a.png")


def test_every_photo_with_a_profile_has_the_colours_of_pillow(data: Callable[..., Path]) -> None:
    profiled = 0
    for path in sorted(data("photos").glob("*.jpg")):
        with PIL.Image.open(path) as opened:
            profile = opened.info.get("icc_profile", b"")
            if profile and opened.mode == "RGB":
                profiled += 1
                expected = by_pillow(opened, profile)
                assert np.abs(load(path).pixels.astype(int) - expected).mean() < 1
    assert profiled


@pytest.mark.parametrize("segment", [b"ICC_PROFILE\0", b"ICC_PROFILE\0\1", b"ICC_PROFILE\0\1\1"])
def test_a_profile_that_was_cut_short_spoils_no_jpeg(tmp_path: Path, segment: bytes) -> None:
    picture = PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))
    picture.save(tmp_path / "plain.jpg")
    content = (tmp_path / "plain.jpg").read_bytes()
    cut = content[:2] + b"\xff\xe2" + struct.pack(">H", 2 + len(segment)) + segment + content[2:]
    (tmp_path / "a.jpg").write_bytes(cut)
    np.testing.assert_array_equal(load(tmp_path / "a.jpg").pixels, load(tmp_path / "plain.jpg").pixels)
    assert told(tmp_path / "a.jpg") == "not readable, so ignored"
    assert make_thumbnail(tmp_path / "a.jpg").size == (32, 24)
