"""What can stand in a slot of an analysis: a medium, several media, a text, an annotation set, or another's result."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from cvstudio.foundation.errors import BindingError
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, MediaKind, open_media, open_reader
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.file_identity import decoding, media_id, quoted
from cvstudio.media.folders import MediaSet, kinds_by_suffix, list_set

SourceKey = tuple[Hashable, float | None]
"""What a request holds of one binding: what it is, and the presentation time where it changes with that."""

NAMED = 40
"""Characters of a text that name it in the window."""


@dataclass(frozen=True)
class Several:
    """Accepted by a slot: from `least` to `most` media of these kinds at once, such as a folder or a stereo pair."""

    kinds: frozenset[MediaKind]
    least: int = 1
    most: int | None = None


@dataclass(frozen=True)
class TextInput:
    """A text, such as a question or a prompt. A stage is given it as str."""

    text: str

    @property
    def name(self) -> str:
        """Its beginning, for the window."""
        line = " ".join(self.text.split())
        return line if len(line) <= NAMED else f"{line[: NAMED - 1]}…"

    def key(self, pts: float | None) -> SourceKey:
        """What a request holds of it."""
        return ("text", self.text), None


@dataclass(frozen=True)
class MediaList:
    """Several media in their order. A stage is given a `MediaSamples`.

    Parameters
    ----------
    media : one after the other; they need not be open in the session
    folder : the set that they are all the fitting files of; None where they were chosen one by one
    """

    media: tuple[Media, ...]
    folder: MediaSet | None = None

    @property
    def name(self) -> str:
        """The folder, or the files."""
        return self.folder.name if self.folder is not None else ", ".join(item.name for item in self.media)

    def key(self, pts: float | None) -> SourceKey:
        """What a request holds of it."""
        return ("media", *(item.id for item in self.media)), None


@dataclass(frozen=True)
class AnnotationSet:
    """Ground truth: a labelled set on disk. A stage is given what the format's `read` returns.

    Parameters
    ----------
    id : of the file's content, or of the names, sizes and times of a folder's files
    format : key of the `AnnotationFormat`
    """

    path: Path
    format: str
    id: str

    @property
    def name(self) -> str:
        """File or folder name."""
        return self.path.name

    def key(self, pts: float | None) -> SourceKey:
        """What a request holds of it."""
        return ("annotations", self.format, self.id), None

    def read(self) -> Any:
        """The labels. Raises MediaError."""
        return ANNOTATION_FORMATS[self.format].read(self.path)


class Declared(Protocol):
    """What of an analysis its result is known by."""

    @property
    def title(self) -> str: ...

    @property
    def result(self) -> type[Any]: ...


class Upstream(Protocol):
    """The analysis whose result is taken: an `AnalysisInstance`, which itself knows the bindings."""

    @property
    def spec(self) -> Declared: ...


@dataclass(frozen=True)
class ResultOf:
    """The result of another analysis at the same moment, as its last stage returns it. A stage is given the result.

    What follows frames, such as identities, is not part of it.

    Parameters
    ----------
    instance_id : of the other analysis in the session; 0 outside of one
    upstream : the other analysis itself: filled in by `State.linked`, and by recipes and the command line, which know
        no session. None in a session's state, and where the other analysis is gone
    """

    instance_id: int = 0
    upstream: Upstream | None = None

    @property
    def name(self) -> str:
        """The other analysis, for the window."""
        return self.upstream.spec.title if self.upstream is not None else ""


Binding = Media | MediaList | TextInput | AnnotationSet | ResultOf


class MediaSamples(Sequence[Any]):
    """The samples of a `MediaList`, each decoded when it is asked for and not kept; of a video its first frame."""

    def __init__(self, media: tuple[Media, ...]) -> None:
        self.media = media

    def __len__(self) -> int:
        return len(self.media)

    def __getitem__(self, index: Any) -> Any:
        """One sample, or with a slice another `MediaSamples`. Raises MediaError."""
        if isinstance(index, slice):
            return MediaSamples(self.media[index])
        media = self.media[index]
        with open_reader(media) as reader:
            return reader.at(0.0) if media.moving else reader.read()

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))


def open_media_list(paths: Sequence[Path], kinds: frozenset[MediaKind], progress: Progress) -> MediaList:
    """The media of files, or of one folder the fitting files in natural order.

    Raises
    ------
    MediaError
        A file cannot be opened, or a folder cannot be read.
    BindingError
        There is none.
    """
    only = next(iter(kinds)) if len(kinds) == 1 else None
    folder = None
    if len(paths) == 1 and paths[0].is_dir():
        folder = MediaSet(Path(os.path.abspath(paths[0])))
        paths = files_of(folder, kinds, progress)
    media = []
    for number, path in enumerate(paths):
        progress(number / len(paths), path.name)
        media.append(open_media(path, kind=only))
    if not media:
        where = folder.name if folder is not None else "the list"
        raise BindingError(f"{where} holds no {' or '.join(sorted(kinds))}; choose a folder that holds some.")
    return MediaList(tuple(media), folder)


def files_of(folder: MediaSet, kinds: frozenset[MediaKind], progress: Progress) -> list[Path]:
    """The files of a folder whose suffix promises one of `kinds`, in natural order. Raises MediaError."""
    # Depth maps are pictures by their suffix, and only their content tells.
    promised = kinds | {MediaKind.IMAGE} if MediaKind.DEPTH in kinds else kinds
    listing = next(item for item in list_set(folder, progress) if item.complete)
    known = kinds_by_suffix()
    names = (file.name for file in listing.files if known.get(Path(file.name).suffix.casefold()) in promised)
    return [folder.path / name for name in names]


def open_annotations(path: Path) -> AnnotationSet:
    """The annotation set at `path`. Raises MediaError."""
    found = annotation_format(path)
    return AnnotationSet(path, found.key, annotations_id(path))


def annotations_id(path: Path) -> str:
    """Identity of a file by its content, or of a folder by the names, sizes and times of the files in it."""
    import xxhash

    if path.is_file():
        return media_id(path, MediaKind.IMAGE).partition("-")[0]
    digest = xxhash.xxh3_128()
    with decoding(path):
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                facts = os.stat(os.path.join(folder, name))
                digest.update(f"{os.path.relpath(folder, path)}/{name} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def read_text(path: Path) -> TextInput:
    """The text of a file, without the line breaks at its end. Raises BindingError where it is no text."""
    try:
        return TextInput(path.read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, ValueError):
        raise BindingError(f"{quoted(path)} is expected to be a text in UTF-8; choose another file.") from None
