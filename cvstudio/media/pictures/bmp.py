"""BMP of 16 and 32 bits, whose channels are told by masks; its fourth byte is opacity only where anything uses it."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.media.file_identity import decoding

_PLAIN, _MASKS, _MASKS_WITH_ALPHA = 0, 3, 6
_OS2, _WITH_ALPHA_MASK = 12, 56
"""Lengths of the header of OS/2 1.x, and of those from which on a mask for the opacity is part of them."""


def masked_levels(path: Path, data: bytes) -> NDArray[Any] | None:
    """The picture of a BMP of 16 or 32 bits a pixel (Windows GDI, BITMAPV5HEADER), or of one of OS/2, in which OpenCV
    takes colours for grey.

    Returns
    -------
    uint8, or uint16 where a mask has more than 8 bits; RGB or RGBA (H, W, C), the first row on top. Without a mask for
    it, the fourth byte of 32 bits is opacity unless it is 0 everywhere. None for every other file.

    Raises
    ------
    MediaError
        The file is truncated.
    """
    if not data.startswith(b"BM") or len(data) < 54:
        return None
    start, header, width, height, _, bits, packing = struct.unpack_from("<IIiiHHI", data, 10)
    if header == _OS2:
        from PIL.BmpImagePlugin import BmpImageFile

        with decoding(path), BmpImageFile(io.BytesIO(data)) as file:
            return np.asarray(file.convert("RGB"))
    if header < 40 or bits not in (16, 32) or packing not in (_PLAIN, _MASKS, _MASKS_WITH_ALPHA):
        return None
    with decoding(path):
        masks = (0x7C00, 0x3E0, 0x1F, 0) if bits == 16 else (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        if packing != _PLAIN:
            with_alpha = packing == _MASKS_WITH_ALPHA or header >= _WITH_ALPHA_MASK
            masks = (*struct.unpack_from("<3I", data, 54), *struct.unpack_from("<I", data, 66)[: int(with_alpha)])
        row = (width * bits + 31) // 32 * 4
        rows = np.frombuffer(data, np.uint8, row * abs(height), start).reshape(abs(height), row)
        packed = rows.view(np.dtype(f"<u{bits // 8}"))[:, :width]
        packed = packed if height < 0 else packed[::-1]
        dtype = np.uint16 if max(mask.bit_count() for mask in masks) > 8 else np.uint8
        levels = [_level(packed, mask, dtype) for mask in masks]
    colors = levels[:3]
    alpha = levels[3] if len(levels) == 4 and masks[3] and levels[3].any() else None
    return np.dstack(colors if alpha is None else [*colors, alpha])


def _level(packed: NDArray[Any], mask: int, dtype: type) -> NDArray[Any]:
    """The bits under `mask` as the full range of `dtype`; 0 without a mask."""
    if not mask:
        return np.zeros(packed.shape, dtype)
    shift = (mask & -mask).bit_length() - 1
    white, top = mask >> shift, int(np.iinfo(dtype).max)
    values = (packed.astype(np.uint64) & np.uint64(mask)) >> np.uint64(shift)
    return np.asarray(((values * np.uint64(top) + np.uint64(white // 2)) // np.uint64(white)).astype(dtype))
