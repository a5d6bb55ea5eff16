"""BMP of 16 and 32 bits: masks are obeyed, and a fourth byte that nothing uses hides nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import MediaError
from cvstudio.media import open_media, open_reader

CASES = Path(__file__).parent / "cases"


def load(path: Path) -> Image:
    with open_reader(open_media(path)) as reader:
        image = reader.read()
    assert isinstance(image, Image)
    return image


def write(path: Path, packed: np.ndarray, masks: tuple[int, ...], header: int = 40, packing: int = 3) -> None:
    """`packed` uint16 or uint32 (H, W), the lowest row first in the file."""
    height, width = packed.shape
    head = struct.pack("<IiiHHIIiiII", header, width, height, 1, packed.itemsize * 8, packing, 0, 2835, 2835, 0, 0)
    body = head + struct.pack(f"<{len(masks)}I", *masks)
    body = body.ljust(max(header, len(body)), b"\0")
    path.write_bytes(b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(body)) + body + packed[::-1].tobytes())


def test_a_fourth_byte_that_is_zero_everywhere_is_no_opacity(tmp_path: Path) -> None:
    image = load(CASES / "bf32zero.bmp")
    assert image.alpha is None
    with PIL.Image.open(CASES / "bf32zero.bmp") as opened:
        np.testing.assert_array_equal(image.pixels, np.asarray(opened.convert("RGB")))
    packed = np.random.default_rng(0).integers(0, 1 << 24, (6, 8)).astype(np.uint32)
    for header, packing in ((40, 0), (124, 3)):
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000) if packing else ()
        write(tmp_path / "a.bmp", packed, masks, header, packing)
        image = load(tmp_path / "a.bmp")
        assert image.alpha is None
        assert image.pixels[..., 0].tolist() == (packed >> 16).tolist()
        write(tmp_path / "a.bmp", packed | np.uint32(0x80000000), masks, header, packing)
        alpha = load(tmp_path / "a.bmp").alpha
        assert alpha is not None
        assert (alpha == 128).all()


@pytest.mark.parametrize("masks", [(0xFF, 0xFF00, 0xFF0000), (0xFF000000, 0xFF0000, 0xFF00), (0xFF00, 0xFF, 0xFF0000)])
def test_masks_are_obeyed(tmp_path: Path, masks: tuple[int, ...]) -> None:
    packed = np.random.default_rng(1).integers(0, 1 << 32, (6, 8), np.uint32)
    write(tmp_path / "a.bmp", packed, masks)
    image = load(tmp_path / "a.bmp")
    assert image.alpha is None
    for channel, mask in enumerate(masks):
        shift = {0xFF: 0, 0xFF00: 8, 0xFF0000: 16, 0xFF000000: 24}[mask]
        np.testing.assert_array_equal(image.pixels[..., channel], packed >> shift & 0xFF)


@pytest.mark.parametrize(("packing", "masks"), [(0, ()), (3, (0xF800, 0x7E0, 0x1F)), (3, (0x7C00, 0x3E0, 0x1F))])
def test_sixteen_bits_a_pixel(tmp_path: Path, packing: int, masks: tuple[int, ...]) -> None:
    packed = np.random.default_rng(2).integers(0, 1 << 15, (6, 7), np.uint16)
    padded = np.hstack([packed, np.zeros((6, 1), np.uint16)])
    write(tmp_path / "a.bmp", padded, masks, packing=packing)
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[18:22] = struct.pack("<i", 7)
    (tmp_path / "a.bmp").write_bytes(data)
    with PIL.Image.open(tmp_path / "a.bmp") as opened:
        expected = np.asarray(opened.convert("RGB")).astype(int)
    assert np.abs(load(tmp_path / "a.bmp").pixels - expected).max() <= 1


def test_ten_bits_a_channel_keep_their_depth(tmp_path: Path) -> None:
    packed = np.random.default_rng(3).integers(0, 1 << 30, (6, 8)).astype(np.uint32)
    write(tmp_path / "a.bmp", packed, (0x3FF00000, 0xFFC00, 0x3FF))
    image = load(tmp_path / "a.bmp")
    assert image.pixels.dtype == np.uint16
    assert np.abs(image.pixels[..., 0] - (packed >> 20) * (65535 / 1023)).max() <= 0.5


@pytest.mark.parametrize("bits", [8, 24])
def test_os2_bitmaps_keep_their_colours(tmp_path: Path, bits: int) -> None:
    """BITMAPCOREHEADER, whose palette has three bytes a colour; OpenCV reads its 24 bits as grey."""
    y, x = np.mgrid[:6, :10]
    levels = np.dstack([x * 25, y * 40, 255 - x * 20]).astype(np.uint8)
    rows, palette, expected = levels[::-1, :, ::-1].reshape(6, 30), b"", levels
    if bits == 8:
        colors = np.random.default_rng(0).integers(0, 256, (256, 3), np.uint8)
        rows, palette, expected = levels[::-1, :, 0], colors[:, ::-1].tobytes(), colors[levels[..., 0]]
    data = b"".join(row.tobytes() + bytes(-len(row) % 4) for row in rows)
    start = 26 + len(palette)
    path = tmp_path / "a.bmp"
    core = struct.pack("<IHHHH", 12, 10, 6, 1, bits)
    path.write_bytes(b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + core + palette + data)
    with open_reader(open_media(path)) as reader:
        np.testing.assert_array_equal(reader.read().pixels, expected)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(MediaError, match="cut short"), open_reader(open_media(path)) as reader:
        reader.read()
