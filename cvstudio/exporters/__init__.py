"""Export formats: one file for each, registered here by its declaration."""

from __future__ import annotations

from typing import Any

from cvstudio.errors import ExportError
from cvstudio.exporters.base import Exporter, ExportItem, export, recipe_path
from cvstudio.registry import Registry

ALIASES = {".jpeg": ".jpg", ".m4v": ".mp4"}
"""Other suffixes by which people name a format."""

EXPORTERS: Registry[Exporter] = Registry("format", __name__)


def exporters_for(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """The formats that take a result of this type; for a video also those that take all of it."""
    found = [item for item in EXPORTERS if issubclass(result_type, item.accepts) and (video or not item.video)]
    return sorted(found, key=lambda item: (item.video != video, not item.preferred, item.title))


def default_exporters(result_type: type[Any], *, video: bool = False) -> list[Exporter]:
    """The formats that are written where none is asked for."""
    return [item for item in exporters_for(result_type, video=video) if item.preferred and item.video == video]


def exporter_for_suffix(suffix: str, result_type: type[Any], *, video: bool = False) -> Exporter:
    """The format of a file name. Raises ExportError."""
    fitting = [item for item in exporters_for(result_type, video=video) if item.video == video]
    wanted = ALIASES.get(suffix.lower(), suffix.lower())
    for item in fitting:
        if item.suffix == wanted:
            return item
    names = ", ".join(item.suffix for item in fitting)
    raise ExportError(f"There is no format '{suffix}' for this result; name the file with one of: {names}.")


__all__ = [
    "EXPORTERS",
    "ExportItem",
    "Exporter",
    "default_exporters",
    "export",
    "exporter_for_suffix",
    "exporters_for",
    "recipe_path",
]
