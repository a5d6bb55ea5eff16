"""Groups of CVAT and LabelMe: shapes of one class and kind that share a `group_id` are the parts of one object, as in
CVAT's own export to COCO."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree

import numpy as np

from cvstudio.data.labels import Annotation, LabelledMask
from cvstudio.media.annotations._left_out import box_of
from cvstudio.media.annotations._values import integer

GROUP = "group_id"
"""Attribute of the elements, and of a label whose group holds other objects, too."""
PARTS = frozenset(("polygon", "mask"))
"""Kinds of shapes that may be parts; boxes and skeletons of a group are related, and stay objects of their own."""


def group_of(element: ElementTree.Element) -> int | None:
    """Number of the group of a shape or track; None without one, for which CVAT also writes 0."""
    return integer(element.get(GROUP)) or None


def with_parts_joined(shapes: Iterable[tuple[Annotation, int | None, str]]) -> Iterator[Annotation]:
    """The objects of a picture from its shapes, each with its group and kind, in the order of their first parts."""
    objects: dict[tuple[int | None, str, int], list[Annotation]] = {}
    for index, (annotation, group, kind) in enumerate(shapes):
        part = group is not None and kind in PARTS
        key = (group, kind, annotation.category) if part else (group, "", index)
        objects.setdefault(key, []).append(annotation)
    in_group = Counter(key[0] for key in objects)
    for (group, *_), parts in objects.items():
        joined = joined_parts(parts) if len(parts) > 1 else parts[0]
        if group is not None and in_group[group] > 1:
            joined = dataclasses.replace(joined, attributes={**joined.attributes, GROUP: str(group)})
        yield joined


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


# Writing ------------------------------------------------------------------------------------------------------------


class Groups:
    """The numbers of the groups of objects that are written together: in a picture, or in a video."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._taken: set[tuple[int, int, str]] = set()
        self._fresh = itertools.count(1)

    def know(self, annotations: Iterable[Annotation]) -> None:
        """Keep the numbers that objects have already."""
        stated = {annotation.attributes.get(GROUP, "") for annotation in annotations} - self._known.keys()
        self._known.update((text, number) for text in stated if (number := integer(text)) is not None and number > 0)

    def number(self, annotation: Annotation) -> int | None:
        """Number of the group of an object: its own where its group has others, which are no parts of it; a new one
        where it has several parts; else None."""
        own = self._known.get(annotation.attributes.get(GROUP, ""))
        kind = "mask" if annotation.mask is not None else "polygon" if annotation.polygons else ""
        if own is not None:
            if not kind:
                return own
            if (own, annotation.category, kind) not in self._taken:
                self._taken.add((own, annotation.category, kind))
                return own
        if kind != "polygon" or len(annotation.polygons) < 2:
            return None
        return next(number for number in self._fresh if number not in self._known.values())
