"""Corrections of labels: pure functions from the labels of a picture, or from one label, to others.

Points are in image pixels and stay on the picture, of `size`. What is changed loses the `area` that its file states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Container, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import (
    Window,
    bounds_of,
    box_of,
    cut,
    joined,
    pixels_in,
    polygons_mask,
    stroked,
    window_of,
)
from cvstudio.data.labels import Annotation, LabelledMask, PictureLabels
from cvstudio.foundation.shapes import LEAST_CORNERS, Box, Point, Polygon

DUPLICATE_SHIFT = 10.0
"""By so many pixels a duplicate lies beside its original."""

_FILLED = "_filled"

# Of the labels of a picture ---------------------------------------------------------------------------------------


def with_added(labels: PictureLabels, *annotations: Annotation) -> PictureLabels:
    """`labels` with more objects, drawn above the others."""
    return replace(labels, annotations=(*labels.annotations, *annotations))


def with_replaced(labels: PictureLabels, number: int, annotation: Annotation) -> PictureLabels:
    """`labels` with another object at `number`."""
    before, after = labels.annotations[:number], labels.annotations[number + 1 :]
    return replace(labels, annotations=(*before, annotation, *after))


def without(labels: PictureLabels, numbers: Collection[int]) -> PictureLabels:
    """`labels` without the objects at `numbers`."""
    return replace(labels, annotations=tuple(a for n, a in enumerate(labels.annotations) if n not in numbers))


def picture_classes(classes: tuple[int, ...], category: int | None, *, several: bool) -> tuple[int, ...]:
    """The classes of a picture with one more, or without it where it is among them; none for None.

    Parameters
    ----------
    several : whether it comes beside the others, and not in their place
    """
    if category is None:
        return ()
    if category in classes:
        return tuple(item for item in classes if item != category)
    return (*classes, category) if several else (category,)


def with_category(labels: PictureLabels, numbers: Collection[int], category: int) -> PictureLabels:
    """`labels` with the objects at `numbers` of another class.

    Key points and what else belongs to a class stays: a person that becomes a statue keeps its pose.
    """
    return replace(
        labels,
        annotations=tuple(
            replace(a, category=category) if n in numbers else a for n, a in enumerate(labels.annotations)
        ),
    )


def with_duplicate(labels: PictureLabels, number: int, size: Size) -> PictureLabels:
    """`labels` with a copy of the object at `number`, a little to the right and below where there is room."""
    annotation = labels.annotations[number]
    copy = moved(annotation, DUPLICATE_SHIFT, DUPLICATE_SHIFT, size)
    if copy.box == annotation.box:
        copy = moved(annotation, -DUPLICATE_SHIFT, -DUPLICATE_SHIFT, size)
    return with_added(labels, replace(copy, file_id=None, track_id=None))


def with_front(labels: PictureLabels, number: int) -> PictureLabels:
    """`labels` with the object at `number` drawn above the others."""
    return with_added(without(labels, {number}), labels.annotations[number])


def number_at(labels: PictureLabels, x: float, y: float) -> int | None:
    """Number of the object at a point, the smallest of several and then the topmost; None where there is none.

    Of an object with a mask or polygons its pixels count, and its box only where no other object is there.
    """
    inside = [
        (not _covers(a, x, y), (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]), -number)
        for number, a in enumerate(labels.annotations)
        if a.box[0] <= x < a.box[2] and a.box[1] <= y < a.box[3]
    ]
    return -min(inside)[2] if inside else None


def number_at_keypoint(labels: PictureLabels, at: Point, reach: float) -> int | None:
    """Number of the object with the labelled key point nearest to a point, within `reach` pixels; None without one."""
    distances = [
        (math.dist(at, (x, y)), number)
        for number, annotation in enumerate(labels.annotations)
        for x, y, seen in annotation.keypoints
        if seen
    ]
    distance, number = min(distances, default=(math.inf, -1))
    return number if distance <= reach else None


def _covers(annotation: Annotation, x: float, y: float) -> bool:
    mask = annotation.mask
    if mask is not None:
        left, top, right, bottom = window_of(mask)
        return left <= x < right and top <= y < bottom and bool(mask.pixels[int(y) - top, int(x) - left])
    if annotation.polygons:
        import cv2

        return any(
            cv2.pointPolygonTest(np.array(polygon, np.float32), (x, y), False) >= 0 for polygon in annotation.polygons
        )
    return True


def clipped(labels: PictureLabels, size: Size) -> PictureLabels:
    """`labels` clipped to the picture, without the objects that have no part on it."""
    annotations = tuple(filter(None, (_clipped(annotation, size) for annotation in labels.annotations)))
    return replace(labels, annotations=annotations)


def _clipped(annotation: Annotation, size: Size) -> Annotation | None:
    left, top, right, bottom = annotation.box
    box = (max(left, 0.0), max(top, 0.0), min(right, float(size.width)), min(bottom, float(size.height)))
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    mask = annotation.mask
    polygons = tuple(filter(None, (clipped_polygon(polygon, size) for polygon in annotation.polygons)))
    if mask is not None:
        window = joined([window_of(mask)], size)
        mask = cut(pixels_in(mask, window), window[0], window[1])
    if (box, polygons) == (annotation.box, annotation.polygons) and _same_place(mask, annotation.mask):
        return annotation
    return replace(annotation, box=box, polygons=polygons, mask=mask, area=None)


def _same_place(mask: LabelledMask | None, other: LabelledMask | None) -> bool:
    if mask is None or other is None:
        return mask is other
    return window_of(mask) == window_of(other)


def clipped_polygon(polygon: Polygon, size: Size) -> Polygon:
    """The part of a polygon on the picture; empty where it has none.

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", CACM 1974.
    """
    corners = list(polygon)
    for axis, limit, above in ((0, 0.0, True), (1, 0.0, True), (0, size.width, False), (1, size.height, False)):
        kept: list[Point] = []
        for start, end in zip(corners, (*corners[1:], *corners[:1]), strict=True):
            inside = [(point[axis] >= limit) if above else (point[axis] <= limit) for point in (start, end)]
            if inside[0]:
                kept.append(start)
            if inside[0] != inside[1]:
                share = (limit - start[axis]) / (end[axis] - start[axis])
                other = start[1 - axis] + share * (end[1 - axis] - start[1 - axis])
                kept.append((float(limit), other) if axis == 0 else (other, float(limit)))
        corners = kept
    distinct = tuple(dict.fromkeys(corners))
    return distinct if len(distinct) >= LEAST_CORNERS else ()


# Of one object ----------------------------------------------------------------------------------------------------


def room_for(points: Sequence[Point], dx: float, dy: float, size: Size) -> Point:
    """The move (dx, dy) clipped so that `points` stay on the picture; outside points may move back onto it."""

    def room(places: tuple[float, ...], far: float, step: float) -> float:
        least, most = min(0.0, -min(places)), max(0.0, far - max(places))
        return min(max(step, least), most)

    columns, rows = zip(*points, strict=True)
    return room(columns, size.width, dx), room(rows, size.height, dy)


def moved(annotation: Annotation, dx: float, dy: float, size: Size) -> Annotation:
    """The object moved as far as the picture has room; a mask moves by whole pixels."""
    left, top, right, bottom = annotation.box
    dx, dy = room_for(((left, top), (right, bottom)), dx, dy, size)
    mask = annotation.mask
    if mask is not None:
        # Towards where it was, so that it stays on the picture.
        dx, dy = float(math.trunc(dx)), float(math.trunc(dy))
        mask = replace(mask, left=mask.left + int(dx), top=mask.top + int(dy))
    return replace(
        annotation,
        box=(left + dx, top + dy, right + dx, bottom + dy),
        polygons=tuple(tuple((x + dx, y + dy) for x, y in polygon) for polygon in annotation.polygons),
        mask=mask,
        keypoints=tuple((x + dx, y + dy, seen) if seen else (x, y, seen) for x, y, seen in annotation.keypoints),
    )


def resized(annotation: Annotation, box: Box, size: Size) -> Annotation:
    """The object with another box, in which its polygons, mask and key points lie as they did in the one before."""
    old, new, mask = annotation.box, _on_picture(box, size), annotation.mask
    scales = [(new[2 + i] - new[i]) / (old[2 + i] - old[i]) if old[2 + i] > old[i] else 1.0 for i in (0, 1)]

    def placed(x: float, y: float) -> Point:
        x, y = new[0] + (x - old[0]) * scales[0], new[1] + (y - old[1]) * scales[1]
        return min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height))

    return replace(
        annotation,
        box=new,
        polygons=tuple(tuple(placed(*point) for point in polygon) for polygon in annotation.polygons),
        mask=_scaled(mask, _window(placed, window_of(mask), size)) if mask is not None else None,
        keypoints=tuple((*placed(x, y), seen) if seen else (x, y, seen) for x, y, seen in annotation.keypoints),
        area=None,
    )


def _window(placed: Callable[[float, float], Point], window: Window, size: Size) -> Window:
    """`window` as `placed`, rounded to whole pixels, and at least one of them."""
    (left, top), (right, bottom) = placed(*window[:2]), placed(*window[2:])
    left, top = min(round(left), size.width - 1), min(round(top), size.height - 1)
    return left, top, max(round(right), left + 1), max(round(bottom), top + 1)


def _on_picture(box: Box, size: Size) -> Box:
    left, top, right, bottom = box
    return (
        *(min(max(left, 0.0), float(size.width)), min(max(top, 0.0), float(size.height))),
        *(min(max(right, 0.0), float(size.width)), min(max(bottom, 0.0), float(size.height))),
    )


def _scaled(mask: LabelledMask, window: Window) -> LabelledMask:
    """`mask` in another window, of nearest neighbours; where all of them are empty, of whatever is near."""
    left, top, right, bottom = window
    height, width = mask.pixels.shape
    rows = ((np.arange(bottom - top) + 0.5) * height / (bottom - top)).astype(np.int64)
    columns = ((np.arange(right - left) + 0.5) * width / (right - left)).astype(np.int64)
    scaled = cut(mask.pixels[np.ix_(rows, columns)], left, top)
    if scaled is None:
        import cv2

        # A thin frame that shrinks may lie between the centres that are asked for.
        shares = cv2.resize(mask.pixels.astype(np.float32), (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        scaled = cut(shares > 0, left, top)
    return scaled or mask


def with_polygon(annotation: Annotation, part: int, polygon: Polygon) -> Annotation:
    """The object with another outline of the part `part`, or with one more; its box is drawn around all parts.

    An empty outline removes the part.
    """
    polygons = tuple(filter(None, (*annotation.polygons[:part], polygon, *annotation.polygons[part + 1 :])))
    return replace(annotation, polygons=polygons, box=polygons_box(polygons) or annotation.box, mask=None, area=None)


def polygons_box(polygons: Sequence[Polygon]) -> Box | None:
    """The bounding box of outlines; None without any."""
    points = [point for polygon in polygons for point in polygon]
    if not points:
        return None
    columns, rows = zip(*points, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def mask_of(annotation: Annotation, size: Size) -> LabelledMask | None:
    """The pixels of an object, of its mask or its polygons; None where it has neither.

    Polygons are filled once for each object: an edit changes one of thousands.
    """
    if annotation.mask is not None or not annotation.polygons:
        return annotation.mask
    filled: tuple[Size, LabelledMask | None] | None = annotation.__dict__.get(_FILLED)
    if filled is None or filled[0] != size:
        filled = annotation.__dict__[_FILLED] = (size, polygons_mask(annotation.polygons, size))
    return filled[1]


def brushed(
    annotation: Annotation, points: Sequence[Point], width: float, size: Size, *, erase: bool = False
) -> Annotation | None:
    """The object with a stroke of the brush added to its pixels, or taken away with `erase`.

    Outlines become pixels, and the box is drawn around them. Of an object that is only a box, nothing can be taken
    away, and the stroke is its mask.

    Parameters
    ----------
    points : of the stroke, at least one
    width : of the stroke in pixels

    Returns
    -------
    None where no pixel is left.
    """
    before = mask_of(annotation, size)
    if before is None and erase:
        return annotation
    stroke = bounds_of(points, width / 2)
    windows = [window_of(before)] if before is not None else []
    window = joined(windows if erase else [*windows, stroke], size)
    pixels = stroked(points, width, window)
    if before is not None:
        pixels = pixels_in(before, window) & ~pixels if erase else pixels_in(before, window) | pixels
    mask = cut(pixels, window[0], window[1])
    if mask is None:
        return None
    return replace(annotation, mask=mask, polygons=(), box=box_of(mask), area=None)


def new_name(taken: Container[str], path: Path) -> str:
    """A name for the picture at `path` in a set that has those that are `taken`: its file name, with as many of its
    folders before it as it takes."""
    names = ("/".join(path.parts[-count:]) for count in range(1, len(path.parts) + 1))
    return next(name for name in names if name not in taken)
