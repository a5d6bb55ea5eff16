"""OpenEXR and Radiance: linear light, against the numbers that were written and against other readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import imageio.v3 as imageio
import numpy as np
import OpenEXR
import pytest
from numpy.typing import NDArray

from cvstudio.data.samples import DepthMap, Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media import MediaKind, open_media, open_reader
from cvstudio.media.facts import quick_facts

LIGHT = np.random.default_rng(0).gamma(0.6, 2, (40, 60, 3)).astype(np.float32)
Y, X = np.mgrid[:40, :60]
SMOOTH = np.dstack([np.sin(X / 9) + 1.5, Y / 20 + 0.1, (X + Y) / 50 + 0.2]).astype(np.float32)
COMPRESSIONS = [name for name in dir(OpenEXR) if name.endswith("_COMPRESSION")]
LOSSY = ("B44", "DWA", "PXR24", "LJ2K")


def write(path: Path, channels: dict[str, NDArray[Any]], **header: Any) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    # The library does not look at strides.
    with OpenEXR.File(header, {name: np.ascontiguousarray(plane) for name, plane in channels.items()}) as file:
        file.write(str(path))
    return path


def load(path: Path, **options: Any) -> Any:
    media = open_media(path, **options)
    with open_reader(media) as reader:
        found = reader.read()
    assert found.size == media.size
    return found


@pytest.mark.parametrize("kind", [np.float16, np.float32])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression(tmp_path: Path, compression: str, kind: Any) -> None:
    path = write(tmp_path / "a.bin", {"RGB": SMOOTH.astype(kind)}, compression=getattr(OpenEXR, compression))
    image = load(path)
    assert isinstance(image, Image)
    assert (image.transfer, image.alpha, image.pixels.dtype) == ("linear", None, np.float32)
    lossy = compression.startswith(LOSSY)
    np.testing.assert_allclose(image.pixels, SMOOTH.astype(kind), atol=0.06 if lossy else 0)
    with OpenEXR.File(str(path)) as file:
        np.testing.assert_array_equal(image.pixels, file.channels()["RGB"].pixels.astype(np.float32))
    assert open_media(path).details["bits"].startswith("16" if kind is np.float16 else "32")


def test_opencv_reads_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", {"RGB": LIGHT})
    if not cv2.haveImageReader(str(path)):
        pytest.skip("OpenCV reads EXR only where OPENCV_IO_ENABLE_OPENEXR was set before it was imported")
    np.testing.assert_array_equal(load(path).pixels, cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1])


def test_alpha_is_straight(tmp_path: Path) -> None:
    alpha = np.linspace(0, 1, 60, dtype=np.float32) * np.ones((40, 1), np.float32)
    image = load(write(tmp_path / "a.exr", {"RGBA": np.dstack([LIGHT * alpha[..., None], alpha])}))
    np.testing.assert_array_equal(image.alpha, alpha)
    np.testing.assert_allclose(image.pixels[:, 1:], LIGHT[:, 1:], rtol=1e-5)


def test_data_that_lie_elsewhere_in_the_window(tmp_path: Path) -> None:
    window = (np.array([-10, -5], np.int32), np.array([49, 34], np.int32))
    for display in ((0, 0, 79, 49), (-10, -5, 49, 34), (5, 5, 24, 19)):
        left, top, right, bottom = display
        corners = (np.array([left, top], np.int32), np.array([right, bottom], np.int32))
        image = load(write(tmp_path / "a.exr", {"RGB": LIGHT}, dataWindow=window, displayWindow=corners))
        expected = np.zeros((bottom - top + 1, right - left + 1, 3), np.float32)
        for row in range(expected.shape[0]):
            for column in range(expected.shape[1]):
                y, x = row + top + 5, column + left + 10
                if 0 <= y < 40 and 0 <= x < 60:
                    expected[row, column] = LIGHT[y, x]
        np.testing.assert_array_equal(image.pixels, expected)


def test_the_first_part_with_colours_is_shown(tmp_path: Path) -> None:
    depth = SMOOTH[..., 0].copy()
    parts = [
        OpenEXR.Part({"name": "depth"}, {"Z": depth}),
        OpenEXR.Part({"name": "beauty"}, {"RGB": LIGHT}),
        OpenEXR.Part({"name": "other"}, {"RGB": LIGHT * 2}),
    ]
    path = tmp_path / "a.exr"
    with OpenEXR.File(parts) as file:
        file.write(str(path))
    np.testing.assert_array_equal(load(path).pixels, LIGHT)
    np.testing.assert_array_equal(load(path, kind=MediaKind.DEPTH).values, depth)


def test_layers_and_grey(tmp_path: Path) -> None:
    named = {f"diffuse.{name}": LIGHT[..., place] for place, name in enumerate("RGB")}
    extra = {"A": np.ones((40, 60), np.float32), "Z": SMOOTH[..., 0]}
    np.testing.assert_array_equal(load(write(tmp_path / "a.exr", {**named, **extra})).pixels, LIGHT)
    grey = write(tmp_path / "b.exr", {"Y": LIGHT[..., 0], "A": np.ones((40, 60), np.float32)})
    np.testing.assert_array_equal(load(grey).pixels, np.dstack([LIGHT[..., 0]] * 3))


def test_luminance_and_colour_differences(tmp_path: Path) -> None:
    luma = SMOOTH @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    planes = {"Y": luma, "RY": SMOOTH[..., 0] / luma - 1, "BY": SMOOTH[..., 2] / luma - 1}
    image = load(write(tmp_path / "a.exr", {name: plane.astype(np.float32) for name, plane in planes.items()}))
    np.testing.assert_allclose(image.pixels, SMOOTH, rtol=1e-4)


ACES = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)


def test_primaries_of_the_file_become_those_of_srgb(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", {"RGB": LIGHT}, chromaticities=ACES)
    # The matrix from ACES 2065-1 to BT.709, as the Academy's transforms have it.
    matrix = np.array(
        [[2.521686, -1.134131, -0.387555], [-0.276480, 1.372719, -0.096239], [-0.015378, -0.152975, 1.168353]]
    )
    np.testing.assert_allclose(load(path).pixels, LIGHT @ matrix.T, atol=2e-5 * LIGHT.max())
    assert open_media(path).details["profile"] == "primaries of ACES AP0, converted to those of sRGB"
    for stated in ((0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290), (0.3,) * 8):
        path = write(tmp_path / "a.exr", {"RGB": LIGHT}, chromaticities=stated)
        np.testing.assert_array_equal(load(path).pixels, LIGHT)
        assert ("so ignored" in open_media(path).details.get("profile", "")) == (stated[0] == 0.3)
    # The numbers of CIE XYZ are kept with these, whose white has equal energy.
    path = write(
        tmp_path / "a.exr", {"RGB": LIGHT * 0 + 1}, chromaticities=(1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1 / 3, 1 / 3)
    )
    np.testing.assert_allclose(load(path).pixels, 1, atol=1e-5)
    assert "of its own" in open_media(path).details["profile"]


def test_pixels_that_are_no_squares_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", {"RGB": LIGHT}, pixelAspectRatio=2.0)
    assert dict(quick_facts(open_media(path)))["Pixel aspect"].startswith("2, ignored")


@pytest.mark.parametrize("name", ["Z", "Y", "R", "depth"])
def test_one_channel_is_depth(tmp_path: Path, name: str) -> None:
    metres = SMOOTH[..., 1].copy()
    metres[3, 4] = np.inf
    path = write(tmp_path / "a.exr", {name: metres})
    media = open_media(path)
    assert media.kind is MediaKind.DEPTH
    depth = load(path)
    assert isinstance(depth, DepthMap)
    assert (depth.unit, bool(depth.invalid[3, 4])) == ("m", True)
    np.testing.assert_array_equal(depth.values[~depth.invalid], metres[~depth.invalid])
    assert isinstance(load(path, kind=MediaKind.IMAGE), Image)


def test_exr_that_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.exr", {"RGB": LIGHT})
    with pytest.raises(MediaError, match="colour picture"):
        open_media(path, kind=MediaKind.DEPTH)
    whole = path.read_bytes()
    for share in (0.05, 0.5, 0.95):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MediaError, match="damaged or was cut short"):
            load(path)
    box = whole.index(b"displayWindow\0box2i\0") + 24
    path.write_bytes(whole[:box] + np.array([0, 0, 69999, 69999], "<i4").tobytes() + whole[box + 16 :])
    with pytest.raises(MediaError, match="70000 x 70000"):
        open_media(path)
    whole = write(path, {f"{number}.R": LIGHT[..., 0] for number in range(30)}).read_bytes()
    for name in (b"displayWindow\0box2i\0", b"dataWindow\0box2i\0"):
        box = whole.index(name) + len(name) + 4
        whole = whole[:box] + np.array([0, 0, 13_999, 13_999], "<i4").tobytes() + whole[box + 16 :]
    path.write_bytes(whole)
    with pytest.raises(MediaError, match="6 billion values in 30 channels"):
        open_media(path)


def test_radiance_as_two_other_readers_see_it(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(cv2.imencode(".hdr", LIGHT[..., ::-1])[1].tobytes())
    image = load(path)
    assert image.transfer == "linear"
    # RGBE shares an exponent: the largest channel has 8 bits.
    assert (np.abs(image.pixels - LIGHT) <= LIGHT.max(axis=2, keepdims=True) / 128).all()
    np.testing.assert_array_equal(image.pixels, cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., ::-1])


def test_radiance_by_hand(tmp_path: Path) -> None:
    """Mantissa / 256 x 2 ** (exponent - 128), without run lengths, and divided by the exposure of the header."""
    path = tmp_path / "a.hdr"
    pixels = bytes([128, 64, 32, 129, 255, 0, 0, 128, 0, 0, 0, 0, 1, 2, 3, 138])
    for exposure, line in ((1.0, b""), (4.0, b"EXPOSURE=2.0\nEXPOSURE= 2\n")):
        path.write_bytes(b"#?RADIANCE\n" + line + b"FORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 4\n" + pixels)
        expected = np.array([[1, 0.5, 0.25], [255 / 256, 0, 0], [0, 0, 0], [4, 8, 12]]) / exposure
        np.testing.assert_allclose(load(path).pixels[0], expected, rtol=1e-6)


def test_radiance_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.hdr"
    whole = cv2.imencode(".hdr", LIGHT)[1].tobytes()
    for share in (0.02, 0.3, 0.98):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(MediaError, match="damaged or was cut short"):
            load(path)
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 100000 +X 100000\n" + bytes(100))
    with pytest.raises(MediaError, match="100000 x 100000"):
        open_media(path)
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n+X 4 -Y 4\n" + bytes(100))
    with pytest.raises(MediaError, match="unusual order"):
        open_media(path)


def test_imageio_and_float_tiff_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.tiff"
    imageio.imwrite(path, LIGHT, plugin="tifffile")
    image = load(path)
    assert image.transfer == "linear"
    np.testing.assert_array_equal(image.pixels, LIGHT)


def test_a_real_photograph_there_and_back(tmp_path: Path, data: Callable[..., Path]) -> None:
    photo = cv2.imread(str(data("photos", "dog.jpg")))[..., ::-1]
    codes = photo / 255.0
    light = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    for path in (write(tmp_path / "a.exr", {"RGB": light}),):
        np.testing.assert_array_equal(load(path).rgb8, photo)


def test_doubles_beyond_float32_are_as_bright_as_can_be(tmp_path: Path) -> None:
    values = np.full((4, 5, 3), 0.5)
    values[0, 0] = 1e300
    path = tmp_path / "a.tif"
    cv2.imwrite(str(path), values)
    image = load(path)
    assert np.isinf(image.pixels[0, 0]).all()
    assert (image.rgb8[0, 0] == 255).all()
    assert image.pixels[1, 1] == pytest.approx(0.5)


@pytest.mark.parametrize("order", ["<", ">"])
def test_float_maps_in_colour(tmp_path: Path, order: str) -> None:
    """Debevec's PF: rows from bottom to top, the sign of the scale tells the order of the bytes."""
    values = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    path = tmp_path / "a.pfm"
    head = f"PF\n7 5\n{'-' if order == '<' else ''}1.0\n".encode()
    path.write_bytes(head + values[::-1].astype(f"{order}f4").tobytes())
    media = open_media(path)
    assert (media.size, media.details["light"]) == ((7, 5), "linear")
    with open_reader(media) as reader:
        image = reader.read()
    np.testing.assert_array_equal(image.pixels, values)
    assert image.transfer == "linear"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MediaError, match="cut short"):
        open_media(path)
