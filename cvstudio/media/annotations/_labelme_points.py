"""Key points in LabelMe's form: shapes of one point that share the group of a shape around them.

LabelMe itself has no key points; X-AnyLabeling and converters to YOLO and COCO take grouped points for them, and a
point that is flagged as difficult or occluded for a hidden one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from cvstudio.data.keypoint_editing import HIDDEN, NOWHERE, VISIBLE, Keypoint
from cvstudio.data.labels import Annotation, Category
from cvstudio.foundation.shapes import Point
from cvstudio.media.annotations._left_out import MORE_POINTS, Report
from cvstudio.media.annotations._values import integer, items, mapping, mappings, point, text

HIDDEN_FLAG = "occluded"
"""Flag of a point that is hidden."""
POINTS_CLASS = "object"
"""Class of points that no shape surrounds."""
_FLAGS = ("occluded", "hidden", "difficult")


def _is_point(shape: Mapping[str, object]) -> bool:
    return text(shape.get("shape_type")) == "point"


def owned_points(shapes: Sequence[Mapping[str, object]]) -> Iterator[tuple[int | None, list[int]]]:
    """Numbers of the points that belong together, with that of the shape around them, the first of their group.

    Points of a group without such a shape, and points of different names without a group, are those of an object of
    the class `POINTS_CLASS`: its number is None. A single one of these belongs to nothing.
    """
    points: dict[int | None, list[int]] = {}
    owners: dict[int | None, int] = {}
    for number, shape in enumerate(shapes):
        group = integer(shape.get("group_id"))
        if _is_point(shape):
            points.setdefault(group, []).append(number)
        elif group is not None:
            owners.setdefault(group, number)
    classes = {text(shape.get("label")) for shape in shapes if not _is_point(shape)}
    for group, own in points.items():
        names = {text(shapes[number].get("label")) for number in own}
        # Points without a group may be objects of their own: of equal names, or of a class that others have.
        landmarks = group is not None or (len(names) == len(own) and not names & classes)
        if group in owners or (len(own) > 1 and landmarks):
            yield owners.get(group), own


def keypoints_of(shapes: Sequence[Mapping[str, object]], names: Sequence[str], report: Report) -> tuple[Keypoint, ...]:
    """Key points of an object from its points, in the order of `names`."""
    keypoints = [NOWHERE] * len(names)
    for shape in shapes:
        places = [point(item) for item in items(shape.get("points"))]
        name = text(shape.get("label"))
        if len(places) != 1 or places[0] is None or name not in names:
            report("A key point has no name, or is no pair of finite numbers.")
            continue
        number = names.index(name)
        if keypoints[number] != NOWHERE:
            report("An object has a key point twice; the first is taken.")
            continue
        flags = mapping(shape.get("flags"))
        hidden = any(flags.get(flag) is True for flag in _FLAGS) or shape.get("difficult") is True
        keypoints[number] = (*places[0], HIDDEN if hidden else VISIBLE)
    return tuple(keypoints)


def point_shapes(annotation: Annotation, category: Category, report: Report) -> Iterator[tuple[Point, str, bool]]:
    """Place and name of each labelled key point, and whether it is hidden."""
    if len(annotation.keypoints) > len(category.keypoints):
        report(MORE_POINTS)
    for name, (x, y, seen) in zip(category.keypoints, annotation.keypoints, strict=False):
        if seen:
            yield (x, y), name, seen == HIDDEN


class PointNames:
    """Names of the key points by class, gathered from the files of a set."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def of_class(self, name: str) -> tuple[str, ...]:
        """Names of the key points of a class; empty where it has none."""
        return tuple(self._names.get(name, ()))

    def classes_of(self, content: bytes) -> dict[str, None]:
        """Labels of the shapes of a file that are no key points, whose names are kept; empty where it is damaged."""
        try:
            shapes = mappings(mapping(json.loads(content)).get("shapes"))
        except (ValueError, RecursionError):
            return {}
        of_points: set[int] = set()
        for owner, points in owned_points(shapes):
            of_points.update(points)
            name = text(shapes[owner].get("label")) if owner is not None else POINTS_CLASS
            self._add(name, [text(shapes[number].get("label")) for number in points])
        others = [shape.get("label") for number, shape in enumerate(shapes) if number not in of_points]
        return dict.fromkeys([*(name for name in others if isinstance(name, str)), *self._names])

    def _add(self, name: str, points: Sequence[str]) -> None:
        # One that other objects lack stands behind the one before it: files hold only what is labelled.
        names, place = self._names.setdefault(name, []), 0
        for point_name in points:
            if point_name in names:
                place = names.index(point_name) + 1
            elif point_name:
                names.insert(place, point_name)
                place += 1
