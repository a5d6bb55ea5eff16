"""What an export format declares of itself, and the one way in which files are written."""

from __future__ import annotations

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
    """What is written.

    Parameters
    ----------
    media : where the result came from
    base : the picture or frame under it, where there is one
    result : the result; None where `frames` is given
    look : values of `Look` by name
    recipe : how the result was made, written beside it
    frames : (frame, result) of every frame of a video in order
    """

    media: Media
    base: Image | None
    result: Any
    look: Mapping[str, Any]
    recipe: Mapping[str, Any]
    frames: Iterable[tuple[Any, Any]] | None = None

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
    preferred : written by the command line where no format is asked for
    """

    key: str
    title: str
    suffix: str
    accepts: tuple[type[Any], ...]
    write: Callable[[Path, ExportItem, Progress], None]
    summary: str = ""
    video: bool = False
    preferred: bool = False


def recipe_path(path: Path) -> Path:
    """Where the recipe of the export `path` is."""
    return path.with_name(f"{path.name}.recipe.json")


def export(exporter: Exporter, path: Path, item: ExportItem, progress: Progress) -> None:
    """Write `item` to `path` and its recipe beside it; an old file stays whole until the new one is.

    Raises
    ------
    ExportError
        The file cannot be written.
    """
    try:
        with atomic_path(path) as temporary:
            exporter.write(temporary, item, progress)
        with atomic_path(recipe_path(path)) as temporary:
            text = json.dumps(item.recipe, ensure_ascii=False, indent=2, allow_nan=False)
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise ExportError(f"{path.name} cannot be written ({reason}); choose another folder or free some space.") from None
