"""RAW photographs: developed as a known scene was, or their preview, and what is told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError, ReadingError
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.facts import facts
from cvstudio.media.open import read_again
from cvstudio.media.pictures import raw_workers
from cvstudio.media.thumbnails import make_thumbnail

from .raw_files import BGGR, GBRG, GRBG, RGGB, mosaic, packed, scene, shown, write_camera_file, write_dng

X_TRANS = tuple("RGB".index(name) for name in "GBGGRGRGRBGBGBGGRGGRGGBGBGBRGRGRGGBG")
BORDER = 4
"""Pixels at the edge, where colours are guessed from one side."""


def read(media: Media) -> Image:
    with open_reader(media) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    assert (image.size, image.pixels.dtype) == (media.size, np.uint8)
    return image


def error(pixels: NDArray[Any], expected: NDArray[Any]) -> float:
    """Largest difference away from the edge."""
    inner = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    return float(np.abs(pixels[inner].astype(float) - expected[inner]).max())


@pytest.mark.parametrize("pattern", [RGGB, GRBG, GBRG, BGGR])
def test_every_order_of_the_mosaic_gives_the_scene(tmp_path: Path, pattern: tuple[int, ...]) -> None:
    light = scene()
    media = open_media(write_dng(tmp_path / "a.dng", mosaic(light, pattern), pattern))
    assert (media.kind, media.size, media.details["format"]) == (MediaKind.IMAGE, (140, 100), "DNG")
    pixels = read(media).pixels
    assert error(pixels, shown(light)) < 1.5
    # OpenCV names a mosaic by the pixel in its second row and column.
    codes = {RGGB: cv2.COLOR_BAYER_BG2RGB, GRBG: cv2.COLOR_BAYER_GB2RGB}
    codes |= {GBRG: cv2.COLOR_BAYER_GR2RGB, BGGR: cv2.COLOR_BAYER_RG2RGB}
    other = cv2.cvtColor(mosaic(light, pattern, white=65535), codes[pattern]) / 65535
    assert error(pixels, shown(other)) < 2.5
    names = "".join("RGB"[color] for color in pattern)
    assert dict(facts(media))["Sensor"] == f"{names}, white is 4,095"


def test_colours_of_patches(tmp_path: Path) -> None:
    colors = np.array([[(0.2, 0.4, 0.6), (0.7, 0.1, 0.1)], [(0.1, 0.6, 0.2), (0.5, 0.5, 0.5)]])
    light = colors.repeat(40, 0).repeat(60, 1)
    pixels = read(open_media(write_dng(tmp_path / "a.dng", mosaic(light)))).pixels
    np.testing.assert_allclose(pixels[20::40, 30::60], shown(colors), atol=1)


@pytest.mark.parametrize(("white", "black"), [(4095, 256), (16383, 512), (65535, 1024), (255, 0)])
def test_bits_and_black(tmp_path: Path, white: int, black: int) -> None:
    """Numbers of 8, 12, 14 and 16 bits, with what a sensor counts in the dark."""
    light = scene()
    path = write_dng(tmp_path / "a.dng", mosaic(light, white=white, black=black), white=white, black=black)
    assert error(read(open_media(path)).pixels, shown(light)) < (3 if white == 255 else 1.5)


def test_the_white_balance_of_the_camera(tmp_path: Path) -> None:
    light, neutral = np.full((40, 60, 3), 0.3), np.array([0.5, 1, 0.7])
    path = write_dng(tmp_path / "a.dng", mosaic(light * neutral), neutral=neutral)
    media = open_media(path)
    # What counts least of white decides how bright that is: red and blue are raised to green.
    assert error(read(media).pixels, shown(light)) < 1.5
    text = dict(facts(media))
    assert text["Developed"].startswith("white balance of the camera, sRGB, as exposed, by LibRaw 0.")
    path = write_dng(tmp_path / "b.dng", mosaic(light), neutral=None)
    assert dict(facts(open_media(path)))["Developed"].startswith("white balance of daylight, as the camera states none")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(tmp_path: Path, orientation: int) -> None:
    light = scene()
    preview = shown(scene(32, 24)).astype(np.uint8)
    path = write_dng(tmp_path / "a.dng", mosaic(light), orientation=orientation, preview=preview)
    media = open_media(path)
    assert media.size == ((140, 100) if orientation < 5 else (100, 140))
    assert error(read(media).pixels, by_pillow(shown(light), orientation)) < 2.5
    small = read_again(media, "picture=preview")
    np.testing.assert_array_equal(read(small).pixels, by_pillow(preview, orientation))


def by_pillow(pixels: NDArray[Any], orientation: int) -> NDArray[np.uint8]:
    """`pixels` upright."""
    picture = Pillow.fromarray(pixels.astype(np.uint8))
    picture.getexif()[274] = orientation
    return np.asarray(ImageOps.exif_transpose(picture))


@pytest.mark.parametrize(
    ("crop", "area", "expected"),
    [
        ((4, 6, 100, 80), (), np.s_[6:86, 4:104]),
        ((5, 7, 101, 81), (), np.s_[7:88, 5:106]),
        ((2, 3, 110, 80), (4, 6, 96, 130), np.s_[7:87, 8:118]),
        ((), (4, 6, 96, 130), np.s_[4:96, 6:130]),
        ((0, 0, 140, 100), (), np.s_[:, :]),
        ((0, 0, 500, 500), (), np.s_[:, :]),
        ((90, 70, 50, 30), (), np.s_[:, :]),
    ],
    ids=["even", "odd", "within the active area", "active area alone", "all", "too large", "only a corner"],
)
def test_what_the_file_says_is_to_be_shown(
    tmp_path: Path, crop: tuple[int, ...], area: tuple[int, ...], expected: Any
) -> None:
    light = scene()
    path = write_dng(tmp_path / "a.dng", mosaic(light), crop=crop, area=area)
    picture = shown(light)[expected]
    media = open_media(path)
    assert media.size == (picture.shape[1], picture.shape[0])
    assert error(read(media).pixels, picture) < 1.5


def test_linear_numbers_and_other_mosaics(tmp_path: Path) -> None:
    """A sensor with three colours each (LinearRaw), and one with a mosaic of 6 x 6."""
    light = scene()
    linear = np.round(light * 4095).astype(np.uint16)
    assert error(read(open_media(write_dng(tmp_path / "a.dng", linear))).pixels, shown(light)) < 1.5
    # LibRaw takes it for damaged below 512 pixels a side.
    light = scene(560, 520)
    path = write_dng(tmp_path / "b.dng", mosaic(light, X_TRANS), X_TRANS)
    assert error(read(open_media(path)).pixels, shown(light)) < 4


def test_tiles_and_lossless_jpeg(tmp_path: Path) -> None:
    light = scene()
    path = write_dng(tmp_path / "a.dng", mosaic(light), tile=(64, 64))
    assert error(read(open_media(path)).pixels, shown(light)) < 1.5
    counts = mosaic(light)
    path = write_dng(tmp_path / "b.dng", packed(counts), shape=counts.shape, dtype=np.uint16, compression=7)
    assert error(read(open_media(path)).pixels, shown(light)) < 1.5


@pytest.mark.parametrize("jpeg", [False, True])
def test_developed_or_the_preview(tmp_path: Path, jpeg: bool) -> None:
    light = scene()
    preview = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    path = write_dng(tmp_path / "a.dng", mosaic(light), preview=preview, jpeg=jpeg)
    media = open_media(path)
    assert (media.read_as, [reading.key for reading in media.readings]) == ("picture", ["picture", "picture=preview"])
    assert error(read(media).pixels, shown(light)) < 1.5
    text = dict(facts(media))
    assert text["Pages"] == "the photograph, developed, and a preview of 64 × 48"
    assert (text["Bits"], text["Read as"]) == ("8, developed", "picture")
    small = open_media(path, read_as="picture=preview")
    assert (small.size, small.id != media.id) == ((64, 48), True)
    np.testing.assert_allclose(read(small).pixels, preview, atol=3)
    text = dict(facts(small))
    assert text["Pages"] == "the preview; the photograph has 140 × 100"
    assert "Developed" not in text
    with pytest.raises(ReadingError, match="it can be read as picture, picture=preview"):
        open_media(path, read_as="labels")


def test_automatic_brightness(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(scene() * 0.2))
    dark = open_media(path)
    bright = open_media(path, settings={"raw_brightness": "automatic"})
    assert read(dark).pixels.max() < 130
    assert read(bright).pixels.max() == 255
    assert "brightened automatically" in dict(facts(bright))["Developed"]


@pytest.mark.parametrize(
    ("name", "make", "model", "hangs"),
    [
        ("a.nef", "NIKON CORPORATION", "NIKON D850", True),
        ("a.arw", "SONY", "ILCE-7M3", True),
        ("a.pef", "PENTAX", "PENTAX K-1", False),
        ("a.srw", "SAMSUNG", "NX1", True),
        ("a.3fr", "Hasselblad", "Hasselblad H3D", True),
    ],
)
def test_the_forms_of_cameras(tmp_path: Path, name: str, make: str, model: str, hangs: bool) -> None:
    """White balance and colours are those of LibRaw's table; what is grey is so, and what is brighter, too."""
    light = np.tile(np.linspace(0.05, 0.2, 96)[None, :, None], (64, 1, 3))
    path = write_camera_file(
        tmp_path / name, make, model, mosaic(light, white=65535), hangs=hangs, orientation=6 if hangs else 1
    )
    media = open_media(path)
    assert (media.size, media.details["format"]) == ((64, 96) if hangs else (96, 64), name[2:].upper())
    pixels = read(media).pixels.astype(int)
    pixels = np.rot90(pixels, 1) if hangs else pixels
    rows = pixels[BORDER:-BORDER, BORDER:-BORDER]
    assert np.ptp(rows, axis=0).max() <= 4
    assert np.ptp(rows, axis=2).max() <= 4
    assert np.all(np.diff(rows[20, :, 1]) >= -2)
    assert rows[20, -1, 1] > rows[20, 0, 1] + 20
    if hangs:
        small = read_again(media, "picture=preview")
        assert (small.size, read(small).pixels[9, 9].tolist()) == ((24, 32), [200, 100, 50])


def test_a_thumbnail_is_made_of_a_draft(tmp_path: Path) -> None:
    light = scene(800, 600)
    path = write_dng(tmp_path / "a.dng", mosaic(light), crop=(20, 20, 760, 560), orientation=6)
    thumbnail = make_thumbnail(path)
    assert thumbnail.size == (560, 760)
    assert thumbnail.pixels is not None
    whole = shown(light)[20:580, 20:780]
    expected = cv2.resize(np.rot90(whole, -1), thumbnail.pixels.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert error(thumbnail.pixels, expected) < 2.5


def test_a_file_cut_short_is_damaged(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(scene()))
    content = path.read_bytes()
    for length in (len(content) - 4000, len(content) // 2, 300):
        path.write_bytes(content[:length])
        with pytest.raises(MediaError, match=r"'a\.dng' is damaged or was cut short; get a fresh copy of it\."):
            read(open_media(path))


def test_absurd_sizes_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    import tifffile

    path = write_dng(tmp_path / "a.dng", mosaic(scene()))
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for tag, value in ((256, 60_000), (257, 60_000), (278, 60_000)):
            tiff.pages[0].tags[tag].overwrite(value)
    with pytest.raises(MediaError, match=r"damaged|at most"):
        open_media(path)


def test_without_rawpy_the_preview_is_shown_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvstudio.media.formats.raw.available", lambda: False)
    monkeypatch.setattr(raw_workers, "available", lambda: False)
    preview = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    media = open_media(write_dng(tmp_path / "a.dng", mosaic(scene()), preview=preview))
    assert (media.size, read(media).pixels[9, 9].tolist()) == ((64, 48), [200, 100, 50])
    text = dict(facts(media))["Pages"]
    assert text == "RAW photograph of 140 × 100, not developed, as rawpy is not installed; its largest preview is shown"
    with pytest.raises(MediaError, match="without a preview, and it cannot be developed, as rawpy is not installed"):
        open_media(write_dng(tmp_path / "b.dng", mosaic(scene())))
    (tmp_path / "a.orf").write_bytes(b"IIRO" + bytes(200))
    with pytest.raises(MediaError, match=r"is a RAW photograph, which cannot be developed, as rawpy is not installed"):
        open_media(tmp_path / "a.orf")


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x18ftypcrx ", b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0", b"IIU\0\x18\0\0\0", b"\0MRM", b"FOVb"]
)
def test_what_libraw_does_not_know_is_told(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a").write_bytes(head + bytes(300))
    with pytest.raises(MediaError, match=r"'a' (is a RAW photograph, which cannot be developed, as LibRaw|is damaged)"):
        open_media(tmp_path / "a")


def test_a_process_that_dies_or_hangs_is_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(scene()))
    program = tmp_path / "program.py"
    monkeypatch.setattr("cvstudio.media.pictures.raw_process.__file__", str(program))
    monkeypatch.setattr(raw_workers, "_LIMIT_SECS", 2)
    for source in ("import os; input(); os.abort()", "import time; input(); time.sleep(60)", "print('{}'[:1])"):
        program.write_text(source)
        workers = raw_workers._Workers()
        monkeypatch.setattr(raw_workers, "_WORKERS", workers)
        with pytest.raises(MediaError, match="damaged"):
            open_media(path)
        assert workers._idle == []


def test_processes_are_kept_and_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dng(tmp_path / "a.dng", mosaic(scene()))
    workers = raw_workers._Workers()
    monkeypatch.setattr(raw_workers, "_WORKERS", workers)
    read(open_media(path))
    [worker] = workers._idle
    read(open_media(path))
    assert workers._idle == [worker]
    workers.close()
    assert worker._process.returncode is not None
    read(open_media(path))
    workers.close()
