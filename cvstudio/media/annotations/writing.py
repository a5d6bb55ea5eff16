"""Writing of labels: complete or not at all, and never over what they were read from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cvstudio.data.labels import LabelledSet, LeftOut
from cvstudio.foundation.atomic_files import MARK, STEM_LENGTH, atomic_path, unfinished
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import AnnotationFormat, PlannedPicture, WriteOptions
from cvstudio.media.file_identity import quoted


def write_labels(
    labelled: LabelledSet,
    path: Path,
    entry: AnnotationFormat,
    progress: Progress,
    *,
    options: WriteOptions | None = None,
) -> tuple[LeftOut, ...]:
    """Write labels, as edited, to a file, or to a new or empty folder.

    Returns
    -------
    What the format cannot hold, and pictures whose labels cannot be read.

    Raises
    ------
    ExportError
        The format is only read, `path` is what the labels come from or a folder that is not empty, or it cannot be
        written.
    MediaError
        The labels of no picture can be read.
    Cancelled
        Through `progress`; nothing incomplete is left.
    """
    path, options = Path(os.path.abspath(path)), options or WriteOptions()
    check_target(labelled, path, entry)
    assert entry.write is not None
    try:
        if entry.suffix:
            with atomic_path(path) as temporary:
                return entry.write(labelled, temporary, options, progress)
        return _write_folder(labelled, path, entry, options, progress)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExportError(f"{quoted(path)} cannot be written ({reason}); choose another folder.") from None


def check_target(labelled: LabelledSet, path: Path, entry: AnnotationFormat) -> None:
    """Raise ExportError where labels cannot be written to `path`, see `write_labels`: before work that takes long."""
    if entry.write is None:
        raise ExportError(f"{entry.title} is only read; choose another format.")
    folder = not entry.suffix
    source = Path(os.path.realpath(labelled.path)) if labelled.path is not None else None
    target = Path(os.path.realpath(path))
    if source is not None and (_same(target, source) or (folder and source.is_dir() and source in target.parents)):
        raise ExportError(f"{quoted(path)} is what the labels were read from; choose another name or folder.")
    if not folder:
        if source is not None and source.is_dir() and source in target.parents and target.exists():
            raise ExportError(
                f"{quoted(path)} is a file of the set that the labels were read from; choose another name."
            )
        if target.is_dir():
            raise ExportError(f"{quoted(path)} is to be a file, found a folder of that name; choose another name.")
        if target.exists() and any(_same(target, picture) for picture in labelled.pictures.values()):
            raise ExportError(f"{quoted(path)} is one of the pictures; choose another name.")
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ExportError(f"{quoted(path)} is to be a new or an empty folder; choose another one.")


def _same(one: Path, other: Path) -> bool:
    """Whether two names are of one file, also as a link or in another case."""
    if one == Path(os.path.realpath(other)):
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False  # one of them does not exist


def _write_folder(
    labelled: LabelledSet, path: Path, entry: AnnotationFormat, options: WriteOptions, progress: Progress
) -> tuple[LeftOut, ...]:
    assert entry.write is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:STEM_LENGTH]}{MARK}{os.getpid()}-{os.urandom(4).hex()}")
    with unfinished(temporary):
        temporary.mkdir()
        plan = entry.plan(labelled, progress) if options.move and entry.plan is not None else ()
        left_out = entry.write(labelled, temporary, options, progress)
        if path.exists():
            path.rmdir()
        temporary.rename(path)
    return (*left_out, *_remove_moved(plan, path))


def _remove_moved(plan: Iterable[PlannedPicture], folder: Path) -> Iterator[LeftOut]:
    """Remove pictures of which a whole copy lies in its new place; what stays where it was."""
    for item in plan:
        target = folder / item.target
        try:
            if item.source.stat().st_size == target.stat().st_size and not item.source.samefile(target):
                item.source.unlink()
                continue
        except OSError:
            pass
        yield LeftOut("The picture was copied, but could not be removed from where it was.", str(item.source))
