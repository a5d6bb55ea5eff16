"""Export formats: one file for each, registered here by its declaration."""

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
"""Other suffixes by which people name a format."""

EXPORTERS: Registry[Exporter] = Registry("format", __name__)


def exporters_for(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """The formats that take one result of this type, or with `video` those that take every frame of a video."""
    found = [
        item for item in EXPORTERS if item.accepts(result_type) and (item.takes_video if video else not item.video)
    ]
    return sorted(found, key=lambda item: (item.video != video, not item.preferred, item.title))


def default_exporters(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """The formats that are written where none is asked for."""
    return [item for item in exporters_for(result_type, video=video) if item.preferred]


def exporter_for_suffix(name: str, result_type: type[Any], *, video: bool = False) -> Exporter:
    """The format of a file by the end of its name; the longest that fits. Raises ExportError."""
    fitting = [item for item in exporters_for(result_type, video=video) if item.suffix]
    lower = name.lower()
    for alias, suffix in ALIASES.items():
        lower = lower.removesuffix(alias) + suffix if lower.endswith(alias) else lower
    for item in sorted(fitting, key=lambda item: -len(item.suffix)):
        if lower.endswith(item.suffix):
            return item
    names = ", ".join(sorted({item.suffix for item in fitting}))
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
