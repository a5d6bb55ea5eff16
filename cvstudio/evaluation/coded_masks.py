"""COCO's compressed run lengths: masks of any picture in a few bytes, and the overlaps of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.labels import LabelledMask
from cvstudio.data.run_lengths import counts_of, mask_of
from cvstudio.exporters.coco import compressed
from cvstudio.foundation.shapes import Polygon
from cvstudio.results.masks import run_lengths


def coded_mask(mask: LabelledMask, size: Size) -> bytes:
    """The code of a mask in a picture of `size`; what lies outside of it is cut off."""
    left, top = max(0, -mask.left), max(0, -mask.top)
    pixels = mask.pixels[top : max(top, size.height - mask.top), left : max(left, size.width - mask.left)]
    return compressed(run_lengths(pixels, max(0, mask.left), max(0, mask.top), size)).encode("ascii")


def coded_polygons(polygons: Sequence[Polygon], size: Size) -> bytes:
    """The code of the union of polygons, as COCO paints them."""
    from pycocotools import mask

    flat = [[value for point in polygon for value in point] for polygon in polygons]
    code: bytes = mask.merge(mask.frPyObjects(flat, size.height, size.width))["counts"]
    return code


def overlaps(
    codes: Sequence[bytes], others: Sequence[bytes], crowds: NDArray[np.bool_], size: Size
) -> NDArray[np.float64]:
    """IoU of each of `codes` with each of `others`, float64 (n, m); where `crowds`, bool (m,), is set, the part of the
    first that lies in the second."""
    from pycocotools import mask

    if not codes or not others:
        return np.zeros((len(codes), len(others)))
    sides = (_objects(part, size) for part in (codes, others))
    return np.asarray(mask.iou(*sides, crowds.astype(np.uint8).tolist()), np.float64)


def areas(codes: Sequence[bytes], size: Size) -> NDArray[np.float64]:
    """Number of pixels of each mask, float64 (n,)."""
    from pycocotools import mask

    return np.asarray(mask.area(_objects(codes, size)) if codes else np.zeros(0), np.float64)


def decoded(code: bytes, size: Size) -> LabelledMask | None:
    """The mask of a code, cut to its bounding box; None for an empty one."""
    return mask_of(counts_of(code.decode("ascii")), size)


def _objects(codes: Sequence[bytes], size: Size) -> list[dict[str, Any]]:
    return [{"size": [size.height, size.width], "counts": code} for code in codes]
