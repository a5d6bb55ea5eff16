"""Parameters as text: what a command line says, and what stands in a field on one line.

====================  =============================================================================================
interval, point       ``LOW,HIGH`` and ``X,Y``
box                   ``LEFT,TOP,RIGHT,BOTTOM``
polygon               ``X,Y;X,Y;X,Y``
strokes               strokes parted by ``/``, each ``[LABEL:]X,Y;X,Y[@WIDTH]``
lines, zones          parted by ``/``, each ``[NAME:]X,Y;X,Y``, of zones with a point for each corner
list, choices         ``A,B,C``; what holds a comma stands in double quotes
====================  =============================================================================================
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Field, Kind, check_value, fields_of
from cvstudio.foundation.shapes import STROKE_WIDTH, NamedShape, Point, Polygon, Stroke

if TYPE_CHECKING:
    import argparse

SHAPES: Mapping[Kind, str] = {
    "bool": "true|false",
    "interval": "LOW,HIGH",
    "choices": "A,B,…",
    "folder": "FOLDER",
    "text": "TEXT",
    "colour": "RRGGBB",
    "point": "X,Y",
    "box": "LEFT,TOP,RIGHT,BOTTOM",
    "polygon": "X,Y;X,Y;X,Y…",
    "strokes": "[LABEL:]X,Y;X,Y…[@WIDTH]/…",
    "lines": "[NAME:]X,Y;X,Y/…",
    "zones": "[NAME:]X,Y;X,Y;X,Y…/…",
    "list": "A,B,…",
}
"""What the help shows in the place of a value; of the other kinds, the name of the parameter."""


ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,"\s][^,]*)?)\s*(?:,|$)')
"""One entry of a list, in double quotes or not, with the comma behind it."""
DRAWN_OR_LISTED: frozenset[Kind] = frozenset(("box", "polygon", "strokes", "lines", "zones", "list"))


def _floats(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _points(text: str) -> tuple[tuple[float, ...], ...]:
    return tuple(_floats(point) for point in text.strip(" ;").split(";"))


def _strokes(text: str) -> tuple[dict[str, Any], ...]:
    strokes = []
    # Digits have no colon, so that a label may hold anything else but "/".
    for part in text.split("/") if text.strip() else ():
        label, _, line = part.rpartition(":")
        points, at, width = line.partition("@")
        strokes.append(
            {"points": _points(points), "width": float(width) if at else STROKE_WIDTH, "label": label.strip()}
        )
    return tuple(strokes)


def _named(text: str) -> tuple[dict[str, Any], ...]:
    parts = (part.rpartition(":") for part in (text.split("/") if text.strip() else ()))
    return tuple({"points": _points(points), "name": name} for name, _, points in parts)


def split_items(text: str) -> tuple[str, ...]:
    """The texts of a list; what holds a comma stands in double quotes, in which two stand for one.

    Raises
    ------
    ValueError
        A quote is not closed.
    """
    items = []
    start = 0
    while start < len(text):
        found = ITEM.match(text, start)
        if found is None:
            raise ValueError(text)
        quoted, plain = found.groups()
        items.append((plain or "") if quoted is None else quoted.replace('""', '"'))
        start = found.end()
    return tuple(item.strip() for item in items if item.strip())


def join_items(items: Sequence[object]) -> str:
    """The inverse of `split_items`."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([_short(item) for item in items])
    return written.getvalue()


def _short(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _list(field: Field, text: str) -> tuple[Any, ...]:
    items = split_items(text)
    return items if field.element == "text" else tuple(_number(item) for item in items)


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


READERS: Mapping[Kind, Callable[[str], Any]] = {
    "int": int,
    "float": float,
    "interval": _floats,
    "point": _floats,
    "box": _floats,
    "polygon": _points,
    "strokes": _strokes,
    "lines": _named,
    "zones": _named,
}


def parse_text(field: Field, text: str) -> Any:
    """Read a command line value. Raises ParamsError."""
    if field.optional and text == "none":
        return None
    try:
        if field.kind == "bool":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if field.kind == "list":
            return check_value(field, _list(field, text))
        if field.kind in READERS:
            return check_value(field, READERS[field.kind](text))
    except (ValueError, KeyError) as error:
        if isinstance(error, ParamsError):
            raise
        expected = _shape(field, "a number").replace("true|false", "true or false")
        raise ParamsError(f"{field.flag} expects {expected}, found '{text:.60}'.") from None
    if field.kind == "choices":
        return check_value(field, tuple(part.strip() for part in text.split(",") if part.strip()))
    if field.kind == "folder" and text:
        # A recipe has to lead there from every folder.
        return os.path.abspath(os.path.expanduser(text))
    return check_value(field, text)


def text_of(value: Any) -> str:
    """A checked value as `parse_text` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, tuple):
        return _short(value)
    if value and isinstance(value[0], Stroke):
        return "/".join(map(_stroke_text, value))
    if value and isinstance(value[0], NamedShape):
        return "/".join(f"{shape.name}:{_points_text(shape.points)}" for shape in value)
    return _points_text(value) if value and isinstance(value[0], tuple) else join_items(value)


def _points_text(points: Polygon) -> str:
    return ";".join(map(_point_text, points))


def _point_text(point: Point) -> str:
    return f"{point[0]:.12g},{point[1]:.12g}"


def _stroke_text(stroke: Stroke) -> str:
    label = f"{stroke.label}:" if stroke.label else ""
    width = "" if stroke.width == STROKE_WIDTH else f"@{stroke.width:.12g}"
    return f"{label}{_points_text(stroke.points)}{width}"


def _shape(field: Field, otherwise: str) -> str:
    if field.kind == "strokes" and field.pick is not None and not field.pick.labels:
        return SHAPES["strokes"].removeprefix("[LABEL:]")
    if field.kind == "list" and field.element != "text":
        return "NUMBER,NUMBER,…"
    return SHAPES.get(field.kind, otherwise)


def add_arguments(parser: argparse._ActionsContainer, params_type: type[Any], *, prefix: str = "") -> None:
    """Add one flag for each parameter to a command line parser; values stay text until `parse_text`.

    With `prefix` the flags are ``--PREFIX-NAME`` and the values lie under "PREFIX.NAME".
    """
    for field in fields_of(params_type):
        shape = _shape(field, field.name.upper())
        if field.choices and field.choices.options and field.kind == "choice":
            shape = "|".join(field.choices.options)
        bounds = field.range
        span = f" {bounds.low:g}..{bounds.high:g}{bounds.unit and ' ' + bounds.unit}." if bounds else ""
        labels = f" Labels: {', '.join(field.pick.labels)}." if field.pick and field.pick.labels else ""
        default = text_of(field.default) if field.kind in DRAWN_OR_LISTED and field.default else field.default
        help_text = f"{field.doc.what}{span}{labels} Default: {default}.".replace("%", "%%")
        flag = f"--{prefix}-{field.flag.removeprefix('--')}" if prefix else field.flag
        dest = f"{prefix}.{field.name}" if prefix else field.name
        parser.add_argument(flag, dest=dest, metavar=shape, help=help_text)
