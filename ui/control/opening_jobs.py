"""Jobs of worker threads for opening media: recognising files, preparing samples, warming up."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses import Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import (
    AnnotationSet,
    Binding,
    MediaList,
    TextInput,
    open_annotations,
    open_media_list,
)
from cvstudio.analyses.label_sets import (
    has_pictures,
    implied_format,
    listing_of,
    media_set_of,
    missing_listing,
    truth_analyses,
)
from cvstudio.analyses.read_input import read_labels
from cvstudio.data.labels import LabelledSet, LeftOut
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.errors import MediaError, ReadingError, UserError
from cvstudio.foundation.lanes import Work
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_media
from cvstudio.media.file_identity import quoted
from cvstudio.media.folders import Listing, MediaSet, list_set, readable_folder
from cvstudio.media.open import read_again


@dataclass(frozen=True)
class Browsed:
    """Result of opening a file of a set: its medium, or None and the reason in `error`."""

    set: MediaSet
    name: str
    media: Media | None
    error: str = ""


@dataclass(frozen=True)
class Unlisted:
    """Set that cannot be listed, and the reason."""

    set: MediaSet
    error: str


@dataclass(frozen=True)
class OpenedLabels:
    """A labelled set that was opened.

    Parameters
    ----------
    annotations : the labels
    listing : their pictures, with the set to browse
    analyses : keys of the analyses that show the labels
    media : the first picture; None where none of them is there
    """

    annotations: AnnotationSet
    listing: Listing
    analyses: tuple[str, ...]
    media: Media | None


@dataclass(frozen=True)
class OpenedFiles:
    """Result of opening files: media, folders, labelled sets, and (path, reason) of each file that cannot be read."""

    media: tuple[Media, ...]
    folders: tuple[Path, ...]
    errors: tuple[tuple[Path, str], ...]
    labels: tuple[OpenedLabels, ...] = ()


@dataclass(frozen=True)
class CheckedLabels:
    """What was left out of a labelled set.

    Parameters
    ----------
    annotations : the labels
    missing : number of pictures that are not there
    pictures : number of all
    """

    path: Path
    left_out: tuple[LeftOut, ...]
    annotations: AnnotationSet
    missing: int = 0
    pictures: int = 0


@dataclass(frozen=True)
class SampleReady:
    """Sample inputs of an analysis, by the names of its slots."""

    spec: Analysis
    bindings: dict[str, Binding]


@dataclass(frozen=True)
class SetReady:
    """List of media for a slot of the analysis with id `instance`."""

    instance: int
    slot: str
    media: MediaList


@dataclass(frozen=True)
class FileReady:
    """Medium for a slot of the analysis with id `instance`."""

    instance: int
    slot: str
    media: Media


@dataclass(frozen=True)
class ReadAs:
    """A medium, and its file with another reading."""

    media: Media
    other: Media


def open_files(paths: Sequence[Path], cache: Cache | None = None, *, as_labels: bool = False) -> Work:
    """Work that recognises files and folders; yields one `OpenedFiles`, which also holds the errors of single files.

    Parameters
    ----------
    cache : takes the labels that were read; those of thousands of pictures take a second
    as_labels : whether all of them are labels, also folders that may hold anything
    """
    cache = cache or Cache()

    def work(progress: Progress) -> Iterator[Any]:
        media: list[Media] = []
        folders: list[Path] = []
        labels: list[OpenedLabels] = []
        errors: list[tuple[Path, str]] = []
        for number, path in enumerate(paths):
            progress(number / len(paths), path.name)
            try:
                if as_labels or implied_format(path) is not None:
                    labels.append(_open_labels(path, cache))
                elif os.path.isdir(path):
                    folders.append(readable_folder(path))
                else:
                    media.append(open_media(path))
            except UserError as error:
                errors.append((path, str(error)))
        yield OpenedFiles(tuple(media), tuple(folders), tuple(errors), tuple(labels))

    return work


def _open_labels(path: Path, cache: Cache) -> OpenedLabels:
    """Read a labelled set and open its first picture that can be read. Raises MediaError."""
    annotations = open_annotations(Path(os.path.abspath(path)))
    labelled = read_labels(annotations, cache)
    if not has_pictures(labelled) and labelled.names:
        return OpenedLabels(annotations, missing_listing(labelled), (), None)
    return _first_picture(annotations, labelled)


def _first_picture(annotations: AnnotationSet, labelled: LabelledSet) -> OpenedLabels:
    assert labelled.path is not None
    listing = listing_of(media_set_of(labelled), labelled)
    for number, file in enumerate(listing.files):
        try:
            media = open_media(listing.set.path / file.name)
        except MediaError:
            if number == len(listing.files) - 1:
                raise
            continue
        return OpenedLabels(annotations, listing, truth_analyses(labelled), media)
    raise MediaError(f"{quoted(labelled.path)} names no picture that is there; put them beside the labels.")


def find_pictures(annotations: AnnotationSet, folder: Path, cache: Cache) -> Work:
    """Work that finds the pictures of labels by their names in a folder and below; yields one `OpenedFiles` with the
    set. It raises MediaError where none is there."""

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.media.annotations.finding import pictures_in

        labelled = read_labels(annotations, cache)
        missing = [name for name in labelled.names if name not in labelled.pictures]
        progress(None, folder.name)
        found = pictures_in(missing, folder, progress)
        if not found:
            raise MediaError(
                f"{quoted(folder)} holds none of the {len(missing):,} pictures that are missing; choose another folder."
            )
        complete = dataclasses.replace(annotations, pictures={**annotations.pictures, **found})
        yield OpenedFiles((), (), (), (_first_picture(complete, read_labels(complete, cache)),))

    return work


def check_labels(annotations: AnnotationSet, cache: Cache) -> Work:
    """Work that looks through all labels of a set; yields one `CheckedLabels`."""

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.media.annotations.finding import MISSING

        assert annotations.path is not None
        labelled = read_labels(annotations, cache)
        left_out = labelled.check(progress)
        # What was found elsewhere is known to the set, but not to its file.
        found = labelled.added.intersection(labelled.pictures)
        left_out = tuple(item for item in left_out if item.reason != MISSING or item.where not in found)
        missing = sum(item.reason == MISSING for item in left_out)
        yield CheckedLabels(annotations.path, left_out, annotations, missing, len(labelled.names))

    return work


def list_labels(media_set: MediaSet, cache: Cache, pictures: Mapping[str, Path]) -> Listing:
    """List the pictures of the labels of `media_set` as they are now, with those that were found elsewhere. Raises
    MediaError."""
    assert media_set.labels is not None
    annotations = dataclasses.replace(open_annotations(media_set.labels), pictures=pictures)
    labelled = read_labels(annotations, cache)
    return listing_of(media_set, labelled) if has_pictures(labelled) else missing_listing(labelled)


def read_as(media: Media, key: str) -> Work:
    """Work that opens the file of `media` with the reading `key`; yields one `ReadAs`."""

    def work(progress: Progress) -> Iterator[Any]:
        yield ReadAs(media, read_again(media, key))

    return work


def prepare_sample(spec: Analysis) -> Work:
    """Work that creates the sample of `spec`, or finds it on disk; yields one `SampleReady`.

    The work raises `UserError` where the sample cannot be created.
    """

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.media.examples.files import sample_path

        bindings: dict[str, Binding] = {}
        for slot, key in (spec.samples or {}).items():
            if isinstance(key, TextInput):
                bindings[slot] = key
                continue
            if AnnotationSet in spec.slot(slot).accepts:
                bindings[slot] = open_annotations(sample_path(key, progress))
                continue
            several = spec.slot(slot).several
            if several is not None:
                bindings[slot] = open_media_list([sample_path(key, progress)], several.kinds, progress)
                continue
            kinds = spec.slot(slot).kinds
            kind = next(iter(kinds)) if len(kinds) == 1 else None
            bindings[slot] = open_media(sample_path(key, progress), kind=kind)
        yield SampleReady(spec, bindings)

    return work


def open_set(number: int, slot: Slot, media_set: MediaSet) -> Work:
    """Work that opens the files of a folder that `slot` accepts, for the analysis with id `number`; yields one
    `SetReady`."""

    def work(progress: Progress) -> Iterator[Any]:
        assert slot.several is not None
        yield SetReady(number, slot.name, open_media_list([media_set.path], slot.several.kinds, progress))

    return work


def open_for_slot(number: int, slot: Slot, path: Path) -> Work:
    """Work that opens a file for `slot` of the analysis with id `number`, as what the slot takes where the file may be
    that, such as a grey picture as a depth map; yields one `FileReady`."""

    def work(progress: Progress) -> Iterator[Any]:
        media = open_media(path)
        if not slot.takes(media):
            reading = next((item.key for item in media.readings if item.kind in slot.kinds), "")
            media = read_again(media, reading) if reading else media
        yield FileReady(number, slot.name, media)

    return work


def warm_up(progress: Progress) -> Iterator[Any]:
    """Work that imports the modules and renders the font that the first picture with a label needs."""
    import cv2  # noqa: F401  (importing it is the work)

    from cvstudio.draw.text import text_mask

    text_mask("0", 13)
    yield None


def list_files(media_set: MediaSet, cache: Cache, found: Mapping[str, Path]) -> Work:
    """Work that lists the files of a set, or its labelled pictures, which `found` has the files of."""

    def work(progress: Progress) -> Iterator[Any]:
        try:
            if media_set.labels is not None:
                yield list_labels(media_set, cache, found)
            else:
                yield from list_set(media_set, progress)
        except UserError as error:
            yield Unlisted(media_set, str(error))

    return work


def recognise(media_set: MediaSet, name: str, read_as: str) -> Work:
    """Work that opens a file of a set, as `read_as` where it offers that."""

    def opened(path: Path) -> Media:
        if read_as:
            with contextlib.suppress(ReadingError):
                return open_media(path, read_as=read_as)
        return open_media(path)

    def work(progress: Progress) -> Iterator[Any]:
        try:
            yield Browsed(media_set, name, opened(media_set.path / name))
        except UserError as error:
            yield Browsed(media_set, name, None, str(error))

    return work
