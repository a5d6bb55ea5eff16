"""Pictures: equal to OpenCV and Pillow to the pixel, upright, and never half grey."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
from numpy.typing import NDArray
from PIL import ImageCms

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import quick_facts
from cvstudio.media.pictures.headers import jpeg_size
from cvstudio.media.thumbnails import make_thumbnail

CASES = Path(__file__).parent / "cases"
ORIENTATION = 0x0112


def load(path: Path, **options: Any) -> Image:
    media = open_media(path, **options)
    with open_reader(media) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    assert media.size == image.size
    return image


def save(path: Path, picture: Any, mode: str = "RGB", **options: Any) -> Path:
    PIL.Image.fromarray(picture).convert(mode).save(path, **options)
    return path


def imread(path: Path) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB))


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_grey_that_a_png_calls_transparent_is(tmp_path: Path, bits: int) -> None:
    """PNG, third edition, section 11.3.1.1: tRNS holds one grey level, in as many bits as the picture has."""
    levels = np.array([[1, 0, 1, 0], [0, 1, 1, 1]], np.uint16)
    rows = levels.astype(">u2").tobytes() if bits == 16 else b""
    if bits < 16:
        packed = (levels << np.arange(0, 4)[::-1] * bits).sum(axis=1) << max(0, 8 - 4 * bits)
        rows = b"".join(int(row).to_bytes(max(1, 4 * bits // 8), "big") for row in packed)
    stride = len(rows) // 2
    data = b"".join(b"\0" + rows[row * stride : (row + 1) * stride] for row in range(2))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", 4, 2, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", 1)),
        (b"IDAT", zlib.compress(data)),
        (b"IEND", b""),
    )
    path = tmp_path / "grey.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    )
    found = load(path, kind=MediaKind.IMAGE)
    top = 65535 if bits == 16 else 255
    assert found.alpha is not None
    assert found.alpha.tolist() == np.where(levels == 1, 0, top).tolist()
    assert found.pixels[..., 0].tolist() == (levels * (1 if bits == 16 else 255 // ((1 << bits) - 1))).tolist()
    if bits == 8:
        assert np.array_equal(found.alpha, np.asarray(PIL.Image.open(path).convert("RGBA"))[..., 3])


@pytest.mark.parametrize("white", [1, 100, 1023, 4095, 60000])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_white_is_what_the_file_says(tmp_path: Path, white: int, plain: bool, kind: str) -> None:
    shape = (3, 5, 3) if kind == "colour" else (3, 5)
    levels = np.random.default_rng(white).integers(0, white + 1, shape)
    levels.flat[:2] = 0, white
    magic = {("grey", True): 2, ("colour", True): 3, ("grey", False): 5, ("colour", False): 6}[kind, plain]
    dtype = np.uint8 if white <= 255 else np.dtype(">u2")
    body = " ".join(map(str, levels.flat)).encode() if plain else levels.astype(dtype).tobytes()
    path = tmp_path / "a.pnm"
    path.write_bytes(f"P{magic}\n# by hand\n5 3\n{white}\n".encode() + body)
    found = load(path, kind=MediaKind.IMAGE)
    top = 255 if white <= 255 else 65535
    assert found.pixels.dtype == (np.uint8 if top == 255 else np.uint16)
    expected = np.floor(levels / white * top + 0.5)
    assert np.abs(found.pixels - (expected if kind == "colour" else expected[..., None])).max() <= 1
    assert found.pixels.flat[0] == 0
    assert found.pixels.max() == top
    path.write_bytes(f"P{magic}\n# {'-' * 5000}\n5 3\n{white}\n".encode() + body)
    np.testing.assert_array_equal(load(path, kind=MediaKind.IMAGE).pixels, found.pixels)


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.jpg", "RGB", {}),
        ("progressive.jpg", "RGB", {"progressive": True}),
        ("grey.jpg", "L", {}),
        ("cmyk.jpg", "CMYK", {}),
        ("a.webp", "RGB", {}),
        ("a.ppm", "RGB", {}),
        ("grey.pgm", "L", {}),
    ],
)
def test_equals_imread(tmp_path: Path, photo: NDArray[np.uint8], name: str, mode: str, options: dict[str, Any]) -> None:
    path = save(tmp_path / name, photo, mode, **options)
    np.testing.assert_array_equal(load(path).pixels, imread(path))


@pytest.mark.parametrize(
    ("name", "mode", "options"),
    [
        ("a.png", "RGB", {}),
        ("grey.png", "L", {}),
        ("one.png", "1", {}),
        ("palette.png", "P", {}),
        ("a.bmp", "RGB", {}),
        ("palette.bmp", "P", {}),
        ("a.tiff", "RGB", {}),
        ("lzw.tiff", "RGB", {"compression": "tiff_lzw"}),
        ("grey.tiff", "L", {}),
        ("palette.tiff", "P", {}),
        ("lossless.webp", "RGB", {"lossless": True}),
        ("a.gif", "P", {}),
    ],
)
def test_lossless_equals_pillow(tmp_path: Path, photo: NDArray[np.uint8], name: str, mode: str, options: Any) -> None:
    path = save(tmp_path / name, photo, mode, **options)
    image = load(path)
    with PIL.Image.open(path) as opened:
        np.testing.assert_array_equal(image.pixels, np.asarray(opened.convert("RGB")))
    assert image.alpha is None
    assert not image.pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("name", "mode"), [("a.jpg", "RGB"), ("a.png", "RGB"), ("a.png", "RGBA"), ("a.webp", "RGB")])
def test_exif_orientation(tmp_path: Path, photo: NDArray[np.uint8], name: str, mode: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save(tmp_path / name, photo, mode, exif=exif, **options)
    with PIL.Image.open(path) as opened:
        expected = np.asarray(PIL.ImageOps.exif_transpose(opened).convert(mode))
    image = load(path)
    if name == "a.jpg":
        np.testing.assert_array_equal(image.pixels, imread(path))
        assert np.abs(image.pixels.astype(int) - expected).mean() < 3
    else:
        np.testing.assert_array_equal(image.pixels, expected[..., :3])
    if mode == "RGBA":
        assert image.alpha is not None
        assert image.alpha.shape == expected.shape[:2]


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK"])
def test_tiff_orientation(tmp_path: Path, photo: NDArray[np.uint8], mode: str, orientation: int, turns: int) -> None:
    stored = PIL.Image.fromarray(photo).convert(mode)
    stored.save(tmp_path / "a.tiff", tiffinfo={ORIENTATION: orientation})
    image = load(tmp_path / "a.tiff")
    np.testing.assert_array_equal(image.pixels, np.rot90(np.asarray(stored.convert("RGB")), turns))
    assert (image.alpha is not None) == (mode == "RGBA")


def test_senseless_exif_does_not_cost_the_picture(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    for number, exif in enumerate(
        (b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0??*\0\x08\0\0\0\x01\0", b"Exif")
    ):
        path = save(tmp_path / f"{number}.jpg", photo, exif=exif)
        np.testing.assert_array_equal(load(path).pixels, imread(path))


def test_alpha(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    opacity = np.tile(np.arange(60, dtype=np.uint8) * 4, (40, 1))
    for name, options in (("a.png", {}), ("a.tiff", {}), ("a.webp", {"lossless": True, "exact": True})):
        path = tmp_path / name
        PIL.Image.fromarray(np.dstack([photo, opacity])).save(path, **options)  # type: ignore[arg-type]
        image = load(path)
        np.testing.assert_array_equal(image.pixels, photo)
        np.testing.assert_array_equal(image.alpha, opacity)
    grey = np.ascontiguousarray(photo[..., 0])
    path = tmp_path / "la.png"
    PIL.Image.merge("LA", [PIL.Image.fromarray(grey), PIL.Image.fromarray(opacity)]).save(path)
    image = load(path)
    np.testing.assert_array_equal(image.pixels, np.dstack([grey] * 3))
    np.testing.assert_array_equal(image.alpha, opacity)
    palette = PIL.Image.fromarray(photo).convert("P")
    palette.save(tmp_path / "p.png", transparency=5)
    image = load(tmp_path / "p.png")
    np.testing.assert_array_equal(image.alpha == 0, np.asarray(palette) == 5)


def test_sixteen_bits(tmp_path: Path) -> None:
    deep = np.random.default_rng(2).integers(0, 65536, (20, 30, 4), np.uint16)
    for name in ("a.png", "a.tiff"):
        path = tmp_path / name
        path.write_bytes(cv2.imencode(path.suffix, deep[..., :3])[1].tobytes())
        assert open_media(path).kind is MediaKind.IMAGE
        np.testing.assert_array_equal(load(path).pixels, deep[..., 2::-1])
        path.write_bytes(cv2.imencode(path.suffix, deep)[1].tobytes())
        np.testing.assert_array_equal(load(path).pixels, deep[..., 2::-1])
        np.testing.assert_array_equal(load(path).alpha, deep[..., 3])
        path.write_bytes(cv2.imencode(path.suffix, deep[..., 0])[1].tobytes())
        assert open_media(path).kind is MediaKind.DEPTH
        np.testing.assert_array_equal(load(path, kind=MediaKind.IMAGE).pixels, np.dstack([deep[..., 0]] * 3))


def test_float_tiff_is_linear_light(tmp_path: Path) -> None:
    picture = np.random.default_rng(2).random((20, 30, 3), np.float32) * 3
    path = tmp_path / "a.tiff"
    path.write_bytes(cv2.imencode(".tiff", picture)[1].tobytes())
    image = load(path)
    np.testing.assert_array_equal(image.pixels, picture[..., ::-1])
    assert image.transfer == "linear"


def test_as_a_picture_a_moving_gif_gives_its_first_frame(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    frames = [PIL.Image.fromarray(picture).quantize(32) for picture in (photo, 255 - photo)]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(load(path, kind=MediaKind.IMAGE).pixels, np.asarray(frames[0].convert("RGB")))


@pytest.mark.parametrize(
    ("format_", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
        ("PPM", {}),
    ],
)
def test_cut_short_is_refused_and_never_half_grey(
    tmp_path: Path, photo: NDArray[np.uint8], format_: str, options: dict[str, Any]
) -> None:
    buffer = io.BytesIO()
    PIL.Image.fromarray(np.kron(photo, np.ones((4, 4, 1), np.uint8))).save(buffer, format_, **options)
    whole = buffer.getvalue()
    path = tmp_path / "cut"
    path.write_bytes(whole)
    assert load(path).size == (240, 160)
    for share in (0.05, 0.3, 0.5, 0.7, 0.9, 0.97, 0.995):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MediaError, match="damaged or was cut short"):
            load(path)


def test_behind_a_cut_jpeg_another_one_does_not_help(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    with pytest.raises(MediaError, match="damaged or was cut short"):
        open_media(CASES / "cut_then_other.jpg")
    path = tmp_path / "a.jpg"
    for options in ({}, {"progressive": True}, {"restart_marker_rows": 1}):
        buffer = io.BytesIO()
        PIL.Image.fromarray(np.kron(photo, np.ones((4, 4, 1), np.uint8))).save(buffer, "JPEG", **options)
        whole = buffer.getvalue()
        # As panoramas and burst pictures have it: a whole one in front.
        path.write_bytes(whole + whole)
        np.testing.assert_array_equal(load(path).pixels, imread(path))
        for share in np.linspace(0.3, 0.995, 12):
            path.write_bytes(whole[: int(len(whole) * share)] + whole)
            with pytest.raises(MediaError, match="damaged or was cut short"):
                load(path)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
def test_a_jpeg_that_was_cut_and_closed_is_refused(
    tmp_path: Path, photo: NDArray[np.uint8], mode: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "a.jpg"
    if mode == "CMYK" and options:
        pytest.skip("kinds of scans do not depend on the channels")
    large = np.kron(photo, np.ones((4, 4, 1), np.uint8)) ^ np.random.default_rng(0).integers(
        0, 8, (160, 240, 3), np.uint8
    )
    PIL.Image.fromarray(large).convert(mode).save(path, **options)
    whole = path.read_bytes()
    assert open_media(path).size == (240, 160)
    start = whole.index(b"\xff\xda") + 40
    for share in (0.1, 0.4, 0.7, 0.9):
        path.write_bytes(whole[: start + int((len(whole) - start) * share)] + b"\xff\xd9")
        with pytest.raises(MediaError, match="damaged or was cut short"):
            open_media(path)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"quality": 100}])
def test_a_whole_jpeg_may_lack_its_end_marker(
    tmp_path: Path, photo: NDArray[np.uint8], mode: str, options: dict[str, Any]
) -> None:
    """Every viewer opens it: SixLabors/ImageSharp 18, intel/libyami 801. One byte more is data."""
    PIL.Image.fromarray(photo).convert(mode).save(whole := tmp_path / "whole.jpg", **options)
    path = tmp_path / "a.jpg"
    for lacking in (1, 2):
        path.write_bytes(whole.read_bytes()[:-lacking])
        np.testing.assert_array_equal(load(path).pixels, load(whole).pixels)
        np.testing.assert_array_equal(make_thumbnail(path).pixels, make_thumbnail(whole).pixels)
        assert dict(quick_facts(open_media(path)))["End"] == "its mark is missing; the picture is whole"
    assert "End" not in dict(quick_facts(open_media(whole)))
    for lacking in (3, 4, 5, 8, 30):
        for tail in (b"", bytes(2000)):
            path.write_bytes(whole.read_bytes()[:-lacking] + tail)
            if not (mode == "CMYK" and "progressive" in options):
                with pytest.raises(MediaError, match="damaged or was cut short"):
                    open_media(path)
                continue
            # The last scan refines an ink that is nowhere: its last bytes may say nothing.
            with contextlib.suppress(MediaError):
                np.testing.assert_array_equal(load(path).pixels, load(whole).pixels)


def test_a_whole_jpeg_may_end_in_one_level(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    for fill in (0, 128, 255):
        for options in ({}, {"progressive": True}, {"exif": b"Exif\0\0no tags"}):
            picture = np.full((101, 75, 3), fill, np.uint8)
            picture[:40, :60] = photo
            path = save(tmp_path / "a.jpg", picture, **options)
            np.testing.assert_array_equal(load(path).pixels, imread(path))


def test_pictures_and_a_video_behind_a_jpeg_are_told(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(photo).save(path, "MPO", save_all=True, append_images=[PIL.Image.fromarray(photo[::-1])] * 2)
    np.testing.assert_array_equal(load(path).pixels, imread(path))
    assert dict(quick_facts(open_media(path)))["Pages"] == "3; the first is shown"
    save(path, photo)
    path.write_bytes(path.read_bytes() + b"\0\0\0\x18ftypmp42" + bytes(3000))
    assert "a video behind it" in dict(quick_facts(open_media(path)))["Pages"]
    path = save(tmp_path / "b.jpg", photo)
    assert "Pages" not in dict(quick_facts(open_media(path)))


def test_jpeg_and_png_that_are_cut_short_are_refused_at_once(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """Before anything that is open gives way to them."""
    for name in ("a.jpg", "a.png", "a.webp"):
        path = save(tmp_path / name, photo)
        path.write_bytes(path.read_bytes()[:-30])
        with pytest.raises(MediaError, match="cut short"):
            open_media(path)


def test_header_agrees_with_pillow(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """Every format and mode that Pillow writes, sizes that differ in each byte."""
    for size in ((1, 1), (3, 300), (259, 2), (515, 770)):
        picture = PIL.Image.fromarray(photo).resize(size)
        for suffix in ("jpg", "png", "webp", "bmp", "tiff", "gif", "ppm"):
            path = tmp_path / f"a.{suffix}"
            picture.save(path)
            assert open_media(path).size == size


def test_real_photos_equal_imread(data: Callable[..., Path]) -> None:
    paths = sorted(data("photos").glob("*.[jp][pn]g"))
    assert len(paths) >= 10
    for path in paths:
        image = load(path)
        with PIL.Image.open(path) as opened:
            name = ""
            if profile := opened.info.get("icc_profile"):
                name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
            # Other profiles: test_color_profile.py.
            if not name or "sRGB" in name:
                np.testing.assert_array_equal(image.pixels, imread(path))
            assert image.size == PIL.ImageOps.exif_transpose(opened).size


@pytest.mark.parametrize("packed", [None, "zlib"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_a_tiff_whose_channels_lie_one_after_another(tmp_path: Path, dtype: type, packed: str | None) -> None:
    import tifffile

    path = tmp_path / "planes.tif"
    made = (np.random.default_rng(3).random((3, 20, 30)) * (200 if np.dtype(dtype).kind == "u" else 1)).astype(dtype)
    tifffile.imwrite(path, made, photometric="rgb", planarconfig="separate", compression=packed)
    image = load(path)
    # 64 bits are shown with 32.
    np.testing.assert_array_equal(image.pixels, np.moveaxis(made, 0, -1).astype(image.pixels.dtype))
    assert image.transfer == ("linear" if np.dtype(dtype).kind == "f" else "srgb")


def test_the_first_page_of_a_double_precision_tiff_is_what_tifffile_reads() -> None:
    import skimage
    import tifffile

    path = Path(skimage.__file__).parent / "data" / "multipage_rgb.tif"
    expected = np.moveaxis(tifffile.imread(path, key=0), 0, -1).astype(np.float32)
    np.testing.assert_array_equal(load(path).pixels, expected)


def test_planes_that_nobody_unpacks_here_are_told(tmp_path: Path) -> None:
    import tifffile

    path = tmp_path / "planes.tif"
    tifffile.imwrite(path, np.ones((3, 20, 30), np.uint16), photometric="rgb", planarconfig="separate")
    data = bytearray(path.read_bytes())
    place = data.find(struct.pack("<HHI", 259, 3, 1))
    data[place + 8 : place + 10] = struct.pack("<H", 5)
    path.write_bytes(data)
    with pytest.raises(MediaError, match=r"planes\.tif"):
        load(path)


def gif(screen: tuple[int, int], left: int, top: int, picture: NDArray[np.uint8], *, control: bool = True) -> bytes:
    """A GIF with one picture of palette indices at a place of its screen, written block by block (GIF89a)."""
    palette = bytes(value for index in range(8) for value in (index * 30, 255 - index * 30, index * 10))
    drawn = PIL.Image.fromarray(picture, "P")
    drawn.putpalette(palette + bytes(768 - len(palette)))
    buffer = io.BytesIO()
    drawn.save(buffer, "GIF", optimize=False, interlace=0)
    whole = buffer.getvalue()
    start = whole.index(b",", 13 + (3 << (whole[10] & 7) + 1))
    own_table = 3 << (whole[start + 9] & 7) + 1 if whole[start + 9] & 0x80 else 0
    data = whole[start + 10 + own_table : whole.rindex(b";")]
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x82, 0, 0) + palette
    place = struct.pack("<HHHHB", left, top, picture.shape[1], picture.shape[0], 0)
    return head + (b"!\xf9\x04\0\x05\0\0\0" if control else b"") + b"," + place + data + b";"


@pytest.mark.parametrize(
    ("screen", "left", "top", "size"),
    [
        ((50, 40), 0, 0, (50, 40)),
        ((75, 40), 25, 0, (75, 40)),
        ((30, 20), 0, 0, (50, 40)),  # a picture larger than its screen
        ((0, 0), 0, 0, (50, 40)),  # a screen of no size
        ((40, 40), 10, 5, (60, 45)),
    ],
)
@pytest.mark.parametrize("control", [True, False])
def test_a_gif_whose_picture_does_not_fill_its_screen(
    tmp_path: Path, screen: tuple[int, int], left: int, top: int, size: tuple[int, int], control: bool
) -> None:
    path = tmp_path / "a.gif"
    indices = np.random.default_rng(0).integers(0, 8, (40, 50), np.uint8)
    path.write_bytes(gif(screen, left, top, indices, control=control))
    image = load(path)
    assert image.size == size
    expected = np.stack([indices * 30, 255 - indices * 30, indices * 10], 2)
    np.testing.assert_array_equal(image.pixels[top : top + 40, left : left + 50], expected)


def test_a_png_with_a_wrong_checksum_in_a_note_is_whole(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    """As old programs left it; a wrong one of the pixels is damage."""
    path = save(tmp_path / "a.png", photo)
    whole = path.read_bytes()
    note = b"\0\0\0\x0azTXtNote\0\0abcd\0\0\0\0"
    for content in (whole[:33] + note + whole[33:], whole[:-12] + note + whole[-12:], whole + b"junk" * 50):
        path.write_bytes(content)
        np.testing.assert_array_equal(load(path).pixels, photo)
    place = whole.index(b"IDAT") + 4 + int.from_bytes(whole[(at := whole.index(b"IDAT")) - 4 : at], "big")
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(MediaError, match="damaged"):
        load(path)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("progressive", [False, True])
def test_the_size_of_a_jpeg_from_its_head_alone(orientation, progressive):
    picture, exif, content = PIL.Image.new("RGB", (300, 200), "red"), PIL.Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    picture.save(content, "JPEG", exif=exif, progressive=progressive)
    head = content.getvalue()[: len(content.getvalue()) // 2]
    assert jpeg_size(head) == PIL.ImageOps.exif_transpose(PIL.Image.open(content)).size
    assert all(jpeg_size(head[:length]) is None for length in range(0, 100, 7))
    assert jpeg_size(b"P6\n300 200\n255\n") is None
