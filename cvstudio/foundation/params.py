"""Parameters, each declared once as an annotated field of a frozen dataclass.

Control in the window, tool on the canvas, command line flag, validation of values from files and tooltip are all
derived from the declaration::

    @dataclass(frozen=True)
    class Select:
        score: Annotated[float, Range(0, 1, step=0.01), Doc("Score", "Hides what scores less.", "Try 0.3.")] = 0.5
"""

from __future__ import annotations

import dataclasses
import math
import re
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, cast

from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.shapes import (
    Box,
    NamedShape,
    Point,
    Polygon,
    Stroke,
    check_box,
    check_named,
    check_polygon,
    check_strokes,
)

P = TypeVar("P")
MOST_LISTED = 100
Kind = Literal[
    "bool",
    "int",
    "float",
    "choice",
    "choices",
    "interval",
    "point",
    "folder",
    "text",
    "colour",
    "box",
    "polygon",
    "strokes",
    "lines",
    "zones",
    "list",
]
Shape = Literal["point", "box", "polygon", "strokes", "lines", "zones"]
Element = Literal["text", "int", "float"]


@dataclass(frozen=True)
class Range:
    """Allowed values of a number, or of both ends of an interval: `low`..`high`, inclusive.

    `from_model` names an entry of `ModelSpec.ranges` that replaces these bounds for that model;
    `from_input` names the slot whose sample provides them (the extent of a depth map).
    """

    low: float
    high: float
    step: float = 0.01
    unit: str = ""
    from_model: str = ""
    from_input: str = ""


@dataclass(frozen=True)
class Choices:
    """Allowed values of a text: `options`, or options of the model. `from_model` names them: "labels", or an entry of
    `ModelSpec.options`.

    `titles` are the names of the options in the window, in the same order; by default the options themselves. Where
    `empty` is given, the empty text is allowed, too, and `empty` is its title.
    """

    options: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    from_model: str = ""
    empty: str = ""


@dataclass(frozen=True)
class Pick:
    """A position or shape in the picture, in image pixels; it has a tool on the canvas.

    `slot` is the one whose picture it lies on, that of the canvas where empty. Of strokes, `labels` are what may be
    marked with them, the first without a word; empty where all mark the same.
    """

    shape: Shape = "point"
    slot: str = ""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Folder:
    """A folder of the user, by its path; `empty` is the title of the empty text."""

    empty: str = ""


@dataclass(frozen=True)
class Text:
    """Any text of up to `longest` characters, on one line or on several; `example` stands in the field while it is
    empty."""

    several_lines: bool = False
    longest: int = 2_000
    example: str = ""


@dataclass(frozen=True)
class Colour:
    """A colour as "#rrggbb"."""


@dataclass(frozen=True)
class Items:
    """A list of up to `most` texts or numbers in the user's order; a `Range` holds for each number. `example` stands in
    the field while it is empty."""

    most: int = 100
    example: str = ""


@dataclass(frozen=True)
class Doc:
    """Documentation of a parameter: title, effect (`what`) and a suggestion (`hint`). `more` folds it away.

    `later` is one that files of earlier versions lack: its default does what they did, will not change, and is not
    written, so that a batch that was begun with such a version goes on.
    """

    title: str
    what: str = ""
    hint: str = ""
    more: bool = False
    later: bool = False


@dataclass(frozen=True)
class Field:
    """A declared parameter, from the annotations of its class."""

    name: str
    kind: Kind
    default: Any
    doc: Doc
    range: Range | None = None
    choices: Choices | None = None
    pick: Pick | None = None
    optional: bool = False
    folder: Folder | None = None
    text: Text | None = None
    items: Items | None = None
    element: Element = "text"

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


SHAPES: Mapping[Shape, object] = {
    "point": Point,
    "box": Box,
    "polygon": Polygon,
    "strokes": tuple[Stroke, ...],
    "lines": tuple[NamedShape, ...],
    "zones": tuple[NamedShape, ...],
}
ELEMENTS: Mapping[object, Element] = {tuple[str, ...]: "text", tuple[int, ...]: "int", tuple[float, ...]: "float"}


def _kind(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Kind, Element, bool]:
    """Kind, kind of the elements of a list, and whether None is allowed."""
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [item for item in typing.get_args(annotation) if item is not type(None)]
        annotation, optional = rest[0], True
    marks = {type(item): item for item in metadata}
    pick = marks.get(Pick)
    if pick is not None and annotation == SHAPES[pick.shape]:
        return pick.shape, "text", optional
    if Items in marks and annotation in ELEMENTS:
        return "list", ELEMENTS[annotation], optional
    special = marks.keys() & {Pick, Items, Folder, Text, Colour}
    kinds: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "choice"}
    kinds |= {tuple[float, float]: "interval", tuple[str, ...]: "choices"}
    texts: dict[type, Kind] = {Folder: "folder", Text: "text", Colour: "colour"}
    if annotation is str and len(special) == 1 and special <= texts.keys():
        return texts[special.pop()], "text", optional
    if annotation not in kinds or special:
        raise TypeError(f"a parameter declared with {metadata} cannot be of type {annotation}")
    return kinds[annotation], "text", optional


def fields_of(params_type: type[Any]) -> tuple[Field, ...]:
    """Declared parameters of a frozen dataclass, in order.

    Raises
    ------
    TypeError
        A field has no `Doc`, or a type without a control.
    """
    return _fields_of(cast(Hashable, params_type))


@cache
def _fields_of(declared: Hashable) -> tuple[Field, ...]:
    params_type = cast(type[Any], declared)
    hints = typing.get_type_hints(params_type, include_extras=True)
    found = []
    for item in dataclasses.fields(params_type):
        hint = hints[item.name]
        if typing.get_origin(hint) is not typing.Annotated:
            raise TypeError(f"{params_type.__name__}.{item.name} has no Annotated declaration")
        base, *rest = typing.get_args(hint)
        metadata = tuple(rest)
        by_type = {type(entry): entry for entry in metadata}
        if Doc not in by_type:
            raise TypeError(f"{params_type.__name__}.{item.name} has no Doc")
        kind, element, optional = _kind(base, metadata)
        found.append(
            Field(
                item.name,
                kind,
                item.default,
                by_type[Doc],
                by_type.get(Range),
                by_type.get(Choices),
                by_type.get(Pick),
                optional,
                by_type.get(Folder),
                by_type.get(Text),
                by_type.get(Items),
                element,
            )
        )
    return tuple(found)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _number(field: Field, value: Any, bounds: Range | None, *, whole: bool = False) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise ParamsError(f"{field.doc.title} expects a number, found {value!r:.40}.")
    if bounds and not bounds.low <= value <= bounds.high:
        unit = f" {bounds.unit}" if bounds.unit else ""
        raise ParamsError(f"{field.doc.title} expects {bounds.low:g} to {bounds.high:g}{unit}, found {value:g}.")
    if whole and isinstance(value, float) and not value.is_integer():
        raise ParamsError(f"{field.doc.title} expects a whole number, found {value:g}.")
    return int(value) if whole else float(value)


def _text(field: Field, value: object) -> str:
    rule = field.text or Text()
    if not isinstance(value, str):
        raise ParamsError(f"{field.doc.title} expects text, found {value!r:.40}.")
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes of a command line that are no UTF-8; no file could hold them
        raise ParamsError(f"{field.doc.title} expects text in UTF-8, found {value!r:.40}.") from None
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if "\n" in value and not rule.several_lines:
        raise ParamsError(f"{field.doc.title} expects text on one line, found {value.count(chr(10)) + 1} lines.")
    if len(value) > rule.longest:
        raise ParamsError(f"{field.doc.title} expects at most {rule.longest:,} characters, found {len(value):,}.")
    return value


def _colour(field: Field, value: object) -> str:
    """Short and long forms, with or without "#", which a command line takes for a comment."""
    found = re.fullmatch(r"#?([0-9a-f]{3}|[0-9a-f]{6})", value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ParamsError(f"{field.doc.title} expects a colour such as #ff8800, found {value!r:.40}.")
    digits = found[1]
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def _list(field: Field, value: Any, bounds: Range | None) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ParamsError(f"{field.doc.title} expects a list, found {value!r:.40}.")
    most = (field.items or Items()).most
    if len(value) > most:
        raise ParamsError(f"{field.doc.title} expects at most {most:,} entries, found {len(value):,}.")
    if field.element == "text":
        items = tuple(_text(field, item).strip() for item in value)
        if not all(items):
            raise ParamsError(f"{field.doc.title} expects entries with text, found an empty one.")
        return items
    return tuple(_number(field, item, bounds, whole=field.element == "int") for item in value)


def listed(options: Sequence[str], wanted: Any) -> str:
    """`options` for a message; of very many those that are most like `wanted`."""
    if len(options) <= MOST_LISTED:
        return ", ".join(options)
    import difflib

    near = difflib.get_close_matches(str(wanted), options, n=5, cutoff=0.4) or options[:3]
    return f"{', '.join(near)} … ({len(options)} in all)"


def check_value(field: Field, value: Any, bounds: Range | None = None, options: tuple[str, ...] = ()) -> Any:
    """Return `value` in its canonical type, or raise ParamsError with one sentence.

    `bounds` and `options` replace the declared ones where a model or an input gives them.
    """
    bounds = bounds or (field.range if field.range and not field.range.from_input else None)
    options = options or (field.choices.options if field.choices else ())
    if value is None and field.optional:
        return None
    if field.kind in ("int", "float"):
        return _number(field, value, bounds, whole=field.kind == "int")
    if field.kind == "text":
        return _text(field, value)
    if field.kind == "colour":
        return _colour(field, value)
    if field.kind == "box":
        return check_box(field.doc.title, value)
    if field.kind == "polygon":
        return check_polygon(field.doc.title, value)
    if field.kind == "strokes":
        return check_strokes(field.doc.title, value, field.pick.labels if field.pick else ())
    if field.kind in ("lines", "zones"):
        return check_named(field.doc.title, value, field.kind)
    if field.kind == "list":
        return _list(field, value, bounds)
    if field.kind == "bool":
        if not isinstance(value, bool):
            raise ParamsError(f"{field.doc.title} expects true or false, found {value!r}.")
        return value
    if field.kind == "folder":
        if not isinstance(value, str):
            raise ParamsError(f"{field.doc.title} expects the path of a folder, found {value!r}.")
        return value
    if field.kind == "choice":
        if value == "" and field.choices is not None and field.choices.empty:
            return value
        if not isinstance(value, str) or (options and value not in options):
            raise ParamsError(f"{field.doc.title} expects one of {listed(options, value)}, found {value!r}.")
        return value
    if not isinstance(value, list | tuple | set | frozenset):
        raise ParamsError(f"{field.doc.title} expects a list, found {value!r}.")
    if field.kind == "choices":
        unknown = [item for item in value if not isinstance(item, str) or (options and item not in options)]
        if unknown:
            raise ParamsError(f"{field.doc.title} has no {unknown[0]!r}; there are: {listed(options, unknown[0])}.")
        return tuple(sorted(set(value)))
    pair = tuple(value)
    if len(pair) != 2:
        raise ParamsError(f"{field.doc.title} expects two numbers, found {len(pair)}.")
    low, high = (_number(field, item, bounds) for item in pair)
    if field.kind == "interval" and low > high:
        raise ParamsError(f"{field.doc.title} expects the smaller value first, found {low:g}, {high:g}.")
    return (float(low), float(high))


def checked(params: P) -> P:
    """Return `params` with every value checked and canonical. Raises ParamsError."""
    return from_mapping(type(params), to_mapping(params))


def values_of(params: Any) -> dict[str, Any]:
    """The values of `params` by name, as they are."""
    return {field.name: getattr(params, field.name) for field in fields_of(type(params))}


def to_mapping(params: Any) -> dict[str, Any]:
    """`params` as JSON-ready values by name."""
    return {name: _plain(value) for name, value in values_of(params).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Stroke):
        return {"points": _plain(value.points), "width": value.width, "label": value.label}
    if isinstance(value, NamedShape):
        return {"points": _plain(value.points), "name": value.name}
    return value


def from_mapping(params_type: type[P], values: Mapping[str, Any]) -> P:
    """Build parameters from values by name; missing ones take their default.

    Raises
    ------
    ParamsError
        A name is not declared or a value is not allowed.
    """
    fields = {field.name: field for field in fields_of(params_type)}
    for name in values:
        if name not in fields:
            raise ParamsError(f"There is no parameter '{name}'; there are: {', '.join(fields) or 'none'}.")
    return params_type(**{name: check_value(fields[name], value) for name, value in values.items()})


@dataclass(frozen=True)
class NoParams:
    """Parameters of a stage without parameters."""
