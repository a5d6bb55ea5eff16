"""The declaration of export formats, and the one function that writes files."""

from __future__ import annotations

import errno
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from cvstudio.data.samples import Image
from cvstudio.draw.base import Look, painter_of
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.params import NoParams, from_mapping
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import Media
from cvstudio.results.result import Placement, Result

P = TypeVar("P")


@dataclass(frozen=True)
class Accepts:
    """The result types that a format accepts.

    Parameters
    ----------
    words : the accepted types in an error message: "CSV expects WORDS, found ..."
    fits : callable (result type) -> whether the format accepts it
    """

    words: str
    fits: Callable[[type[Any]], bool]

    def __call__(self, result_type: type[Any]) -> bool:
        return self.fits(result_type)


def of(*result_types: type[Any]) -> Accepts:
    """Accept these result types and their subclasses."""
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
"""Content of one picture or frame in a combined file; JSON-ready, so that it can be stored on disk meanwhile."""


class Moment(NamedTuple):
    """One picture, or one frame of a video, with its result.

    Parameters
    ----------
    name : file stem, unique within an export
    number : number of the frame, from 1
    pts : seconds from the first frame of the video; None for a picture
    image : the picture or frame; None where the result stands alone
    result : the result
    """

    name: str
    number: int
    pts: float | None
    image: Image | None
    result: Any


@dataclass(frozen=True, eq=False)
class ExportItem:
    """Input of an export: one result, or the results of all frames of a video.

    Parameters
    ----------
    media : source medium of the result; None where the result stands alone
    base : the picture or frame beneath the result; None where there is none
    result : the result; None where `frames` is given
    look : values of `Look` by name
    recipe : how the result was computed, written beside it; JSON-ready
    frames : (frame, result) of all frames of a video in order; iterated once
    options : values of `Exporter.params` by name
    stem : file stem; empty uses the medium's
    start_secs : start of `frames` in the video
    stop_secs : end of `frames` in the video; None for its end
    composition : drawn instead of `result` by formats that draw: the `Stack` of all visible layers, or a `Pair`
    source : file name of the source in a batch, relative to the common folder, as "x/001.jpg"; empty uses the medium's
    label : name of label files beside uncopied pictures, as "x/001"; empty uses the medium's own stem
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
    composition: Any = None
    source: str = ""
    label: str = ""

    @property
    def shown(self) -> Any:
        """The result to be drawn on the picture."""
        return self.result if self.composition is None else self.composition

    @property
    def file_stem(self) -> str:
        """Stem of the names of written files."""
        return self.stem or (self.media.path.stem if self.media is not None else "result")

    @property
    def name(self) -> str:
        """Name of the source, in formats and errors."""
        return self.media.name if self.media is not None else self.file_stem

    @property
    def file_name(self) -> str:
        """Name of the source's file in Unicode normal form C, for programs that look for it."""
        return unicodedata.normalize("NFC", self.media.path.name) if self.media is not None else self.file_stem

    @property
    def source_name(self) -> str:
        """Name of the source in a file that may hold several: relative to the folder that they share."""
        return self.source or self.file_name

    def options_as(self, params_type: type[P]) -> P:
        """`options` as checked parameters. Raises ParamsError."""
        return from_mapping(params_type, self.options)

    def moments(self, progress: Progress) -> Iterator[Moment]:
        """The picture, or all frames in order, each with its result."""
        stem = self.file_stem
        progress.check()
        if self.frames is None:
            yield Moment(stem, 1, getattr(self.base, "pts", None), self.base, self.result)
            return
        for number, (frame, result) in enumerate(self.frames, 1):
            progress.check()
            yield Moment(f"{stem}_{number:06d}", number, frame.pts, frame, result)

    def drawn_as(self) -> Look:
        """`look` as checked parameters. Raises ParamsError."""
        return from_mapping(Look, self.look)


@dataclass(frozen=True)
class Combined:
    """How a format combines many pictures in one file.

    Parameters
    ----------
    pieces : callable (item, progress) -> iterator of pieces, one for each picture or frame
    write : callable (path, pieces, options, progress); iterates `pieces` once, in order
    """

    pieces: Callable[[ExportItem, Progress], Iterator[Piece]]
    write: Callable[[Path, Iterable[Piece], Mapping[str, Any], Progress], None]


@dataclass(frozen=True)
class Exporter:
    """An export format.

    Parameters
    ----------
    key, title, summary : identifier, name and one-sentence description
    suffix : file suffix with its dot; empty for a folder
    accepts : accepted result types: `drawable`, `on_a_picture`, `tabular`, or `of` some types
    write : callable (path, item, progress)
        The path is a temporary file beside the target. For a `folder` it is the folder itself, in which each file is
        written through `atomic_path` and files of other pictures stay unchanged.
    video : requires `ExportItem.frames`, a whole video, instead of one result
    either : accepts one result as well as `frames`
    preferred : written by the command line by default
    params : options of the format, a class of `cvstudio.foundation.params` declarations
    folder : writes several files into a folder
    finish : callable (folder), called after all files of a `folder` are written
    combined : how a batch writes one file for all pictures; None writes a file for each picture
    draws : draws the picture with all visible layers; other formats write the data of one result
    keywords : synonyms for the search
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
        """Whether it accepts the frames of a video."""
        return self.video or self.either

    def check(self, item: ExportItem) -> None:
        """Raise ExportError where this format does not accept `item`, ParamsError where an option is not allowed."""
        if item.frames is None and self.video:
            raise ExportError(f"{self.title} expects a whole video, found one picture; choose another format.")
        if item.frames is not None and not self.takes_video:
            raise ExportError(
                f"{self.title} expects one moment, found a whole video; say which (--time SECS) or choose MP4."
            )
        item.options_as(self.params)
        if item.frames is None and not self.accepts(type(item.result)):
            type_name = type(item.result).__name__.lower()
            raise ExportError(f"{self.title} expects {self.accepts.words}, found {type_name}; choose another format.")


def recipe_path(path: Path) -> Path:
    """Path of the recipe of an export. The suffix of `path` is kept, as a picture and its data may share a stem."""
    return path.with_name(f"{path.name}.recipe.json")


def export(exporter: Exporter, path: Path, item: ExportItem, progress: Progress, *, recipe: bool = True) -> None:
    """Write `item` to `path` and its recipe beside it, atomically: an existing file is replaced by a complete one.

    Parameters
    ----------
    path : a file, or the folder of a format that writes several files
    recipe : whether to write the recipe; False where one recipe covers many exports

    Raises
    ------
    ExportError
        The format does not accept the item, or the file cannot be written.
    ParamsError
        An option is not allowed.
    Cancelled
        `progress` was cancelled; no incomplete file is left.
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
            # A batch cleans up once: scanning a folder of thousands of files takes longer than writing one.
            with atomic_path(path, tidy=recipe) as temporary:
                exporter.write(temporary, item, progress)
        if recipe:
            write_recipe(recipe_path(path), item.recipe)


def write_recipe(path: Path, recipe: Mapping[str, Any]) -> None:
    """Write a recipe as JSON. Raises OSError."""
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(recipe, indent=2), encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert an OSError in the block to an ExportError about `path`."""
    try:
        yield
    except OSError as error:
        raise ExportError(f"{path.name} cannot be written: {_reason(error, path)}") from error


def _reason(error: OSError, path: Path) -> str:
    """Cause and remedy, as the second half of a sentence."""
    file = next((parent for parent in path.parents if parent.is_file()), None)
    if file is not None:
        return f"{file.name} is a file, not a folder; choose another folder."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space or choose another disk."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "its folder may not be written to; choose another folder."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "its folder is not there; choose another folder."
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY, errno.EEXIST):
        return "a folder has that name; choose another name."
    return f"{(error.strerror or str(error)).lower()}; choose another folder or name."
