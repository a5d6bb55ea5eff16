"""Origin of a result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Origin of a result: the id of its medium and, for video, the presentation time in seconds."""

    media_id: str = ""
    pts: float | None = None
