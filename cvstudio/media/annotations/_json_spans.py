"""Large JSON files, read element by element.

Other threads get their turn in between, which `json.loads` does not give them, and what a file of labels lists by the
hundred thousand is kept as text and parsed again when it is asked for: a third of the memory, in the same time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations._values import as_utf8
from cvstudio.media.file_identity import damaged, decoding, quoted

_SPACE = re.compile(r"[ \t\n\r]*")
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

    def members(self) -> Iterator[tuple[str, object, Span | None]]:
        """Key, value and None of each value of the object; of a list that is not empty, key, value and span of each of
        its elements. Raises MediaError."""
        try:
            yield from self._members()
        except RecursionError:
            raise damaged(self._path) from None
        except ValueError as error:
            where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
            raise MediaError(f"{quoted(self._path)} is no valid JSON{where}; get a fresh copy of it.") from None

    def parsed(self, span: Span) -> object:
        """The element at `span`."""
        value: object = _DECODER.raw_decode(self._text, span[0])[0]
        return value

    def _members(self) -> Iterator[tuple[str, object, Span | None]]:
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
                while not self._is("]", position):
                    value, end = _DECODER.raw_decode(self._text, position)
                    yield key, value, (position, end)
                    position = self._skipped(end)
                    if not self._is("]", position):
                        position = self._after(",", position)
                        if self._is("]", position):
                            raise json.JSONDecodeError("an element is expected", self._text, position)
                position += 1
            else:
                value, position = _DECODER.raw_decode(self._text, position)
                yield key, value, None
            position = self._skipped(position)
            if self._is("}", position):
                return
            position = self._after(",", position)

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
