"""Text as coverage masks, in a face that has Latin and Korean."""

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
PADDING = 4
"""Pixels of paper before and behind the text of a chip."""


@functools.cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    try:
        return ImageFont.truetype(str(resource("fonts", FACE)), size)
    except OSError:
        # A result without our face is worth more than none: Pillow carries a Latin one.
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


def chip_size(text: str, size: int) -> tuple[int, int]:
    """Width and height of the chip of `text` at `size` px."""
    height, width = text_mask(text, size).shape
    return width + 2 * PADDING, height


@functools.lru_cache(maxsize=2048)
def chip(text: str, size: int, ink: RGB, paper: RGB) -> NDArray[np.uint8]:
    """`text` in `ink` on a rectangle of `paper`, uint8 RGB (h, w, 3), read-only.

    Kept, as blending costs more than everything else about a label and a slider's tick shows the same ones again.
    """
    cover = np.pad(text_mask(text, size), ((0, 0), (PADDING, PADDING)))[:, :, None].astype(np.uint16)
    blended = (np.array(paper, np.uint16) * (255 - cover) + np.array(ink, np.uint16) * cover + 127) // 255
    return readonly(blended.astype(np.uint8))
