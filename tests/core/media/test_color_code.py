"""Colours told by code points and numbers: against the colour library of scikit-image and the published curves."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

from .test_color_profile import by_pillow, made_profile

LEVELS = np.array([[220, 40, 40], [40, 200, 60], [60, 60, 210], [128, 128, 128], [250, 240, 10], [255, 255, 255]])
COLOURS = np.repeat(LEVELS[None], 16, 0).repeat(16, 1).astype(np.uint8)
# Linear Display P3 to linear sRGB, as the CSS Color 4 specification prints it.
P3_TO_SRGB = np.array(
    [[1.2249401763, -0.2249401763, 0], [-0.0420569547, 1.0420569547, 0], [-0.0196375546, -0.0786360456, 1.0982736001]]
)
BT2020_TO_SRGB = np.array(
    [[1.6604910021, -0.5876411388, -0.0728498633], [-0.1245504745, 1.1328998971, -0.0083494226],
     [-0.0181507634, -0.1005788980, 1.1187296614]]
)  # fmt: skip


def srgb_of(light: NDArray[np.float64]) -> NDArray[np.float64]:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def light_of(levels: NDArray[np.uint8]) -> NDArray[np.float64]:
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def load(path: Path) -> Image:
    with open_reader(open_media(path, kind=MediaKind.IMAGE)) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    return image


def told(path: Path) -> str:
    return dict(facts(open_media(path))).get("Colour profile", "")


def png(pixels: NDArray[np.uint8], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with `chunks` in front of its pixels."""
    buffer = io.BytesIO()
    PIL.Image.fromarray(pixels).save(buffer, "PNG")
    packed = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    whole = buffer.getvalue()
    return whole[:33] + packed + whole[33:]


def coded(path: Path, primaries: int, transfer: int) -> Path:
    """A file of the format of `path` with code points."""
    if path.suffix == ".png":
        path.write_bytes(png(COLOURS, (b"cICP", bytes((primaries, transfer, 0, 1)))))
    elif path.suffix == ".avif":
        PIL.Image.fromarray(COLOURS).save(path, quality=100, subsampling="4:4:4")
        whole = path.read_bytes()
        assert whole.count(b"colrnclx") == 1
        place = whole.index(b"colrnclx") + 8
        path.write_bytes(whole[:place] + struct.pack(">HH", primaries, transfer) + whole[place + 4 :])
    else:
        import pillow_heif

        file = pillow_heif.from_pillow(PIL.Image.fromarray(COLOURS))
        options = {"color_primaries": primaries, "transfer_characteristics": transfer, "matrix_coefficients": 0}
        file.save(path, quality=-1, chroma=444, full_range_flag=1, **options)
    return path


@pytest.mark.parametrize("suffix", ["png", "avif", "heic"])
def test_display_p3(tmp_path: Path, suffix: str) -> None:
    path = coded(tmp_path / f"a.{suffix}", 12, 13)
    stored = COLOURS
    if suffix == "avif":
        with PIL.Image.open(path) as opened:
            stored = np.asarray(opened)
    expected = srgb_of(light_of(stored) @ P3_TO_SRGB.T)
    assert np.abs(load(path).pixels - expected).max() <= 1.1
    assert np.abs(COLOURS - expected).max() > 15
    assert told(path) == "Display P3, converted to sRGB"


@pytest.mark.parametrize("suffix", ["png", "avif", "heic"])
@pytest.mark.parametrize("codes", [(1, 13), (2, 2), (1, 1)])
def test_codes_of_srgb_change_and_tell_nothing(tmp_path: Path, suffix: str, codes: tuple[int, int]) -> None:
    path = coded(tmp_path / f"a.{suffix}", *codes)
    assert np.abs(load(path).pixels.astype(int) - COLOURS).max() <= (8 if suffix == "avif" else 1)
    assert told(path) == ""


def test_unknown_codes_are_told(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.png", 77, 13)
    np.testing.assert_array_equal(load(path).pixels, COLOURS)
    assert told(path) == "not readable, so ignored"


def test_pq_is_linear_light(tmp_path: Path) -> None:
    path = coded(tmp_path / "a.png", 9, 16)
    image = load(path)
    assert image.pixels.dtype == np.float32
    assert image.transfer == "linear"
    # SMPTE ST 2084: the level 0.5081 is 100 cd/m², 0.7518 1000 and 1 10,000; white is 203 cd/m² (ITU-R BT.2408).
    assert image.pixels[0, -1] == pytest.approx([10_000 / 203] * 3, rel=1e-3)
    assert image.pixels[0, 3 * 16] == pytest.approx([95.4 / 203] * 3, rel=0.03)
    assert told(path) == "BT.2020, PQ (HDR), converted to linear light in which white is 1"
    deep = np.full((8, 8, 3), round(0.5081 * 65535), np.uint16)
    from cvstudio.media.pictures.color_code import code_points, hdr_light

    assert hdr_light(deep, code_points(1, 16))[0, 0] == pytest.approx([100 / 203] * 3, rel=2e-3)
    red = np.zeros((1, 1, 3), np.uint16)
    red[..., 0] = 65535
    assert hdr_light(red, code_points(9, 16))[0, 0] == pytest.approx(BT2020_TO_SRGB[:, 0] * 10_000 / 203, rel=1e-3)


def test_hlg_is_linear_light(tmp_path: Path) -> None:
    from cvstudio.media.pictures.color_code import code_points, hdr_light

    # ITU-R BT.2408: 75 % of the signal is 203 cd/m² on a display of 1000 cd/m², and the full signal is that.
    levels = np.array([0.75, 1.0, 0.5])[None, :, None].repeat(3, 2) * 65535
    light = hdr_light(levels.round().astype(np.uint16), code_points(9, 18))[0, :, 1]
    assert light == pytest.approx([1.0, 1000 / 203, 1000 / 203 / 12**1.2], rel=0.01)
    assert told(coded(tmp_path / "a.heic", 9, 18)).startswith("BT.2020, HLG (HDR)")


def test_alpha_goes_with_hdr(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(np.dstack([COLOURS, COLOURS[..., 0]]), (b"cICP", bytes((9, 16, 0, 1)))))
    image = load(path)
    assert image.alpha is not None
    np.testing.assert_allclose(image.alpha, COLOURS[..., 0] / 255, rtol=1e-6)


def test_gamma_of_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png(COLOURS, (b"gAMA", struct.pack(">I", 100_000))))
    assert np.abs(load(path).pixels - srgb_of(COLOURS / 255.0)).max() <= 1.1
    assert told(path) == "gamma 1/1, primaries of sRGB, converted to sRGB"
    p3 = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    path.write_bytes(png(COLOURS, (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", p3)))
    assert np.abs(load(path).pixels - srgb_of((COLOURS / 255.0) ** 2.2 @ P3_TO_SRGB.T)).max() <= 1.1
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    unchanged = [
        [(b"gAMA", struct.pack(">I", 45455)), (b"cHRM", srgb)],
        [(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0")],
        [(b"gAMA", struct.pack(">I", 0)), (b"cHRM", bytes(32))],
    ]
    for chunks in unchanged:
        path.write_bytes(png(COLOURS, *chunks))
        np.testing.assert_array_equal(load(path).pixels, COLOURS)
    # A linear mask of grey levels stays as it is.
    path.write_bytes(png(COLOURS[..., 0], (b"gAMA", struct.pack(">I", 100_000))))
    np.testing.assert_array_equal(load(path).pixels[..., 0], COLOURS[..., 0])


def test_code_points_come_before_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    icc = b"name\0\0" + zlib.compress(made_profile("grey"))
    path.write_bytes(png(COLOURS, (b"cICP", bytes((12, 13, 0, 1))), (b"iCCP", icc)))
    assert told(path) == "Display P3, converted to sRGB"


def bmp(profile: bytes, space: bytes = b"DEBM") -> bytes:
    """A BITMAPV5HEADER of 24 bits with a profile behind the pixels, as Photoshop and GIMP write it."""
    pixels = COLOURS[::-1, :, ::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", 124, COLOURS.shape[1], COLOURS.shape[0], 1, 24, 0, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<4I4s48xIIII", 0, 0, 0, 0, space, 4, 124 + len(pixels), len(profile), 0)
    assert len(header) == 124
    return b"BM" + struct.pack("<IHHI", 138 + len(pixels) + len(profile), 0, 0, 138) + header + pixels + profile


def test_profile_of_a_bmp(tmp_path: Path) -> None:
    path, profile = tmp_path / "a.bmp", made_profile("p3")
    path.write_bytes(bmp(profile))
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(np.asarray(opened), COLOURS)
    expected = by_pillow(PIL.Image.fromarray(COLOURS), profile)
    assert np.abs(load(path).pixels.astype(int) - expected).max() <= 1
    assert told(path).endswith("converted to sRGB")
    path.write_bytes(bmp(profile, b"BGRs"))
    np.testing.assert_array_equal(load(path).pixels, COLOURS)
    assert told(path) == ""
    path.write_bytes(bmp(b"c:\\a.icc\0", b"KNIL"))
    assert told(path) == "not readable, so ignored"


def gif(frames: int, profile: bytes) -> bytes:
    buffer = io.BytesIO()
    pictures = [PIL.Image.fromarray(np.roll(COLOURS, 16 * number, 1)).quantize(8) for number in range(frames)]
    pictures[0].save(buffer, "GIF", save_all=frames > 1, append_images=pictures[1:], duration=80)
    whole = buffer.getvalue()
    place = 13 + (3 << (whole[10] & 7) + 1)
    blocks = b"".join(
        bytes([len(part)]) + part for part in (profile[at : at + 255] for at in range(0, len(profile), 255))
    )
    return whole[:place] + b"!\xff\x0bICCRGBG1012" + blocks + b"\0" + whole[place:]


def test_profile_of_a_gif(tmp_path: Path) -> None:
    path, profile = tmp_path / "a.gif", made_profile("p3")
    path.write_bytes(gif(1, profile))
    with PIL.Image.open(path) as opened:
        expected = by_pillow(opened.convert("RGB"), profile)
    assert np.abs(load(path).pixels.astype(int) - expected).max() <= 1
    assert told(path).endswith("converted to sRGB")


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_profile_of_an_animation(tmp_path: Path, suffix: str) -> None:
    path, profile = tmp_path / f"a.{suffix}", made_profile("p3")
    if suffix == "gif":
        path.write_bytes(gif(3, profile))
    else:
        pictures = [PIL.Image.fromarray(np.roll(COLOURS, 16 * number, 1)) for number in range(3)]
        options: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=80, icc_profile=profile, **options)
    media = open_media(path)
    assert media.kind is MediaKind.VIDEO
    assert media.frame_count in (3, None)
    assert told(path).endswith("converted to sRGB")
    with PIL.Image.open(path) as opened, open_reader(media) as reader:
        for number in range(3):
            opened.seek(number)
            expected = by_pillow(opened.convert("RGB"), profile)
            frame = reader.next()
            assert np.abs(frame.pixels.astype(int) - expected).max() <= 1
            assert frame.pts == pytest.approx(0.08 * number, abs=0.001)
        assert reader.next() is None
        back = reader.step(0.16, -1)
        assert back.pts == pytest.approx(0.08, abs=0.001)
        np.testing.assert_array_equal(reader.at(0.1).pixels, back.pixels)


def test_a_named_profile_of_an_animation_does_not_crash_later(tmp_path: Path) -> None:
    pictures = [PIL.Image.fromarray(np.roll(COLOURS, 16 * number, 1)) for number in range(3)]
    path = tmp_path / "a.png"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], icc_profile=made_profile("p3"))
    code = (
        "import gc, sys\nfrom cvstudio.media import open_media, open_reader\nfrom cvstudio.media.facts import facts\n"
        "media = open_media(sys.argv[1])\nfacts(media)\nwith open_reader(media) as reader:\n    reader.at(0.1)\n"
        "del reader\nfor _ in range(3):\n    gc.collect()\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0
