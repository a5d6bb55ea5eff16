"""Shapes that a parameter holds: a point, a box, a polygon, strokes, and named lines and zones, all in image pixels of
a slot's picture.

All are tuples of floats, so that they can be compared and hashed: they are part of the key of a cached result.
(0, 0) is the outer corner of the top left pixel.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cvstudio.foundation.errors import ParamsError

FARTHEST = 1e6
"""The largest coordinate that a shape may have, in pixels."""
LEAST_CORNERS = 3
MAX_CORNERS = 1_000
MAX_STROKES = 500
MAX_STROKE_POINTS = 10_000
"""Of all strokes of a parameter together."""
MAX_STROKE_WIDTH = 1_000.0
STROKE_WIDTH = 8.0
MAX_NAMED = 50
LONGEST_NAME = 60

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Polygon = tuple[Point, ...]


@dataclass(frozen=True)
class Stroke:
    """One line drawn on the picture.

    Parameters
    ----------
    points : (x, y) in image pixels, at least one; a single one is a dot
    width : in image pixels, above 0
    label : what is marked with it, one of `Pick.labels`; empty where there are none
    """

    points: Polygon
    width: float = STROKE_WIDTH
    label: str = ""


Strokes = tuple[Stroke, ...]


@dataclass(frozen=True)
class NamedShape:
    """A line or a zone with a name.

    Parameters
    ----------
    points : (x, y) in image pixels; of a line its start and end, of a zone its corners, the last joined to the first
    name : not empty, one line without "/", unique among the shapes of a parameter
    """

    points: Polygon
    name: str


NamedShapes = tuple[NamedShape, ...]
NAMED: Mapping[str, tuple[str, int, int]] = {"lines": ("Line", 2, 2), "zones": ("Zone", LEAST_CORNERS, MAX_CORNERS)}
"""Default name, least and largest number of points of each kind of named shapes."""


def _sequence(value: object) -> Sequence[object] | None:
    return value if isinstance(value, list | tuple) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number that no float can hold
        return None


def check_point(title: str, value: object) -> Point:
    """(x, y) as floats. Raises ParamsError."""
    pair = _sequence(value)
    if pair is None or len(pair) != 2:
        raise ParamsError(f"{title} expects points of two numbers, X,Y, found {value!r:.60}.")
    x, y = (_number(item) for item in pair)
    if x is None or y is None:
        raise ParamsError(f"{title} expects points of two numbers, X,Y, found {value!r:.60}.")
    if max(abs(x), abs(y)) > FARTHEST:
        raise ParamsError(f"{title} expects coordinates within {FARTHEST:,.0f} pixels, found {x:g},{y:g}.")
    return x, y


def check_box(title: str, value: object) -> Box:
    """(left, top, right, bottom) as floats, with a positive width and height. Raises ParamsError."""
    edges = _sequence(value)
    if edges is None or len(edges) != 4:
        raise ParamsError(f"{title} expects four numbers, LEFT,TOP,RIGHT,BOTTOM, found {value!r:.60}.")
    (left, top), (right, bottom) = check_point(title, edges[:2]), check_point(title, edges[2:])
    if right <= left or bottom <= top:
        found = f"{left:g},{top:g},{right:g},{bottom:g}"
        raise ParamsError(
            f"{title} expects the right edge beyond the left and the bottom below the top, found {found}."
        )
    return left, top, right, bottom


def check_polygon(title: str, value: object) -> Polygon:
    """The corners in their order, at least three, the last joined to the first. Raises ParamsError."""
    corners = _sequence(value)
    if corners is None:
        raise ParamsError(f"{title} expects a list of points, found {value!r:.60}.")
    if not LEAST_CORNERS <= len(corners) <= MAX_CORNERS:
        raise ParamsError(f"{title} expects {LEAST_CORNERS} to {MAX_CORNERS:,} points, found {len(corners):,}.")
    return tuple(check_point(title, corner) for corner in corners)


def check_strokes(title: str, value: object, labels: tuple[str, ...] = ()) -> Strokes:
    """Strokes in the order in which they were drawn; none is allowed.

    Parameters
    ----------
    value : a list of `Stroke`, or of mappings with "points" and perhaps "width" and "label"
    labels : those that a stroke may have; the first is that of a stroke without. Empty where strokes have none

    Raises
    ------
    ParamsError
    """
    strokes = _sequence(value)
    if strokes is None:
        raise ParamsError(f"{title} expects a list of strokes, found {value!r:.60}.")
    if len(strokes) > MAX_STROKES:
        raise ParamsError(f"{title} expects at most {MAX_STROKES} strokes, found {len(strokes):,}.")
    checked = tuple(_check_stroke(title, stroke, labels) for stroke in strokes)
    count = sum(len(stroke.points) for stroke in checked)
    if count > MAX_STROKE_POINTS:
        raise ParamsError(f"{title} expects at most {MAX_STROKE_POINTS:,} points in all, found {count:,}.")
    return checked


def _check_stroke(title: str, value: object, labels: tuple[str, ...]) -> Stroke:
    if isinstance(value, Stroke):
        value = {"points": value.points, "width": value.width, "label": value.label}
    if not isinstance(value, Mapping) or "points" not in value or set(value) - {"points", "width", "label"}:
        raise ParamsError(f"{title} expects strokes with points, width and label, found {value!r:.60}.")
    points = _sequence(value["points"])
    if not points:
        raise ParamsError(f"{title} expects at least one point in each stroke, found {value['points']!r:.60}.")
    width = _number(value.get("width", STROKE_WIDTH))
    if width is None or not 0 < width <= MAX_STROKE_WIDTH:
        found = value["width"]
        raise ParamsError(
            f"{title} expects strokes above 0 and up to {MAX_STROKE_WIDTH:g} px wide, found {found!r:.40}."
        )
    label = value.get("label", "") or (labels[0] if labels else "")
    if not isinstance(label, str) or (label and label not in labels):
        allowed = ", ".join(labels) or "none"
        raise ParamsError(f"{title} has no strokes labelled {label!r:.40}; there are: {allowed}.")
    return Stroke(tuple(check_point(title, point) for point in points), width, label)


def free_name(kind: str, names: Iterable[str]) -> str:
    """The first of "Line 1", "Line 2", … (or "Zone 1", …) that is not among `names`."""
    taken = set(names)
    return next(name for number in itertools.count(1) if (name := f"{NAMED[kind][0]} {number}") not in taken)


def check_named(title: str, value: object, kind: str) -> NamedShapes:
    """Named shapes in their order; none is allowed. One without a name gets a free one.

    Parameters
    ----------
    value : a list of `NamedShape`, or of mappings with "points" and perhaps "name"
    kind : "lines" or "zones"

    Raises
    ------
    ParamsError
    """
    shapes = _sequence(value)
    if shapes is None:
        raise ParamsError(f"{title} expects a list of {kind}, found {value!r:.60}.")
    if len(shapes) > MAX_NAMED:
        raise ParamsError(f"{title} expects at most {MAX_NAMED} {kind}, found {len(shapes):,}.")
    checked: list[NamedShape] = []
    given = [_points_and_name(title, shape, kind) for shape in shapes]
    for points, name in given:
        taken = [item.name for item in checked]
        if name and name in taken:
            raise ParamsError(f"{title} expects names that differ, found {name!r} twice.")
        name = name or free_name(kind, (*taken, *(other for _, other in given)))
        checked.append(NamedShape(_check_points(title, points, kind), name))
    return tuple(checked)


def _points_and_name(title: str, shape: object, kind: str) -> tuple[object, str]:
    if isinstance(shape, NamedShape):
        shape = {"points": shape.points, "name": shape.name}
    if not isinstance(shape, Mapping) or "points" not in shape or set(shape) - {"points", "name"}:
        raise ParamsError(f"{title} expects {kind} with points and a name, found {shape!r:.60}.")
    name = shape.get("name", "")
    if not isinstance(name, str) or "/" in name or not name.isprintable() or len(name.strip()) > LONGEST_NAME:
        raise ParamsError(
            f"{title} expects names of up to {LONGEST_NAME} characters on one line without '/', found {name!r:.40}."
        )
    return shape["points"], name.strip()


def _check_points(title: str, value: object, kind: str) -> Polygon:
    points = _sequence(value)
    _, least, most = NAMED[kind]
    if points is None or not least <= len(points) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most:,}"
        found = f"{value!r:.40}" if points is None else f"{len(points):,}"
        raise ParamsError(f"{title} expects {kind} of {wanted} points, found {found}.")
    checked = tuple(check_point(title, point) for point in points)
    if len(set(checked)) < least:
        raise ParamsError(f"{title} expects {kind} of {least} different points, found {checked!r:.60}.")
    return checked
