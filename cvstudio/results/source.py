"""Where a result came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where a result came from: a medium and, for video, the presentation time in seconds."""

    media_id: str = ""
    pts: float | None = None
