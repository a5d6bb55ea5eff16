"""TIFF and its kin: the numbers that tifffile and Pillow read, and what they mean."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import tifffile
from numpy.typing import NDArray
from skimage.color import lab2rgb

from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import facts

CASES = Path(__file__).parent / "cases"


def load(path: Path, **options: Any) -> Any:
    media = open_media(path, **options)
    with open_reader(media) as reader:
        sample = reader.read()
    assert media.size == sample.size
    return sample


def told(path: Path, **options: Any) -> dict[str, str]:
    return dict(facts(open_media(path, **options)))


def test_lab(tmp_path: Path) -> None:
    image = load(CASES / "lab8.tif")
    assert image.pixels[24, 3 * 8].tolist() == [255, 255, 255]
    # In front of it pure red, green and blue, as near as 8 bits of Lab come.
    pure = np.eye(3, dtype=int) * 255
    assert np.abs(image.pixels[24, :24:8].astype(int) - pure).max() <= 12
    assert told(CASES / "lab8.tif")["Channels"] == "Lab"
    lab = np.random.default_rng(0).uniform((35, -15, -15), (80, 15, 15), (8, 9, 3))
    # In the profiles' own space, whose white is D50, seen through the D50 white of sRGB: ImageCms.
    from PIL import ImageCms

    to_srgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    eight = np.stack([lab[..., 0] * 2.55, lab[..., 1], lab[..., 2]], -1).round().astype(int)
    # From bytes Pillow takes a and b as TIFF has them: signed.
    picture = PIL.Image.frombytes("LAB", (9, 8), eight.astype(np.uint8).tobytes())
    expected = np.asarray(to_srgb.apply(picture)).astype(int)
    assert np.abs(expected - lab2rgb(eight * (1 / 2.55, 1, 1)) * 255).mean() < 4
    for photometric, stored in ((8, eight), (9, eight + np.array([0, 128, 128]))):
        stored = stored.astype(np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, planarconfig="contig")
        assert np.abs(load(tmp_path / "a.tif").pixels.astype(int) - expected).max() <= 2
    deep = np.stack([eight[..., 0] * 257, eight[..., 1] * 256, eight[..., 2] * 256], -1).astype(np.int16)
    tifffile.imwrite(tmp_path / "a.tif", deep.view(np.uint16), photometric=8, planarconfig="contig")
    image = load(tmp_path / "a.tif")
    assert image.pixels.dtype == np.uint16
    assert np.abs(image.rgb8.astype(int) - expected).max() <= 2


def test_zero_is_white(tmp_path: Path) -> None:
    image = load(CASES / "mw16.tif")
    assert image.rgb8[24, 4:24:8, 0].tolist() == [16, 48, 80]
    assert image.pixels[24, 4, 0] == 65535 - tifffile.imread(CASES / "mw16.tif")[24, 4]
    for dtype in (np.uint8, np.uint16):
        stored = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, (20, 30), dtype)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
        image = load(tmp_path / "a.tif")
        np.testing.assert_array_equal(image.pixels, np.dstack([np.iinfo(dtype).max - stored] * 3))
    PIL.Image.fromarray(stored > 30000).save(tmp_path / "fax.tif", compression="group4")
    np.testing.assert_array_equal(load(tmp_path / "fax.tif").pixels[..., 0] > 0, stored > 30000)


def test_grey_and_alpha_of_16_bits() -> None:
    image = load(CASES / "la16.tif")
    stored = tifffile.imread(CASES / "la16.tif")
    np.testing.assert_array_equal(image.pixels, np.dstack([stored[..., 0]] * 3))
    np.testing.assert_array_equal(image.alpha, stored[..., 1])
    assert (image.pixels.dtype, int(image.alpha[0, 0])) == (np.uint16, 32768)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_of_lab(tmp_path: Path, dtype: type) -> None:
    values = np.zeros((20, 30, 4), dtype)
    values[..., 0], values[..., 3] = np.iinfo(dtype).max, np.arange(30)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric=8, extrasamples=["unassalpha"])
    picture = load(tmp_path / "a.tif")
    assert (picture.pixels == np.iinfo(dtype).max).all()
    assert picture.alpha.dtype == dtype
    np.testing.assert_array_equal(picture.alpha, values[..., 3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_premultiplied_alpha_is_undone(tmp_path: Path, dtype: type, channels: int, planes: str) -> None:
    rng = np.random.default_rng(2)
    top = 1.0 if dtype == np.float32 else float(np.iinfo(dtype).max)
    colors, opacity = rng.random((20, 30, channels)), rng.uniform(0.5, 1, (20, 30, 1))
    stored = np.concatenate([colors * opacity, opacity], -1) * top
    stored = (stored if dtype == np.float32 else stored.round()).astype(dtype)
    layout = np.moveaxis(stored, -1, 0) if planes == "separate" else stored
    photometric = "rgb" if channels == 3 else "minisblack"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, layout, photometric=photometric, planarconfig=planes, extrasamples=["assocalpha"])
    image = load(path)
    assert image.pixels.dtype == dtype
    np.testing.assert_array_equal(image.alpha, stored[..., -1])
    assert np.abs(image.pixels / top - np.broadcast_to(colors, (20, 30, 3))).max() < (0.01 if top == 255 else 1e-4)
    assert "premultiplied alpha, undone" in told(path)["Channels"]


def test_labels_keep_their_numbers(tmp_path: Path) -> None:
    stored = tifffile.imread(CASES / "labels_u32.tif")
    np.testing.assert_array_equal(load(CASES / "labels_u32.tif", kind=MediaKind.IMAGE).pixels[..., 0], stored)
    shown = load(CASES / "labels_u32.tif").pixels
    assert len(np.unique(shown.reshape(-1, 3), axis=0)) == 4
    assert shown.max() > 100  # each has a colour, where the numbers alone are nearly black
    assert np.unique(stored).tolist() == [0, 1, 2, 3]
    for dtype, high in ((np.uint32, 40000), (np.int32, 300), (np.int16, 200), (np.uint64, 70)):
        stored = np.random.default_rng(3).integers(0, high, (20, 30)).astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", stored)
        np.testing.assert_array_equal(load(tmp_path / "a.tif", kind=MediaKind.IMAGE).pixels[..., 1], stored)
    tifffile.imwrite(tmp_path / "a.tif", np.array([[-1000, 0], [500, 3000]], np.int32))
    grey = load(tmp_path / "a.tif").pixels[..., 0]
    assert grey.tolist() == [[0, 16384], [24576, 65535]]


def test_half_floats(tmp_path: Path) -> None:
    depth = load(CASES / "half.tif")
    assert isinstance(depth, DepthMap)
    np.testing.assert_array_equal(depth.values, tifffile.imread(CASES / "half.tif").astype(np.float32))
    stored = np.random.default_rng(4).random((20, 30, 3)).astype(np.float16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb")
    image = load(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, stored.astype(np.float32))
    assert image.transfer == "linear"


@pytest.mark.parametrize("packed", ["zstd", "lzma", "lzw", "packbits", "zlib", "webp", "jpeg2000", "png", "jpegxl"])
@pytest.mark.parametrize("predictor", [False, True])
def test_compressions(tmp_path: Path, photo: NDArray[np.uint8], packed: str, predictor: bool) -> None:
    if predictor and packed not in ("zstd", "lzma", "lzw", "zlib"):
        pytest.skip("has no predictor")
    path = tmp_path / "a.tif"
    options: dict[str, Any] = {"compressionargs": {"lossless": True}} if packed in ("webp", "jpegxl") else {}
    tifffile.imwrite(path, photo, photometric="rgb", compression=packed, predictor=predictor, tile=(16, 16), **options)
    np.testing.assert_array_equal(load(path).pixels, photo)


def test_zstd_of_another_program() -> None:
    image = load(CASES / "p_zstd.tif")
    assert image.pixels[24, ::8].tolist()[:3] == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def test_jpeg_in_a_tiff(tmp_path: Path, photo: NDArray[np.uint8]) -> None:
    PIL.Image.fromarray(photo).save(tmp_path / "a.tif", compression="jpeg", quality=90)
    with PIL.Image.open(tmp_path / "a.tif") as opened:
        assert np.abs(load(tmp_path / "a.tif").pixels.astype(int) - np.asarray(opened.convert("RGB"))).max() <= 4


@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_few_bits(tmp_path: Path, bits: int) -> None:
    stored = np.random.default_rng(5).integers(0, 1 << bits, (20, 32)).astype(np.uint16 if bits > 8 else np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, bitspersample=bits, compression="none", photometric="minisblack")
    image = load(tmp_path / "a.tif", kind=MediaKind.IMAGE)
    top = np.iinfo(image.pixels.dtype).max
    assert np.abs(image.pixels[..., 0] - stored * (top / ((1 << bits) - 1))).max() <= 0.5


def test_inks_of_16_bits_are_no_alpha(tmp_path: Path) -> None:
    ink = np.random.default_rng(6).integers(0, 256, (20, 30, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", ink.astype(np.uint16) * 257, photometric="separated")
    expected = np.asarray(PIL.Image.frombytes("CMYK", (30, 20), ink.tobytes()).convert("RGB")).astype(int)
    image = load(tmp_path / "a.tif")
    assert np.abs(image.rgb8 - expected).max() <= 1
    assert (image.alpha, told(tmp_path / "a.tif")["Channels"]) == (None, "CMYK")


def test_pages_and_channels_that_are_not_shown_are_told(tmp_path: Path) -> None:
    assert told(CASES / "ome.ome.tif")["Pages"] == "3; the first is shown"
    with tifffile.TiffFile(CASES / "ome.ome.tif") as tiff:
        np.testing.assert_array_equal(load(CASES / "ome.ome.tif").pixels[..., 0], tiff.pages[0].asarray())
    stored = np.random.default_rng(7).integers(0, 256, (20, 30, 6), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["unspecified"] * 3)
    image = load(tmp_path / "a.tif")
    np.testing.assert_array_equal(image.pixels, stored[..., :3])
    assert (image.alpha, told(tmp_path / "a.tif")["Channels"]) == (None, "RGB, 3 more, not shown")
    tifffile.imwrite(tmp_path / "a.tif", stored[..., 0])
    assert "Pages" not in told(tmp_path / "a.tif")


def _raw(path: Path, *, preview: int | None) -> None:
    """A small preview in front, then a larger one of `preview` pixels, then the numbers of the sensor."""
    with tifffile.TiffWriter(path) as tiff:
        small = np.full((24, 32, 3), 90, np.uint8)
        if preview is not None:
            tiff.write(small, photometric="rgb", subifds=2, subfiletype=1)
            tiff.write(np.full((preview, preview * 2, 3), 120, np.uint8), photometric="rgb", subfiletype=1)
        tiff.write(np.zeros((200, 300), np.uint16), photometric=32803, extratags=[(33422, 1, 4, b"\0\1\1\2", True)])


def test_of_a_raw_photograph_that_is_not_developed_the_largest_preview(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("formats.raw", "pictures.raw_workers"):
        monkeypatch.setattr(f"cvstudio.media.{module}.available", lambda: False)
    image = load(CASES / "rawlike.dng")
    assert isinstance(image, Image)
    assert image.size == (128, 96)
    assert told(CASES / "rawlike.dng")["Pages"] == "2 pictures; the largest is shown"
    _raw(tmp_path / "a.dng", preview=100)
    image = load(tmp_path / "a.dng")
    assert (image.size, image.pixels[0, 0].tolist()) == ((200, 100), [120, 120, 120])
    assert told(tmp_path / "a.dng")["Pages"] == (
        "RAW photograph of 300 × 200, not developed, as rawpy is not installed; its largest preview is shown"
    )
    _raw(tmp_path / "a.dng", preview=None)
    with pytest.raises(MediaError, match=r"'a\.dng' is a RAW photograph without a preview"):
        open_media(tmp_path / "a.dng")


def test_complex_numbers_are_no_picture(tmp_path: Path) -> None:
    """Radar stores them; their real parts were shown before, with a warning of NumPy."""
    tifffile.imwrite(tmp_path / "a.tif", np.full((20, 30), 2 + 3j, np.complex64))
    for read_as in ("", "depth", "labels"):
        with pytest.raises(MediaError, match=r"'a\.tif' holds complex numbers, .* save their magnitude or phase"):
            open_media(tmp_path / "a.tif", read_as=read_as)


def test_an_unknown_compression_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.ones((20, 30, 3), np.uint8), photometric="rgb")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as tiff:
        tiff.pages[0].tags[259].overwrite(34661)
    with pytest.raises(MediaError, match="packed in a way that is not read"):
        load(tmp_path / "a.tif")


def test_a_stack_of_imagej_with_one_directory_tells_its_pages(tmp_path: Path) -> None:
    """ImageJ writes stacks of more than 4 GB so: one directory, and the number of pictures in its description."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.arange(3 * 8 * 9, dtype=np.uint8).reshape(3, 8, 9), imagej=True)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tiff:
        assert len(tiff.pages) == 3
        place, order = tiff.pages[0].offset, tiff.byteorder
    (entries,) = struct.unpack_from(f"{order}H", content, place)
    struct.pack_into(f"{order}I", content, place + 2 + 12 * entries, 0)
    path.write_bytes(content)
    media = open_media(path)
    assert media.details["pages"] == "3; the first is shown"
    with open_reader(media) as reader:
        np.testing.assert_array_equal(reader.read().pixels[..., 0], np.arange(72).reshape(8, 9))


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([[0, 7, 65_535]], np.uint32), "0 to 65,535 of 32 bits, kept as they are"),
        (
            np.array([[1, 7, 70_000]], np.uint32),
            "1 to 70,000 of 32 bits, stretched to 0 to 65,535: labels lose their numbers",
        ),
        (
            np.array([[-5, 7, 100]], np.int16),
            "-5 to 100 of 16 bits, stretched to 0 to 65,535: labels lose their numbers",
        ),
        (np.array([[0, 7, 200]], np.int64), "0 to 200 of 64 bits, kept as they are"),
        (np.array([[0, 7, 200]], np.uint8), ""),
    ],
)
def test_what_becomes_of_labels_is_told(tmp_path: Path, values: NDArray[Any], told: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values.repeat(4, 0))
    media = open_media(path, kind=MediaKind.IMAGE)
    assert dict(facts(media)).get("Levels", "") == told
    with open_reader(media) as reader:
        levels = reader.read().pixels[0, :, 0]
    if "stretched" in told:
        assert (levels[0], levels[-1], levels.dtype) == (0, 65_535, np.uint16)
    else:
        assert levels.tolist() == values[0].tolist()


def test_a_palette_with_alpha_keeps_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    rng = np.random.default_rng(0)
    picture = PIL.Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).quantize(32).convert("PA")
    opacity = rng.integers(0, 256, (20, 30), np.uint8)
    picture.putalpha(PIL.Image.fromarray(opacity))
    picture.save(path)
    with PIL.Image.open(path) as opened:
        expected = np.asarray(opened.convert("RGBA"))
    with open_reader(open_media(path)) as reader:
        image = reader.read()
    np.testing.assert_array_equal(image.pixels, expected[..., :3])
    np.testing.assert_array_equal(image.alpha, opacity)


def test_directories_that_hang_on_every_page_take_no_minutes(tmp_path: Path) -> None:
    """A file of 60 KB: 256 pages that share 256 further pictures (SubIFDs), which would be 65,536 to describe."""
    count = 256
    entries = [(256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8)]
    entries += [(277, 3, 1, 1), (278, 3, 1, 8), (279, 4, 1, 64)]

    def directory(place: int, following: int) -> bytes:
        more = [*entries, (330, 4, count, place)] if place else entries
        packed = b"".join(struct.pack("<HHII", *entry) for entry in more)
        return struct.pack("<H", len(more)) + packed + struct.pack("<I", following)

    small, large = len(directory(0, 0)), len(directory(1, 0))
    table = 8 + 64 + count * small
    first = table + 4 * count
    places = b"".join(struct.pack("<I", 72 + number * small) for number in range(count))
    pages = [directory(table, first + number * large if number < count else 0) for number in range(1, count + 1)]
    content = b"II*\0" + struct.pack("<I", first) + bytes(64) + directory(0, 0) * count + places + b"".join(pages)
    (tmp_path / "a.tif").write_bytes(content)
    begun = time.process_time()
    media = open_media(tmp_path / "a.tif")
    assert time.process_time() - begun < 5
    assert media.details["pages"] == "256; the first is shown"
    assert load(tmp_path / "a.tif", read_as="picture=200").size == (8, 8)
