"""Objects of several parts, which some forms write as shapes that share a group."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from cvstudio.data.labels import Annotation, LabelledMask
from cvstudio.media.annotations._left_out import box_of


def joined_parts(parts: Sequence[Annotation]) -> Annotation:
    """One object from its parts, all of them with outlines or all with masks; what they say besides is that of the
    first which says it."""
    attributes = {name: text for part in reversed(parts) for name, text in part.attributes.items()}
    polygons = tuple(polygon for part in parts for polygon in part.polygons)
    masks = [part.mask for part in parts if part.mask is not None]
    mask = _union(masks) if masks else None
    box = box_of(polygons, mask)
    assert box is not None
    return dataclasses.replace(parts[0], box=box, polygons=polygons, mask=mask, attributes=attributes)


def _union(masks: Sequence[LabelledMask]) -> LabelledMask:
    left, top = min(item.left for item in masks), min(item.top for item in masks)
    right = max(item.left + item.pixels.shape[1] for item in masks)
    bottom = max(item.top + item.pixels.shape[0] for item in masks)
    pixels = np.zeros((bottom - top, right - left), bool)
    for item in masks:
        height, width = item.pixels.shape
        pixels[item.top - top : item.top - top + height, item.left - left : item.left - left + width] |= item.pixels
    return LabelledMask(pixels, left, top)
