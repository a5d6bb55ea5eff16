"""What an export format declares of itself, and the one way in which files are written."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.atomic import atomic_path
from cvstudio.draw.base import Look
from cvstudio.errors import ExportError
from cvstudio.media.base import Media
from cvstudio.params import from_mapping
from cvstudio.progress import Progress
from cvstudio.types import Image


@dataclass(frozen=True, eq=False)
class ExportItem:
    """What is written: one result, or the results of every frame of a video.

    Parameters
    ----------
    media : where the result came from
    base : the picture or frame under it, where there is one
    result : the result; None where `frames` is given
    look : values of `Look` by name
    recipe : how the result was made, written beside it; JSON-ready
    frames : (frame, result) of every frame of a video in order; read once
    seen : what a format that draws shows in place of `result`: the `Stack` of all visible layers
    """

    media: Media
    base: Image | None
    result: Any
    look: Mapping[str, Any]
    recipe: Mapping[str, Any]
    frames: Iterable[tuple[Any, Any]] | None = None
    seen: Any = None

    @property
    def shown(self) -> Any:
        """What is drawn on the picture."""
        return self.result if self.seen is None else self.seen

    def drawn_as(self) -> Look:
        """The look, checked. Raises ParamsError."""
        return from_mapping(Look, self.look)


@dataclass(frozen=True)
class Exporter:
    """A format.

    Parameters
    ----------
    key, title, summary
    suffix : with its dot
    accepts : result types
    write : callable (path, item, progress); the path is a temporary one beside the target
    video : it takes `ExportItem.frames` of a whole video instead of one result
    either : it takes `frames` too where they are given
    preferred : written by the command line where no format is asked for
    draws : it shows the picture, and with it every visible layer; others hold one result's data
    keywords : other names that lead here
    """

    key: str
    title: str
    suffix: str
    accepts: tuple[type[Any], ...]
    write: Callable[[Path, ExportItem, Progress], None]
    summary: str = ""
    video: bool = False
    either: bool = False
    preferred: bool = False
    draws: bool = False
    keywords: tuple[str, ...] = ()

    def check(self, item: ExportItem) -> None:
        """Raise ExportError where this format cannot hold `item`."""
        names = " or ".join(accepted.__name__.lower() for accepted in self.accepts)
        if item.frames is None and self.video:
            raise ExportError(f"{self.title} expects a whole video, found one picture; choose another format.")
        if item.frames is not None and not (self.video or self.either):
            raise ExportError(
                f"{self.title} expects one moment, found a whole video; say which (--time SECS) or choose MP4."
            )
        if item.frames is None and not isinstance(item.result, self.accepts):
            found = type(item.result).__name__.lower()
            raise ExportError(f"{self.title} expects {names}, found {found}; choose another format.")


def recipe_path(path: Path) -> Path:
    """Where the recipe of the export `path` is. It keeps the suffix, as a picture and its data share a stem."""
    return path.with_name(f"{path.name}.recipe.json")


def export(exporter: Exporter, path: Path, item: ExportItem, progress: Progress) -> None:
    """Write `item` to `path` and its recipe beside it; an old file stays whole until the new one is.

    Raises
    ------
    ExportError
        The format cannot hold the item, or the file cannot be written.
    Cancelled
        `progress` was told to stop; nothing is left half written.
    """
    exporter.check(item)
    try:
        with atomic_path(path) as temporary:
            exporter.write(temporary, item, progress)
        with atomic_path(recipe_path(path)) as temporary:
            text = json.dumps(item.recipe, ensure_ascii=False, indent=2, allow_nan=False)
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{path.name} cannot be written: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    """The second half of a sentence: what was in the way and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another disk."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "its folder may not be written to; choose another folder."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "its folder is not there; choose another folder."
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
        return "a folder has that name; choose another name."
    return f"{(error.strerror or str(error)).lower()}; choose another folder or name."
