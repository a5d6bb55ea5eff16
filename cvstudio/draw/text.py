"""Text as coverage masks, with a face that has Latin and Korean."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.resources import resource
from cvstudio.types import readonly


@functools.cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.truetype(str(resource("fonts", "CVStudioSans-Regular.otf")), size)


@functools.lru_cache(maxsize=4096)
def text_mask(text: str, size: int) -> NDArray[np.uint8]:
    """Coverage 0..255 of `text` at `size` px, uint8 (h, w); h is the same for every text of a size."""
    from PIL import Image, ImageDraw

    font = _font(size)
    ascent, descent = font.getmetrics()
    picture = Image.new("L", (max(1, int(np.ceil(font.getlength(text)))), ascent + descent), 0)
    ImageDraw.Draw(picture).text((0, 0), text, font=font, fill=255)
    found: NDArray[np.uint8] = readonly(np.asarray(picture))
    return found


def paint_text(canvas: NDArray[np.uint8], text: str, size: int, x: int, y: int, colour: tuple[int, int, int]) -> None:
    """Write on `canvas` in place with the top left corner at (x, y); what lies outside is cut."""
    mask = text_mask(text, size)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + mask.shape[0], canvas.shape[0]), min(x + mask.shape[1], canvas.shape[1])
    if top >= bottom or left >= right:
        return
    part = canvas[top:bottom, left:right]
    cover = mask[top - y : bottom - y, left - x : right - x, None].astype(np.uint16)
    ink = np.array(colour, np.uint16)
    part[:] = ((part * (255 - cover) + ink * cover + 127) // 255).astype(np.uint8)
