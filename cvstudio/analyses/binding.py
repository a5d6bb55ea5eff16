"""Bindings: inputs of an analysis, each a medium, a list of media, a text, an annotation set, or another's result."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cvstudio.data.class_numbers import moved_classes
from cvstudio.data.labels import Category, LabelledSet, PictureLabels, Skeleton, no_labels
from cvstudio.data.labels_json import category_to_json, labels_id
from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.file_identity import decoding, media_id, quoted
from cvstudio.media.folders import MediaSet, kinds_by_suffix, list_set

SourceKey = tuple[Hashable, float | None]
"""Cache key of a binding: its identity, and the presentation time in seconds where it depends on that."""

NAMED = 40
"""Length in characters of the name of a text in the window."""


@dataclass(frozen=True)
class Several:
    """Declaration of a media list: from `least` to `most` media of these kinds, such as a folder or a stereo pair."""

    kinds: frozenset[MediaKind]
    least: int = 1
    most: int | None = None


@dataclass(frozen=True)
class TextInput:
    """A text, such as a question or a prompt. Stages get a str."""

    text: str

    @property
    def name(self) -> str:
        """Beginning of the text, at most `NAMED` characters."""
        line = " ".join(self.text.split())
        return line if len(line) <= NAMED else f"{line[: NAMED - 1]}…"

    def key(self, pts: float | None) -> SourceKey:
        """See `SourceKey`."""
        return ("text", self.text), None


@dataclass(frozen=True)
class MediaList:
    """Several media in order. Stages get a `MediaSamples`.

    Parameters
    ----------
    media : the media; they need not be open in the session
    folder : media set whose accepted files these are; None where they were chosen one by one
    """

    media: tuple[Media, ...]
    folder: MediaSet | None = None

    @property
    def name(self) -> str:
        """Name of the folder, or names of the files."""
        return self.folder.name if self.folder is not None else ", ".join(item.name for item in self.media)

    def key(self, pts: float | None) -> SourceKey:
        """See `SourceKey`."""
        return ("media", *(item.id for item in self.media)), None


@dataclass(frozen=True)
class AnnotationSet:
    """Ground truth: a labelled set on disk with what was edited since, or labels begun in the program. Stages get a
    `LabelledSample`.

    Parameters
    ----------
    path : file or folder; None for labels begun in the program
    format : key of the `AnnotationFormat`; empty without a path
    id : see `annotations_id`; empty without a path
    edits : labels by the name of the picture that take the place of the file's
    categories : classes that were added, behind those of the file
    pictures : files by name of pictures that the file does not name
    renamed : other names of classes of the file, by index
    skeletons : other key points of classes of the file, by index
    videos : files of videos that the file does not name, by what the names of their frames begin with
    classes : names of the classes of the file to which the numbers in the edits belong; None where they are not known
    """

    path: Path | None = None
    format: str = ""
    id: str = ""
    edits: Mapping[str, PictureLabels] = field(default_factory=dict)
    categories: tuple[Category, ...] = ()
    pictures: Mapping[str, Path] = field(default_factory=dict)
    renamed: Mapping[int, str] = field(default_factory=dict)
    classes: tuple[str, ...] | None = None
    skeletons: Mapping[int, Skeleton] = field(default_factory=dict)
    videos: Mapping[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """File or folder name."""
        return self.path.name if self.path is not None else "New labels"

    @property
    def edited(self) -> bool:
        """Whether it differs from what is on disk."""
        return bool(self.edits or self.categories or self.pictures or self.renamed or self.skeletons)

    @property
    def file(self) -> AnnotationSet:
        """The same without edits."""
        return AnnotationSet(self.path, self.format, self.id)

    def key(self, pts: float | None) -> SourceKey:
        """See `SourceKey`."""
        # With the time, as the frames of a video have labels of their own.
        return ("annotations", self.format, self.id, *((self._edits_id,) if self.edited else ())), pts

    @functools.cached_property
    def _edits_id(self) -> str:
        import xxhash

        digest = xxhash.xxh3_128(json_text([category_to_json(item) for item in self.categories]).encode())
        digest.update(json_text(sorted(self.renamed.items())).encode())
        for number, skeleton in sorted(self.skeletons.items()):
            digest.update(json_text([number, skeleton.keypoints, skeleton.lines]).encode())
        if self.classes is not None:
            digest.update(json_text(self.classes).encode())
        for name, path in (*sorted(self.pictures.items()), *sorted(self.videos.items())):
            digest.update(json_text([name, str(path)]).encode())
        for name, labels in sorted(self.edits.items()):
            digest.update(json_text([name, labels_id(labels)]).encode())
        return digest.hexdigest()

    def read(self) -> LabelledSet:
        """The labels, as edited. Raises MediaError."""
        return self.with_edits(self.read_file())

    def read_file(self) -> LabelledSet:
        """The labels as they are on disk. Raises MediaError."""
        if self.path is None:
            return LabelledSet(None, "", (), (), {}, no_labels)
        return ANNOTATION_FORMATS[self.format].read(self.path)

    def with_edits(self, labelled: LabelledSet) -> LabelledSet:
        """What `read_file` gives, with the edits."""
        if not self.edited:
            return labelled
        own = self.based_on(labelled)
        return labelled.with_edits(
            own.edits,
            categories=own.categories,
            pictures=own.pictures,
            renamed=own.renamed,
            skeletons=own.skeletons,
            videos=own.videos,
        )

    def based_on(self, labelled: LabelledSet) -> AnnotationSet:
        """A copy whose edits count the classes as the file does now, read as `labelled`, which may be edited.

        A class that the file does not have any more is an added one where the edits need it.
        """
        names = labelled.file_classes
        if self.path is None or self.classes == names:
            return self
        if self.classes is None:
            return dataclasses.replace(self, classes=names)
        moved = moved_classes(self.classes, names, self.categories, self.renamed, self.edits, self.skeletons)
        return dataclasses.replace(
            self,
            edits=moved.edits,
            categories=moved.categories,
            renamed=moved.renamed,
            skeletons=moved.skeletons,
            classes=names,
        )

    def with_labels(self, name: str, labels: PictureLabels) -> AnnotationSet:
        """A copy with other labels for one picture."""
        return dataclasses.replace(self, edits={**self.edits, name: labels})


class Declared(Protocol):
    """Title and result type of an analysis."""

    @property
    def title(self) -> str: ...

    @property
    def result(self) -> type[Any]: ...


class Upstream(Protocol):
    """Analysis whose result is an input: an `AnalysisInstance`, which this module cannot import."""

    @property
    def spec(self) -> Declared: ...


@dataclass(frozen=True)
class ResultOf:
    """Result of another (upstream) analysis at the same time. Stages get the output of its last stage.

    The output of `Temporal`, such as identities, is not part of it.

    Parameters
    ----------
    instance_id : id of the upstream analysis in the session; 0 outside of a session
    upstream : the upstream analysis: set by `State.linked`, and by recipes and the command line, which have no session.
        None in the state of a session, and where the upstream analysis was removed
    """

    instance_id: int = 0
    upstream: Upstream | None = None

    @property
    def name(self) -> str:
        """Title of the upstream analysis; empty where it is not linked."""
        return self.upstream.spec.title if self.upstream is not None else ""


Binding = Media | MediaList | TextInput | AnnotationSet | ResultOf


class MediaSamples(Sequence[Any]):
    """Samples of a `MediaList`, each decoded on access and not cached; of a video its first frame."""

    def __init__(self, media: tuple[Media, ...]) -> None:
        self.media = media

    def __len__(self) -> int:
        return len(self.media)

    def __getitem__(self, index: Any) -> Any:
        """Decode one sample; a slice gives another `MediaSamples`. Raises MediaError."""
        if isinstance(index, slice):
            return MediaSamples(self.media[index])
        media = self.media[index]
        with open_reader(media) as reader:
            return reader.at(0.0) if media.moving else reader.read()

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


def open_media_list(
    paths: Sequence[Path], kinds: frozenset[MediaKind], progress: Progress, *, read_as: str = ""
) -> MediaList:
    """Open files, or the files of `kinds` in one folder, in natural order; `read_as` is as in `open_media`.

    Raises
    ------
    MediaError
        A file cannot be opened, or the folder cannot be read.
    BindingError
        There is no file of `kinds`.
    """
    only = next(iter(kinds)) if len(kinds) == 1 else None
    folder = None
    if len(paths) == 1 and os.path.isdir(paths[0]):
        folder = MediaSet(Path(os.path.abspath(paths[0])))
        paths = files_of(folder, kinds, progress)
    media = []
    for number, path in enumerate(paths):
        progress(number / len(paths), path.name)
        media.append(open_media(path, kind=only, read_as=read_as))
    if not media:
        where = folder.name if folder is not None else "the list"
        raise BindingError(f"{where} holds no {' or '.join(sorted(kinds))}; choose a folder that holds some.")
    return MediaList(tuple(media), folder)


def files_of(folder: MediaSet, kinds: frozenset[MediaKind], progress: Progress) -> list[Path]:
    """Files of a folder whose suffix stands for one of `kinds`, in natural order. Raises MediaError."""
    # Depth maps have suffixes of pictures: only their content tells them apart.
    suffix_kinds = kinds | {MediaKind.IMAGE} if MediaKind.DEPTH in kinds else kinds
    listing = next(item for item in list_set(folder, progress) if item.complete)
    kind_of_suffix = kinds_by_suffix()
    names = (
        file.name for file in listing.files if kind_of_suffix.get(Path(file.name).suffix.casefold()) in suffix_kinds
    )
    return [folder.path / name for name in names]


def open_annotations(path: Path) -> AnnotationSet:
    """Recognise the annotation set at `path`. Raises MediaError."""
    annotations = annotation_format(path)
    return AnnotationSet(path, annotations.key, annotations_id(path))


def annotations_id(path: Path) -> str:
    """Identity of a file: hash of its content; of a folder: hash of the names, sizes and times of its files."""
    import xxhash

    if os.path.isfile(path):
        return media_id(path, MediaKind.IMAGE).partition("-")[0]
    digest = xxhash.xxh3_128()
    with decoding(path):
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = os.path.join(folder, name)
                # A link may lead nowhere: then its own facts.
                status = os.stat(file, follow_symlinks=os.path.exists(file))
                facts = f"{os.path.relpath(folder, path)}/{name} {status.st_size} {status.st_mtime_ns}\n"
                digest.update(os.fsencode(facts))
    return digest.hexdigest()


def read_text(path: Path) -> TextInput:
    """Read a UTF-8 text file without its final line breaks. Raises BindingError where it is none."""
    try:
        return TextInput(path.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, ValueError):
        raise BindingError(f"{quoted(path)} is expected to be a text in UTF-8; choose another file.") from None
