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
import os
import types
import typing
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from cvstudio.foundation.errors import ParamsError

if TYPE_CHECKING:
    import argparse

P = TypeVar("P")
MOST_LISTED = 100
Kind = Literal["bool", "int", "float", "choice", "choices", "interval", "point", "folder"]


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
    """A position in the picture, in image pixels; it has a tool on the canvas."""

    shape: Literal["point"] = "point"
    slot: str = ""


@dataclass(frozen=True)
class Folder:
    """A folder of the user, by its path; `empty` is the title of the empty text."""

    empty: str = ""


@dataclass(frozen=True)
class Doc:
    """Documentation of a parameter: title, effect (`what`) and a suggestion (`hint`). `more` folds it away."""

    title: str
    what: str = ""
    hint: str = ""
    more: bool = False


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

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


def _kind(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Kind, bool]:
    optional = False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        rest = [item for item in typing.get_args(annotation) if item is not type(None)]
        annotation, optional = rest[0], True
    if any(isinstance(item, Pick) for item in metadata):
        return "point", optional
    if any(isinstance(item, Folder) for item in metadata):
        return "folder", optional
    simple: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "choice"}
    if annotation in simple:
        return simple[annotation], optional
    if annotation == tuple[float, float]:
        return "interval", optional
    if annotation == tuple[str, ...]:
        return "choices", optional
    raise TypeError(f"a parameter cannot be of type {annotation}")


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
        kind, optional = _kind(base, metadata)
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
            )
        )
    return tuple(found)


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def _number(field: Field, value: Any, bounds: Range | None) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not _finite(value):
        raise ParamsError(f"{field.doc.title} expects a number, found {value!r:.40}.")
    if bounds and not bounds.low <= value <= bounds.high:
        unit = f" {bounds.unit}" if bounds.unit else ""
        raise ParamsError(f"{field.doc.title} expects {bounds.low:g} to {bounds.high:g}{unit}, found {value:g}.")
    return int(value) if field.kind == "int" else float(value)


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
        if field.kind == "int" and isinstance(value, float) and not value.is_integer():
            raise ParamsError(f"{field.doc.title} expects a whole number, found {value:g}.")
        return _number(field, value, bounds)
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


def to_mapping(params: Any) -> dict[str, Any]:
    """`params` as JSON-ready values by name."""
    values = {field.name: getattr(params, field.name) for field in fields_of(type(params))}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


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


def parse_text(field: Field, text: str) -> Any:
    """Read a command line value. Raises ParamsError."""
    try:
        if field.optional and text == "none":
            return None
        if field.kind == "int":
            return check_value(field, int(text))
        if field.kind == "float":
            return check_value(field, float(text))
        if field.kind == "bool":
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if field.kind in ("interval", "point"):
            return check_value(field, tuple(float(part) for part in text.split(",")))
    except (ValueError, KeyError) as error:
        if isinstance(error, ParamsError):
            raise
        expected = {"bool": "true or false", "interval": "LOW,HIGH", "point": "X,Y"}.get(field.kind, "a number")
        raise ParamsError(f"{field.flag} expects {expected}, found '{text}'.") from None
    if field.kind == "choices":
        return check_value(field, tuple(part.strip() for part in text.split(",") if part.strip()))
    if field.kind == "folder" and text:
        # A recipe has to lead there from every folder.
        return os.path.abspath(os.path.expanduser(text))
    return check_value(field, text)


def add_arguments(parser: argparse._ActionsContainer, params_type: type[Any], *, prefix: str = "") -> None:
    """Add one flag for each parameter to a command line parser; values stay text until `parse_text`.

    With `prefix` the flags are ``--PREFIX-NAME`` and the values lie under "PREFIX.NAME".
    """
    for field in fields_of(params_type):
        shapes = {"interval": "LOW,HIGH", "point": "X,Y", "choices": "A,B,…", "bool": "true|false", "folder": "FOLDER"}
        shape = shapes.get(field.kind)
        if field.choices and field.choices.options and field.kind == "choice":
            shape = "|".join(field.choices.options)
        bounds = field.range
        span = f" {bounds.low:g}..{bounds.high:g}{bounds.unit and ' ' + bounds.unit}." if bounds else ""
        help_text = f"{field.doc.what}{span} Default: {field.default}.".replace("%", "%%")
        flag = f"--{prefix}-{field.flag.removeprefix('--')}" if prefix else field.flag
        dest = f"{prefix}.{field.name}" if prefix else field.name
        parser.add_argument(flag, dest=dest, metavar=shape or field.name.upper(), help=help_text)


@dataclass(frozen=True)
class NoParams:
    """Parameters of a stage without parameters."""
