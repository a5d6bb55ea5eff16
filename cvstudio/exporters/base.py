"""What an export format declares of itself, and the one way in which files are written."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cvstudio.data.samples import Image
from cvstudio.draw.base import Look, painter_of
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import NoParams, from_mapping
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.results.result import Placement, Result

P = TypeVar("P")


@dataclass(frozen=True)
class Accepts:
    """Which results a format can hold.

    Parameters
    ----------
    words : what it expects, as an error says it: "CSV expects WORDS, found ..."
    fits : callable (type of a result) -> whether it can hold one
    """

    words: str
    fits: Callable[[type[Any]], bool]

    def __call__(self, result_type: type[Any]) -> bool:
        return self.fits(result_type)


def of(*result_types: type[Any]) -> Accepts:
    """Results of these types, and of those that derive from them."""
    words = " or ".join(accepted.__name__.lower() for accepted in result_types)
    return Accepts(words, lambda result_type: issubclass(result_type, result_types))


def _has_table(result_type: type[Any]) -> bool:
    return issubclass(result_type, Result) and result_type.table is not Result.table


def _lies_on_a_picture(result_type: type[Any]) -> bool:
    return result_type.placement is Placement.OVERLAY and painter_of(result_type) is not None


drawable = Accepts("a result that can be drawn", lambda result_type: painter_of(result_type) is not None)
on_a_picture = Accepts("a result that lies on the picture", _lies_on_a_picture)
tabular = Accepts("a result with a table", _has_table)

Piece = dict[str, Any]
"""What a combined file holds of one picture or frame; JSON-ready, so that it can wait on disk."""


class Moment(NamedTuple):
    """One picture, or one frame of a video.

    name : file name without its ending, unique within an export; number : of the frame, from 1; pts : its time in
    seconds from the first frame of the video, None for a picture
    """

    name: str
    number: int
    pts: float | None
    image: Image | None
    result: Any


@dataclass(frozen=True, eq=False)
class ExportItem:
    """What is written: one result, or the results of every frame of a video.

    Parameters
    ----------
    media : the medium on the canvas, that the result is of; None where it stands alone
    base : the picture or frame under it, where there is one
    result : the result; None where `frames` is given
    look : values of `Look` by name
    recipe : how the result was made, written beside it; JSON-ready
    frames : (frame, result) of every frame of a video in order; read once
    options : values of `Exporter.params` by name
    stem : how files are called that hold it, without ending; "" takes the medium's own name
    start_secs : where in the video `frames` begin
    stop_secs : where they end; None is the end of the video
    seen : what a format that draws shows in place of `result`: the `Stack` of all visible layers
    """

    media: Media | None
    base: Image | None
    result: Any
    look: Mapping[str, Any]
    recipe: Mapping[str, Any]
    frames: Iterable[tuple[Any, Any]] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    stem: str = ""
    start_secs: float = 0.0
    stop_secs: float | None = None
    seen: Any = None

    @property
    def shown(self) -> Any:
        """What is drawn on the picture."""
        return self.result if self.seen is None else self.seen

    @property
    def file_stem(self) -> str:
        """How files are called that hold it, without ending."""
        return self.stem or (self.media.path.stem if self.media is not None else "result")

    @property
    def name(self) -> str:
        """What it is a result of, as formats and errors tell it."""
        return self.media.name if self.media is not None else self.file_stem

    def options_as(self, params_type: type[P]) -> P:
        """The options, checked. Raises ParamsError."""
        return from_mapping(params_type, self.options)

    def moments(self, progress: Progress) -> Iterator[Moment]:
        """The picture, or every frame in order, each with its result."""
        stem = self.file_stem
        progress.check()
        if self.frames is None:
            yield Moment(stem, 1, getattr(self.base, "pts", None), self.base, self.result)
            return
        for number, (frame, result) in enumerate(self.frames, 1):
            progress.check()
            yield Moment(f"{stem}_{number:06d}", number, frame.pts, frame, result)

    def drawn_as(self) -> Look:
        """The look, checked. Raises ParamsError."""
        return from_mapping(Look, self.look)


@dataclass(frozen=True)
class Combined:
    """How one file holds many pictures.

    Parameters
    ----------
    pieces : callable (item, progress) -> iterator of pieces, one for each picture or frame
    write : callable (path, pieces, options, progress); reads `pieces` once, in order
    """

    pieces: Callable[[ExportItem, Progress], Iterator[Piece]]
    write: Callable[[Path, Iterable[Piece], Mapping[str, Any], Progress], None]


@dataclass(frozen=True)
class Exporter:
    """A format.

    Parameters
    ----------
    key, title, summary
    suffix : with its dot; empty for a folder
    accepts : which results it can hold: `drawable`, `on_a_picture`, `tabular`, or `of` some types
    write : callable (path, item, progress)
        The path is a temporary one beside the target; of a `folder` it is the folder itself, in which each file is
        written through `atomic_path` and files of other pictures are left alone.
    video : it takes `ExportItem.frames` of a whole video instead of one result
    either : it takes `frames` too where they are given
    preferred : written by the command line where no format is asked for
    params : options of the format, a class of `cvstudio.foundation.params` declarations
    folder : it writes several files into a folder
    finish : callable (folder), after everything is in a `folder`
    combined : how a batch writes one file for all its pictures; None gives each picture its own file
    draws : it shows the picture, and with it every visible layer; others hold one result's data
    keywords : other names that lead here
    """

    key: str
    title: str
    suffix: str
    accepts: Accepts
    write: Callable[[Path, ExportItem, Progress], None]
    summary: str = ""
    video: bool = False
    either: bool = False
    preferred: bool = False
    draws: bool = False
    keywords: tuple[str, ...] = ()
    params: type[Any] = NoParams
    folder: bool = False
    finish: Callable[[Path], None] | None = None
    combined: Combined | None = None

    @property
    def takes_video(self) -> bool:
        """Whether it can hold every frame of a video."""
        return self.video or self.either

    def check(self, item: ExportItem) -> None:
        """Raise ExportError where this format cannot hold `item`."""
        if item.frames is None and self.video:
            raise ExportError(f"{self.title} expects a whole video, found one picture; choose another format.")
        if item.frames is not None and not self.takes_video:
            raise ExportError(
                f"{self.title} expects one moment, found a whole video; say which (--time SECS) or choose MP4."
            )
        item.options_as(self.params)
        if item.frames is None and not self.accepts(type(item.result)):
            found = type(item.result).__name__.lower()
            raise ExportError(f"{self.title} expects {self.accepts.words}, found {found}; choose another format.")


def recipe_path(path: Path) -> Path:
    """Where the recipe of the export `path` is. It keeps the suffix, as a picture and its data share a stem."""
    return path.with_name(f"{path.name}.recipe.json")


def export(exporter: Exporter, path: Path, item: ExportItem, progress: Progress, *, recipe: bool = True) -> None:
    """Write `item` to `path` and its recipe beside it; an old file stays whole until the new one is.

    Parameters
    ----------
    path : a file, or the folder of a format that writes several files
    recipe : False where one recipe covers many exports

    Raises
    ------
    ExportError
        The format cannot hold the item, or the file cannot be written.
    ParamsError
        An option is not allowed.
    Cancelled
        `progress` was told to stop; no file is left half written.
    """
    exporter.check(item)
    with writing(path):
        if exporter.folder:
            if path.is_file():
                raise ExportError(f"{path.name} is to be a folder, found a file of that name; choose another name.")
            path.mkdir(parents=True, exist_ok=True)
            exporter.write(path, item, progress)
            if exporter.finish is not None:
                exporter.finish(path)
        else:
            # A batch tidies up once: to look through a folder of thousands for each file takes longer than the file.
            with atomic_path(path, tidy=recipe) as temporary:
                exporter.write(temporary, item, progress)
        if recipe:
            write_recipe(recipe_path(path), item.recipe)


def write_recipe(path: Path, recipe: Mapping[str, Any]) -> None:
    """Write a recipe. Raises OSError."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(recipe, ensure_ascii=False, indent=2, allow_nan=False), encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into one ExportError about `path`."""
    try:
        yield
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
