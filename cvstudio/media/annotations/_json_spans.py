"""Large JSON files, read element by element.

Other threads get their turn in between, which `json.loads` does not give them, and what a file of labels lists by the
hundred thousand is kept as text and parsed when it is asked for: a third of the memory, in a third of the time.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations._values import as_utf8
from cvstudio.media.file_identity import damaged, decoding, quoted

_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(rf"{_SPACE.pattern}(,?){_SPACE.pattern}")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = re.compile(rf"\{{(?:[^{{}}\"]++|{_STRING})*+\}}", re.DOTALL)
"""An object with no object in it, whatever is between its braces."""
_DECODER = json.JSONDecoder()
Span = tuple[int, int]
"""Where an element begins and ends in the text."""


class JsonObject:
    """The text of a JSON file that holds an object.

    Parameters
    ----------
    path : the file

    Raises
    ------
    MediaError
        It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with decoding(path):
            self._text = as_utf8(path.read_bytes()).decode("utf-8", "surrogateescape")

    def members(self, only: Mapping[str, str] | None = None) -> Iterator[tuple[str, object, Span | None]]:
        """Key, value and None of each value of the object; of a list that is not empty, key, value and span of each of
        its elements.

        Parameters
        ----------
        only : by the key of a list, the key that is wanted of its elements: objects come with that alone, most of
            their text is passed over, and what is wrong in it shows in `parsed`

        Raises
        ------
        MediaError
        """
        try:
            yield from self._members(only or {})
        except RecursionError:
            raise damaged(self._path) from None
        except ValueError as error:
            where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise MediaError(f"{quoted(self._path)} is no valid JSON{where}; get a fresh copy of it.") from None

    def parsed(self, span: Span) -> object:
        """The element at `span`. Raises ValueError where it is no JSON."""
        try:
            value, end = _DECODER.raw_decode(self._text, span[0])
        except RecursionError:
            raise ValueError("lists in lists too deep") from None
        if end != span[1]:
            raise json.JSONDecodeError("an end is expected", self._text, end)
        element: object = value
        return element

    def _members(self, only: Mapping[str, str]) -> Iterator[tuple[str, object, Span | None]]:
        position = self._after("{", self._skipped(0))
        if self._is("}", position):
            return
        while True:
            key, position = _DECODER.raw_decode(self._text, position)
            if not isinstance(key, str):
                raise json.JSONDecodeError("a key is expected", self._text, position)
            position = self._after(":", self._skipped(position))
            if self._is("[", position):
                position = self._skipped(position + 1)
                if self._is("]", position):
                    yield key, [], None
                read = self._reader_of(only[key]) if key in only else functools.partial(_DECODER.raw_decode, self._text)
                comma = True
                while not self._is("]", position):
                    if not comma:
                        raise json.JSONDecodeError(", is expected", self._text, position)
                    value, end = read(position)
                    yield key, value, (position, end)
                    between = _COMMA.match(self._text, end)
                    position, comma = (between.end(), bool(between[1])) if between is not None else (end, False)
                    if comma and self._is("]", position):
                        raise json.JSONDecodeError("an element is expected", self._text, position)
                position += 1
            else:
                value, position = _DECODER.raw_decode(self._text, position)
                yield key, value, None
            position = self._skipped(position)
            if self._is("}", position):
                return
            position = self._after(",", position)

    def _reader_of(self, key: str) -> Callable[[int], tuple[object, int]]:
        """Callable (position) -> the element that begins there, an object with `key` alone, and where it ends."""
        name = json.dumps(key)
        value = rf"(-?(?:0|[1-9][0-9]*)|{_STRING})(?={_SPACE.pattern}[,}}])"
        pattern = re.compile(rf"{re.escape(name)}{_SPACE.pattern}:{_SPACE.pattern}{value}", re.DOTALL)

        def read(position: int) -> tuple[object, int]:
            flat = _FLAT.match(self._text, position)
            if flat is not None:
                end = flat.end()
                found = pattern.search(self._text, position, end)
                # Of several the last one would count.
                if found is not None and self._text.find(name, found.end(), end) < 0:
                    return {key: (json.loads if found[1].startswith('"') else int)(found[1])}, end
            element, end = _DECODER.raw_decode(self._text, position)
            return {key: element.get(key)} if isinstance(element, dict) else element, end

        return read

    def _is(self, character: str, position: int) -> bool:
        return self._text.startswith(character, position)

    def _skipped(self, position: int) -> int:
        """Position behind blanks."""
        found = _SPACE.match(self._text, position)
        return found.end() if found is not None else position

    def _after(self, character: str, position: int) -> int:
        """Position behind `character`, which is expected at `position`, and blanks."""
        if not self._is(character, position):
            raise json.JSONDecodeError(f"{character} is expected", self._text, position)
        return self._skipped(position + 1)
