"""COCO's run-length encoding of masks, decoded without trusting it.

`pycocotools` writes them, but where the lengths of a damaged file do not fill the picture its `decode` returns memory
that was never written: so they are read here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import cut
from cvstudio.data.labels import LabelledMask

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONTINUES, _NEGATIVE, _BITS = 0x20, 0x10, 5
_FIRST_CHARACTER = 48
_LONGEST = 13
"""Characters of a length: as many as a 64-bit number needs."""
MAX_PIXELS = 1 << 28
"""Pixels of a picture at most: a damaged file may claim any number."""


def counts_of(text: str) -> list[int]:
    """Lengths of the runs in the compressed encoding `text`. Raises ValueError where it is none."""
    counts: list[int] = []
    position = 0
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            if position == len(text) or shift == _LONGEST * _BITS:
                raise ValueError("the run lengths end within a number")
            code = ord(text[position]) - _FIRST_CHARACTER
            if not 0 <= code < 64:
                raise ValueError(f"{text[position]!r} is no character of run lengths")
            value |= (code & (_CONTINUES - 1)) << shift
            more, position, shift = bool(code & _CONTINUES), position + 1, shift + _BITS
            if not more and code & _NEGATIVE:
                value -= 1 << shift
        # From the fourth on each is told as the difference to the one before the last.
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts


def mask_of(counts: Sequence[int], size: Size) -> LabelledMask | None:
    """The mask whose runs of 0s and 1s, 0s first, go down the columns of a picture of `size`; None for an empty one.

    Raises
    ------
    ValueError
        The lengths do not fill the picture.
    """
    n_pixels = size.width * size.height
    if n_pixels > MAX_PIXELS or any(not 0 <= count <= n_pixels for count in counts) or sum(counts) != n_pixels:
        raise ValueError(f"the run lengths do not fill {size.width} x {size.height} pixels")
    runs = np.asarray(counts, np.int64)
    ends = runs.cumsum()
    starts = ends - runs
    covered = runs[1::2] > 0
    starts, ends = starts[1::2][covered], ends[1::2][covered]
    if not starts.size:
        return None
    left, right = int(starts[0]) // size.height, (int(ends[-1]) - 1) // size.height + 1
    # Only the columns with a 1: most masks are small.
    offset = left * size.height
    columns = np.zeros((right - left) * size.height, bool)
    for start, end in zip((starts - offset).tolist(), (ends - offset).tolist(), strict=True):
        columns[start:end] = True
    return cut(columns.reshape(right - left, size.height).T, left, 0)


def text_of(pixels: NDArray[np.bool_]) -> str:
    """The compressed encoding of a mask, bool (h, w)."""
    from pycocotools import mask

    coded: bytes = mask.encode(np.asfortranarray(pixels, np.uint8))["counts"]
    return coded.decode("ascii")
