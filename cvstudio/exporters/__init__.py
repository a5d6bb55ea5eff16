"""Export formats: one file for each, registered by its declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvstudio.exporters.base import (
    Accepts,
    Combined,
    Exporter,
    ExportItem,
    Moment,
    Piece,
    drawable,
    export,
    of,
    on_a_picture,
    recipe_path,
    tabular,
)
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.registry import Registry

ALIASES = {".jpeg": ".jpg", ".m4v": ".mp4"}
"""Alternative suffixes of formats."""

EXPORTERS: Registry[Exporter] = Registry("format", __name__)


def exporters_for(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """Formats for one result of this type or, with `video`, for all frames of a video; the preferred ones first."""
    accepting = [
        item for item in EXPORTERS if item.accepts(result_type) and (item.takes_video if video else not item.video)
    ]
    return sorted(accepting, key=lambda item: (item.video != video, not item.preferred, item.title))


def default_exporters(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """Formats that are written by default, where none is selected."""
    return [item for item in exporters_for(result_type, video=video) if item.preferred]


def exporter_for_suffix(name: str, result_type: type[Any], *, video: bool = False) -> Exporter:
    """The format with the longest suffix that the file name ends with, or is without the dot, as "counts.csv".

    Raises ExportError where there is none.
    """
    candidates = [item for item in exporters_for(result_type, video=video) if item.suffix]
    lower = name.lower()
    for alias, suffix in ALIASES.items():
        lower = lower.removesuffix(alias) + suffix if lower.endswith(alias) else lower
    for item in sorted(candidates, key=lambda item: -len(item.suffix)):
        if f".{lower}".endswith(item.suffix):
            return item
    names = ", ".join(sorted({item.suffix for item in candidates}))
    raise ExportError(
        f"There is no format '{Path(name).suffix or name}' for this result; name the file with one of: {names}."
    )


__all__ = [
    "EXPORTERS",
    "Accepts",
    "Combined",
    "ExportItem",
    "Exporter",
    "Moment",
    "Piece",
    "default_exporters",
    "drawable",
    "export",
    "exporter_for_suffix",
    "exporters_for",
    "of",
    "on_a_picture",
    "recipe_path",
    "tabular",
]
