"""Text as coverage masks, in a font with Latin and Korean."""

from __future__ import annotations

import functools
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.draw.palette import RGB
from cvstudio.foundation.paths import resource

FACE = "CVStudioSans-Regular.otf"
PADDING = 0.31
"""Padding before and after the text of a chip, as a fraction of its font size: 4 pixels at 13."""


@functools.cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(str(resource("fonts", FACE)), size)
    except OSError:
        # Without our font, Pillow's Latin one is better than no text.
        return ImageFont.load_default(size)


@functools.lru_cache(maxsize=4096)
def text_mask(text: str, size: int) -> NDArray[np.uint8]:
    """Coverage 0..255 of `text` at `size` px, uint8 (h, w), read-only; h is the same for every text of a size."""
    from PIL import Image, ImageDraw

    font = _font(size)
    composed = unicodedata.normalize("NFC", text)
    ascent, descent = font.getmetrics()
    picture = Image.new("L", (max(1, int(np.ceil(font.getlength(composed)))), ascent + descent), 0)
    ImageDraw.Draw(picture).text((0, 0), composed, font=font, fill=255)
    return readonly(np.asarray(picture))


def _padding(size: int) -> int:
    return round(PADDING * size)


def chip_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of the chip of `text` at font size `size`."""
    height, width = text_mask(text, size).shape
    return width + 2 * _padding(size), height


@functools.lru_cache(maxsize=2048)
def chip(text: str, size: int, ink: RGB, paper: RGB) -> NDArray[np.uint8]:
    """`text` in the colour `ink` on a rectangle of the colour `paper`, uint8 RGB (h, w, 3), read-only.

    Cached, as blending is the most expensive part of a label and a slider's tick shows mostly the same labels.
    """
    cover = np.pad(text_mask(text, size), ((0, 0), (_padding(size), _padding(size))))[:, :, None].astype(np.uint16)
    blended = (np.array(paper, np.uint16) * (255 - cover) + np.array(ink, np.uint16) * cover + 127) // 255
    return readonly(blended.astype(np.uint8))
