"""What stages keep from one run to the next beside their outputs, such as open galleries."""

from __future__ import annotations

import threading
from typing import Any, TypeVar, cast

T = TypeVar("T")


class Services:
    """Objects that stages share, one of each type, made when it is first asked for.

    A runner or a window owns them, so that two windows share nothing. Any thread may ask; the objects themselves have
    to be safe, too.
    """

    def __init__(self) -> None:
        self._made: dict[type[Any], Any] = {}
        self._making = threading.Lock()

    def get(self, kind: type[T]) -> T:
        """The object of type `kind`, which is made without arguments."""
        with self._making:
            if kind not in self._made:
                self._made[kind] = kind()
            return cast(T, self._made[kind])
