"""Values of a parsed file that is not trusted: each as its type, or None."""

from __future__ import annotations

import codecs
import functools
import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cvstudio.data.geometry import Size
from cvstudio.data.run_lengths import MAX_PIXELS
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.shapes import Point, Polygon
from cvstudio.media.file_identity import damaged, decoding, quoted

PEEKED = 1 << 16
"""Bytes at either end of a file by which its format is told."""

_PLAIN = frozenset((int, float))

MAX_YAML = 1 << 20
"""Bytes of a YAML file at most: reading it takes long."""


def number(value: object) -> float | None:
    """`value` as a finite float, also from a text."""
    if type(value) is not float and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        return None
    try:
        converted = float(value)
    except (ValueError, OverflowError):
        return None
    return converted if math.isfinite(converted) else None


def integer(value: object) -> int | None:
    """`value` as an int where it is a whole number of 64 bits, also from a text."""
    if type(value) is int:  # no bool
        whole = value
    else:
        converted = number(value)
        if converted is None or not converted.is_integer():
            return None
        whole = int(converted)
    return whole if -(1 << 63) <= whole < 1 << 63 else None


def stated_size(width: object, height: object) -> Size | None:
    """The size of a picture as a file states it; None where it is none, or of more than `MAX_PIXELS`."""
    sides = number(width), number(height)
    if sides[0] is None or sides[1] is None or min(sides[0], sides[1]) < 1 or sides[0] * sides[1] > MAX_PIXELS:
        return None
    return Size(int(sides[0]), int(sides[1]))


def identity(value: object) -> int | str | None:
    """`value` as it identifies something: a whole number, also from a text, or another text that is not empty."""
    if isinstance(value, str) and not value.strip().isdecimal():
        return value or None
    return integer(value)


def text(value: object) -> str:
    """`value` where it is a text or a number; else an empty text."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def items(value: object) -> Sequence[object]:
    """`value` where it is a list; else an empty one."""
    return value if isinstance(value, list) else ()


def mappings(value: object) -> list[Mapping[str, object]]:
    """The objects in `value`, where it is a list; what else is in it is left out."""
    return [item for item in items(value) if isinstance(item, dict)]


def mapping(value: object) -> Mapping[str, object]:
    """`value` where it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}


def numbers(value: object) -> list[float] | None:
    """`value` as finite floats; None where it is no list, or one of them is none."""
    if not isinstance(value, list):
        return None
    if _PLAIN.issuperset(map(type, value)):  # at once, as outlines hold millions
        try:
            plain = list(map(float, value))
        except OverflowError:
            return None
        # A sum is finite only where all are, but for those that are too large together.
        return plain if math.isfinite(sum(plain)) or all(map(math.isfinite, plain)) else None
    converted = [number(item) for item in value]
    finite = [item for item in converted if item is not None]
    return finite if len(finite) == len(converted) else None


def flat_polygon(value: object) -> Polygon | None:
    """A polygon from x1, y1, x2, y2, …; None where it is none."""
    values = numbers(value)
    if values is None or len(values) % 2:
        return None
    return tuple(zip(values[::2], values[1::2], strict=True))


def point(value: object) -> Point | None:
    """x, y from a list of two numbers."""
    values = numbers(value)
    return (values[0], values[1]) if values is not None and len(values) == 2 else None


def read_json(path: Path) -> object:
    """The content of a JSON file. Raises MediaError."""
    with decoding(path):
        content = as_utf8(path.read_bytes())
        try:
            parsed: object = json.loads(content)
        except RecursionError:
            raise damaged(path) from None
        except UnicodeDecodeError:
            raise MediaError(f"{quoted(path)} is not in UTF-8; save it again in UTF-8, with a text editor.") from None
        except ValueError as error:
            where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise MediaError(f"{quoted(path)} is no valid JSON{where}; get a fresh copy of it.") from None
    return parsed


@functools.cache
def _yaml_loader() -> Any:
    """A loader that leaves plain values as they are written: YAML 1.1 takes a class that is called "no" or "on" for a
    truth value, and "007" for 7."""
    import yaml

    kept = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
    resolvers = {
        first: [entry for entry in entries if entry[0] in kept]
        for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    return type("AsWritten", (yaml.SafeLoader,), {"yaml_implicit_resolvers": resolvers})


def read_yaml(path: Path) -> object:
    """The content of a YAML file of plain values: texts, which `number` and `integer` take, too. Raises MediaError."""
    import yaml

    with decoding(path):
        content = path.read_bytes()
    if len(content) > MAX_YAML:
        raise MediaError(f"{quoted(path)} is too long for a list of classes; choose another file.")
    try:
        parsed: object = yaml.load(content, _yaml_loader())
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError):
        # Its constructors trust what a tag such as "!!int" says of a value.
        raise MediaError(f"{quoted(path)} is no valid YAML; get a fresh copy of it.") from None
    return parsed


def as_utf8(content: bytes) -> bytes:
    """A text in UTF-8 without the byte order mark that programs of Windows begin it with, also from UTF-16."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(codecs.BOM_UTF8)


def ends_of(path: Path) -> bytes:
    """Both ends of a text file, `PEEKED` bytes each, see `as_utf8`; empty where it is none or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(PEEKED)
            size = os.fstat(file.fileno()).st_size
            file.seek(max(PEEKED, size - PEEKED))
            return as_utf8(head + file.read(PEEKED))
    except OSError:
        return b""
