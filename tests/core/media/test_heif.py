"""HEIC and AVIF against their encoders' input and Pillow."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import pillow_heif
import pytest
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader

Y, X = np.mgrid[:80, :120]
PHOTO = np.dstack([X * 2, Y * 3, 255 - X - Y]).clip(0, 255).astype(np.uint8)
ALPHA = (X * 2).clip(0, 255).astype(np.uint8)


def load(path: Path) -> Image:
    media = open_media(path)
    assert media.kind is MediaKind.IMAGE
    with open_reader(media) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    assert image.size == media.size
    return image


def heic(path: Path, pixels: NDArray[Any], mode: str, **options: Any) -> Path:
    file = pillow_heif.from_bytes(mode, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    file.save(path, quality=-1, **options)
    return path


def test_eight_bits(tmp_path: Path) -> None:
    image = load(heic(tmp_path / "a.jpg", PHOTO, "RGB", chroma=444))
    assert (image.pixels.dtype, image.alpha, image.transfer) == (np.uint8, None, "srgb")
    assert np.abs(image.pixels.astype(int) - PHOTO).max() <= 3  # YCbCr rounds
    assert open_media(tmp_path / "a.jpg").details["format"] == "HEIC"


@pytest.mark.parametrize("name", ["a.heic", "a.avif"])
def test_the_content_is_read_once_to_open_and_once_to_show(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    if name.endswith("heic"):
        heic(path, PHOTO, "RGB")
    else:
        PIL.Image.fromarray(PHOTO).save(path)
    count, real = [0], Path.read_bytes

    def counted(self: Path) -> bytes:
        count[0] += self == path
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", counted)
    media = open_media(path)
    assert count[0] == (1 if name.endswith("heic") else 2)  # of an AVIF, only decoding tells the size
    with open_reader(media) as reader:
        reader.read()
    assert count[0] == (2 if name.endswith("heic") else 3)


def boxes(content: bytes) -> dict[bytes, bytes]:
    found, at = {}, 0
    while at < len(content):
        size, name = struct.unpack_from(">I4s", content, at)
        found[name] = content[at + 8 : at + size]
        at += size
    return found


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


def with_auxiliary(content: bytes, kind: bytes) -> bytes:
    """A HEIC of two pictures, of which the second becomes an auxiliary one of the first (ISO/IEC 23008-12, 6.6.2.1)."""
    top = boxes(content)
    meta, head = boxes(top[b"meta"][4:]), top[b"meta"][:4]
    properties = boxes(meta[b"iprp"])
    count = properties[b"ipco"].count(b"ispe") + properties[b"ipco"].count(b"pixi")
    count += sum(properties[b"ipco"].count(name) for name in (b"hvcC", b"colr", b"irot", b"imir", b"clap", b"pasp"))
    places = bytearray(properties[b"ipma"])
    second = places.rindex(b"\0\2", 8)
    places[second + 2] += 1
    places.insert(second + 3, count + 1)
    kinds = properties[b"ipco"] + box(b"auxC", bytes(4) + kind + b"\0")
    meta[b"iprp"] = box(b"ipco", kinds) + box(b"ipma", bytes(places))
    meta[b"iref"] = bytes(4) + box(b"auxl", struct.pack(">HHH", 2, 1, 1))
    grown = head + b"".join(box(name, body) for name, body in meta.items())
    shift = len(grown) - len(top[b"meta"])
    extents = bytearray(meta[b"iloc"])
    for at in (8, 26):
        number, reference, base = struct.unpack_from(">HHI", extents, at)
        struct.pack_into(">HHI", extents, at, number, reference, base + shift)
    meta[b"iloc"] = bytes(extents)
    top[b"meta"] = head + b"".join(box(name, body) for name, body in meta.items())
    return b"".join(box(name, body) for name, body in top.items())


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (b"urn:mpeg:hevc:2015:auxid:2", "depth map of 60 × 40"),
        (b"urn:com:apple:photo:2020:aux:hdrgainmap", "HDR gain map"),
        (b"urn:com:apple:photo:2019:aux:semanticskinmatte", "auxiliary picture (semanticskinmatte)"),
    ],
)
def test_auxiliary_pictures_are_told(tmp_path: Path, kind: bytes, told: str) -> None:
    file = pillow_heif.from_pillow(PIL.Image.fromarray(PHOTO))
    file.add_from_pillow(PIL.Image.fromarray(ALPHA[:40, :60]))
    file.save(tmp_path / "a.heic")
    assert "left" not in open_media(tmp_path / "a.heic").details
    (tmp_path / "b.heic").write_bytes(with_auxiliary((tmp_path / "a.heic").read_bytes(), kind))
    media = open_media(tmp_path / "b.heic")
    assert media.details["left"] == told
    assert "pages" not in media.details
    assert np.abs(load(media.path).pixels.astype(int) - PHOTO).mean() < 12


def test_further_pictures_are_told(tmp_path: Path) -> None:
    pictures = [PIL.Image.fromarray(PHOTO[:, shift : shift + 64]) for shift in (0, 10, 20)]
    assert "pages" not in open_media(heic(tmp_path / "a.heic", PHOTO, "RGB")).details
    file = pillow_heif.from_pillow(pictures[0])
    for picture in pictures[1:]:
        file.add_from_pillow(picture)
    file.save(tmp_path / "a.heic")
    assert open_media(tmp_path / "a.heic").details["pages"] == "3; the main one is shown"
    pictures[0].save(tmp_path / "a.avif", save_all=True, append_images=pictures[1:], duration=100)
    assert open_media(tmp_path / "a.avif").details["pages"] == "3; the first is shown"


def test_alpha(tmp_path: Path) -> None:
    image = load(heic(tmp_path / "a.heic", np.dstack([PHOTO, ALPHA]), "RGBA", chroma=444))
    assert image.alpha is not None
    assert np.abs(image.alpha.astype(int) - ALPHA).max() <= 2
    assert np.abs(image.pixels[:, 5:].astype(int) - PHOTO[:, 5:]).max() <= 3


def test_ten_and_twelve_bits(tmp_path: Path) -> None:
    # A ramp in finer steps than 8 bits have.
    deep = np.dstack([X * 500 + Y] * 3).astype(np.uint16)
    path = heic(tmp_path / "a.heic", deep, "RGB;16", chroma=444)
    bits = int(open_media(path).details["bits"])
    assert bits in (10, 12)
    image = load(path)
    assert image.pixels.dtype == np.uint16
    assert np.abs(image.pixels.astype(int) - deep).max() <= 65535 / 2**bits * 3
    assert len(np.unique(image.pixels[..., 1])) > 256


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_turned_and_mirrored(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    picture = PIL.Image.fromarray(PHOTO)
    path = tmp_path / f"a.{suffix}"
    if suffix == "avif":
        picture.save(path, exif=exif, quality=100)
    else:
        # As cameras do: the turn is a property of the file, and EXIF repeats it.
        file = pillow_heif.from_pillow(picture)
        file.info["exif"] = exif.tobytes()
        file.info["original_orientation"] = orientation
        file.save(path, quality=-1, chroma=444)
        assert (b"irot" in path.read_bytes() or b"imir" in path.read_bytes()) == (orientation > 1)
    turned = picture.copy()
    turned.getexif()[0x0112] = orientation
    expected = np.asarray(PIL.ImageOps.exif_transpose(turned))
    image = load(path)
    assert image.pixels.shape == expected.shape
    assert np.abs(image.pixels.astype(int) - expected).mean() < 2


def test_avif(tmp_path: Path) -> None:
    for planes in (PHOTO, np.dstack([PHOTO, ALPHA])):
        path = tmp_path / "a.heic"
        PIL.Image.fromarray(planes).save(path, "AVIF", quality=100, subsampling="4:4:4")
        image = load(path)
        with PIL.Image.open(path) as opened:
            expected = np.asarray(opened)
        np.testing.assert_array_equal(image.pixels, expected[..., :3])
        assert (image.alpha is not None) == (planes.shape[2] == 4)
        if image.alpha is not None:
            np.testing.assert_array_equal(image.alpha, expected[..., 3])
        assert open_media(path).details["format"] == "AVIF"


def deep_avif(path: Path, bits: int, *, alpha: bool = False, orientation: int = 1) -> np.ndarray:
    """A picture of `bits` bits without loss, written by OpenCV; what it holds, uint16 RGB(A) 0..2**bits - 1."""
    top = 2**bits - 1
    y, x = np.mgrid[:60, :90]
    planes = [x * top // 89, y * top // 59, (x + y) * top // 148] + ([(90 - x) * top // 90] if alpha else [])
    values = np.dstack(planes).astype(np.uint16)
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    order = [2, 1, 0, 3][: values.shape[2]]
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 100]
    told = [np.frombuffer(exif.tobytes(), np.uint8)]
    assert cv2.imwriteWithMetadata(str(path), values[..., order], [cv2.IMAGE_METADATA_EXIF], told, options)
    return values


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("bits", [10, 12])
def test_an_avif_keeps_all_its_bits(bits: int, alpha: bool, tmp_path: Path) -> None:
    path = tmp_path / "깊은.avif"
    values = deep_avif(path, bits, alpha=alpha)
    with av.open(str(path)) as container:
        # Another decoder, dav1d, says the same.
        frame = next(container.decode(video=0))
        assert frame.format.name == f"gbrp{bits}le"
        green = np.frombuffer(frame.planes[0], np.uint16).reshape(60, -1)[:, :90]
        np.testing.assert_array_equal(green, values[..., 1])
    media = open_media(path)
    assert media.details["bits"] == str(bits)
    image = load(path)
    assert image.pixels.dtype == np.uint16
    scaled = np.round(values * (65535 / (2**bits - 1)))
    assert np.abs(image.pixels - scaled[..., :3]).max() <= 1
    assert image.pixels.min() == 0
    assert image.pixels.max() == 65535
    assert (image.alpha is not None) == alpha
    if image.alpha is not None:
        assert np.abs(image.alpha - scaled[..., 3]).max() <= 1
    with PIL.Image.open(path) as opened:
        assert np.abs(image.rgb8.astype(int) - np.asarray(opened.convert("RGB"))).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_deep_avif_is_turned_and_mirrored(orientation: int, tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    deep_avif(path, 10, orientation=orientation)
    with PIL.Image.open(path) as opened:
        expected = np.asarray(PIL.ImageOps.exif_transpose(opened).convert("RGB"))
        assert opened.getexif().get(0x0112, 1) == orientation
    image = load(path)
    assert image.pixels.dtype == np.uint16
    assert image.rgb8.shape == expected.shape == ((60, 90, 3) if orientation < 5 else (90, 60, 3))
    assert np.abs(image.rgb8.astype(int) - expected).max() <= 1
    assert open_media(path).size == image.size


def test_a_deep_avif_is_opened_in_8_bits_where_opencv_lacks_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.avif"
    deep_avif(path, 10)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: None)
    assert load(path).pixels.dtype == np.uint8


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_cut_short(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        heic(path, PHOTO, "RGB")
    else:
        PIL.Image.fromarray(PHOTO).save(path)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MediaError, match="damaged or was cut short"):
            open_media(path)


def test_an_absurd_size_is_refused_before_decoding(tmp_path: Path) -> None:
    path = heic(tmp_path / "a.heic", PHOTO, "RGB")
    whole = bytearray(path.read_bytes())
    place = whole.index(b"ispe") + 8
    whole[place : place + 8] = (60_000).to_bytes(4, "big") + (30_000).to_bytes(4, "big")
    path.write_bytes(whole)
    with pytest.raises(MediaError):
        open_media(path)


def test_a_film_is_no_picture(tmp_path: Path) -> None:
    from .conftest import write_media

    assert open_media(write_media(tmp_path / "a.mp4", [0, 40, 80]).rename(tmp_path / "a.heic")).kind is MediaKind.VIDEO
