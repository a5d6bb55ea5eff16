"""Corrections of the key points of a labelled object: pure functions from one label to another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation
from cvstudio.foundation.shapes import Box

Keypoint = tuple[float, float, int]
"""x and y in image pixels, and the visibility."""
ABSENT, HIDDEN, VISIBLE = 0, 1, 2
"""Visibility of a key point: not labelled, labelled but covered by something, visible."""
NOWHERE: Keypoint = (0.0, 0.0, ABSENT)
"""A key point that is not labelled."""
LEAST_SIDE = 1.0
"""Side in pixels that the box around points has at least, as a box without area is none."""


def points_box(keypoints: Iterable[Keypoint], size: Size) -> Box | None:
    """The box around the labelled key points, with sides of `LEAST_SIDE` at least; None without any."""
    points = [(x, y) for x, y, seen in keypoints if seen]
    if not points:
        return None
    columns, rows = zip(*points, strict=True)
    left, right = _wide(min(columns), max(columns), size.width)
    top, bottom = _wide(min(rows), max(rows), size.height)
    return left, top, right, bottom


def _wide(low: float, high: float, end: int) -> tuple[float, float]:
    if high - low >= LEAST_SIDE:
        return low, high
    low = min(max((low + high - LEAST_SIDE) / 2, 0.0), end - LEAST_SIDE)
    return low, low + LEAST_SIDE


def first_missing(keypoints: Sequence[Keypoint], count: int, start: int = 0) -> int | None:
    """Number of the first of `count` key points, from `start` on, that is not labelled; None where all are."""
    missing = (number for number in range(start, count) if number >= len(keypoints) or not keypoints[number][2])
    return next(missing, None)


def with_keypoints(annotation: Annotation, keypoints: Sequence[Keypoint], size: Size) -> Annotation:
    """The object with other key points; without any where none is labelled.

    A box that lies around the points alone goes on to do so; one that was drawn stays.
    """
    box = annotation.box
    if box == points_box(annotation.keypoints, size) and not annotation.polygons and annotation.mask is None:
        box = points_box(keypoints, size) or box
    labelled = tuple(keypoints) if any(seen for _, _, seen in keypoints) else ()
    return replace(annotation, keypoints=labelled, box=box)


def with_keypoint(annotation: Annotation, number: int, keypoint: Keypoint, size: Size) -> Annotation:
    """The object with another place and visibility of the key point `number`, which stays on the picture."""
    x, y, seen = keypoint
    placed = (min(max(x, 0.0), float(size.width)), min(max(y, 0.0), float(size.height)), seen) if seen else NOWHERE
    missing = (NOWHERE,) * (number + 1 - len(annotation.keypoints))
    keypoints = [*annotation.keypoints, *missing]
    keypoints[number] = placed
    return with_keypoints(annotation, keypoints, size)


def with_visibility(annotation: Annotation, number: int, seen: int, size: Size) -> Annotation:
    """The object with another visibility of the key point `number`; one that is `ABSENT` loses its place."""
    x, y, _ = annotation.keypoints[number]
    return with_keypoint(annotation, number, (x, y, seen), size)
