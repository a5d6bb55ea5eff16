"""Objects that stages share between runs beside their cached outputs, such as open galleries."""

from __future__ import annotations

import threading
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Services:
    """Objects that stages share, one of each type, created on first access.

    A runner or a window owns them, so that two windows share nothing. Thread-safe; the objects must be so, too.
    """

    def __init__(self) -> None:
        self._objects: dict[type[Any], Any] = {}
        self._lock = threading.Lock()

    def get(self, kind: type[T]) -> T:
        """The shared object of type `kind`, created without arguments."""
        with self._lock:
            if kind not in self._objects:
                self._objects[kind] = kind()
            return cast(T, self._objects[kind])
