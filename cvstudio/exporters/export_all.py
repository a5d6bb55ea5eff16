"""Export of one result, or of all frames of a video, to several formats at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cvstudio.exporters import Exporter, ExportItem, export
from cvstudio.foundation.concurrency import fan_out
from cvstudio.foundation.input_files import check_no_input
from cvstudio.foundation.params import from_mapping, to_mapping
from cvstudio.foundation.progress import Progress

Target = tuple[Exporter, Path]


def export_all(
    targets: Sequence[Target], item: ExportItem, options: Mapping[str, Mapping[str, Any]], progress: Progress
) -> None:
    """Write `item` to every target, each with its recipe.

    The frames of a video are computed once, in this thread, while each format draws and writes in a thread of its own.

    Parameters
    ----------
    targets : formats, each with its file or folder
    options : options by name, by key of the format

    Raises
    ------
    ExportError, ParamsError
        A format does not accept the item, a file cannot be written, or an option is not allowed.
    Cancelled
        `progress` was cancelled; no incomplete file is left.
    """
    items = [_with_options(exporter, item, options.get(exporter.key, {})) for exporter, _ in targets]
    for (exporter, path), own_item in zip(targets, items, strict=True):
        exporter.check(own_item)
        check_no_input(path)
    if item.frames is None:
        for (exporter, path), own_item in zip(targets, items, strict=True):
            export(exporter, path, own_item, progress)
        return

    def reader(exporter: Exporter, path: Path, own_item: ExportItem) -> Callable[[Iterator[Any]], None]:
        return lambda frames: export(exporter, path, dataclasses.replace(own_item, frames=frames), progress)

    fan_out(item.frames, [reader(*target, own_item) for target, own_item in zip(targets, items, strict=True)])


def _with_options(exporter: Exporter, item: ExportItem, options: Mapping[str, Any]) -> ExportItem:
    """A copy of `item` with the options of one format, also in its recipe."""
    checked = to_mapping(from_mapping(exporter.params, options))
    export_recipe: dict[str, Any] = {"format": exporter.key, "options": checked}
    if item.frames is not None and (item.start_secs > 0 or item.stop_secs is not None):
        export_recipe["range_secs"] = [item.start_secs, item.stop_secs]
    return dataclasses.replace(item, options=checked, recipe={**item.recipe, "export": export_recipe})
