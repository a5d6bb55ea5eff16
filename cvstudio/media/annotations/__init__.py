"""Annotation sets: the ground truth of a set of pictures, read by one `AnnotationFormat` per file format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cvstudio.data.labels import LabelledSet, LeftOut
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.registry import Registry
from cvstudio.media.file_identity import quoted
from cvstudio.media.folders import readable_folder


@dataclass(frozen=True)
class WriteOptions:
    """How labels are written.

    Parameters
    ----------
    pictures : whether each picture is copied beside its labels, where the format has a place for it
    move : whether pictures are moved where the format has a `plan` for them
    """

    pictures: bool = False
    move: bool = False


@dataclass(frozen=True)
class PlannedPicture:
    """Where a picture goes when labels are written.

    Parameters
    ----------
    source : its file
    target : relative to the folder that is written, with "/" between folders
    """

    source: Path
    target: str


Plan = Callable[[LabelledSet, Progress], tuple[PlannedPicture, ...]]
Write = Callable[[LabelledSet, Path, WriteOptions, Progress], tuple[LeftOut, ...]]


@dataclass(frozen=True)
class AnnotationFormat:
    """How one format of annotations is recognised, read and written.

    Parameters
    ----------
    key, title : "coco", "COCO JSON"
    recognises : callable (path) -> whether the file or folder is of this format; reads little
    read : callable (path) -> the labels. Raises MediaError
    order : formats are tried in ascending order
    write : callable (labels, path, options, progress) -> what the format cannot hold; None where it is only read
        The path is a temporary one: a file, or an empty folder where `suffix` is empty. `write_labels` calls it.
    suffix : ending of the file that is written, with its dot; empty for a folder
    summary : what it holds, in one sentence
    plan : callable (labels, progress) -> where each picture goes; None where the labels do not decide that
    implied : whether a folder that is opened is taken for labels of this form without being told: nothing else looks so
    """

    key: str
    title: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], LabelledSet]
    order: int = 100
    write: Write | None = None
    suffix: str = ""
    summary: str = ""
    implied: bool = True
    plan: Plan | None = None

    def with_suffix(self, path: Path) -> Path:
        """`path` to write to; with the suffix of a format of files where it has none, by which the file is known."""
        return path.with_name(path.name + self.suffix) if self.suffix and not path.suffix else path


ANNOTATION_FORMATS: Registry[AnnotationFormat] = Registry(
    "annotation format", __name__, order=lambda entry: entry.order
)


def recognised_format(path: Path, among: Iterable[AnnotationFormat]) -> AnnotationFormat | None:
    """The first of some formats that recognises `path`; None without one, and where `path` cannot be read."""
    try:
        return next((entry for entry in among if entry.recognises(path)), None)
    except OSError:
        return None


def annotation_format(path: Path) -> AnnotationFormat:
    """The format of the annotations at `path`.

    Raises MediaError where it is missing, a folder that cannot be read, or of no known format.
    """
    if not os.path.exists(path):
        raise MediaError(f"The labels {quoted(path)} cannot be found; check the path.")
    if os.path.isdir(path):
        readable_folder(path)
    matching = recognised_format(path, ANNOTATION_FORMATS)
    if matching is None:
        titles = ", ".join(entry.title for entry in ANNOTATION_FORMATS) or "none yet"
        raise MediaError(f"{quoted(path)} holds no labels of a known form; known are: {titles}.")
    return matching
