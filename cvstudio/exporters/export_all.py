"""One result, or every frame of a video, into several formats at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvstudio.exporters import Exporter, ExportItem, export
from cvstudio.foundation.concurrency import fan_out
from cvstudio.foundation.params import from_mapping, to_mapping
from cvstudio.foundation.progress import Progress

Target = tuple[Exporter, Path]


def export_all(
    targets: Sequence[Target], item: ExportItem, options: Mapping[str, Mapping[str, Any]], progress: Progress
) -> None:
    """Write `item` to every target, each with its recipe.

    The frames of a video run through the network once, in this thread; each format draws and writes in a thread of
    its own meanwhile.

    Parameters
    ----------
    targets : formats with the file or folder of each
    options : of the formats, by key and name

    Raises
    ------
    ExportError, ParamsError
        A format cannot hold the item, a file cannot be written, an option is not allowed.
    Cancelled
        `progress` was told to stop; no file is left half written.
    """
    items = [_for(exporter, item, options.get(exporter.key, {})) for exporter, _ in targets]
    for (exporter, _), own in zip(targets, items, strict=True):
        exporter.check(own)
    if item.frames is None:
        for (exporter, path), own in zip(targets, items, strict=True):
            export(exporter, path, own, progress)
        return

    def reader(exporter: Exporter, path: Path, own: ExportItem) -> Callable[[Iterator[Any]], None]:
        return lambda frames: export(exporter, path, dataclasses.replace(own, frames=frames), progress)

    fan_out(item.frames, [reader(*target, own) for target, own in zip(targets, items, strict=True)])


def _for(exporter: Exporter, item: ExportItem, options: Mapping[str, Any]) -> ExportItem:
    """`item` with the options of one format, and a recipe that tells them."""
    checked = to_mapping(from_mapping(exporter.params, options))
    told: dict[str, Any] = {"format": exporter.key, "options": checked}
    if item.frames is not None and (item.start_secs > 0 or item.stop_secs is not None):
        told["range_secs"] = [item.start_secs, item.stop_secs]
    return dataclasses.replace(item, options=checked, recipe={**item.recipe, "export": told})
