"""Base class of resources that close at the end of a `with` block."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closeable:
    """A context manager that calls its own `close` when the `with` block ends."""

    def close(self) -> None:
        """Release files, memory and threads; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
