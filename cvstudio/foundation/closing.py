"""What holds files or memory is its own context manager."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closeable:
    """Leaving the `with` block closes."""

    def close(self) -> None:
        """Free what is held; closing twice is allowed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
