"""Work for the lanes: recognising files, preparing samples, warming up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cvstudio.analyses import Analysis
from cvstudio.analyses.analysis import Slot
from cvstudio.analyses.binding import Binding, MediaList, TextInput, open_media_list
from cvstudio.foundation.errors import UserError
from cvstudio.foundation.lanes import Work
from cvstudio.foundation.progress import Progress
from cvstudio.media import Media, open_media
from cvstudio.media.folders import MediaSet


@dataclass(frozen=True)
class Opened:
    """Files that were recognised, folders, and each file that was not with a sentence that says why."""

    media: tuple[Media, ...]
    folders: tuple[Path, ...]
    errors: tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class SampleReady:
    """The sample of an analysis, by slot."""

    spec: Analysis
    bindings: dict[str, Binding]


@dataclass(frozen=True)
class SetReady:
    """Several media for a slot of one instance."""

    instance: int
    slot: str
    media: MediaList


def open_files(paths: Sequence[Path]) -> Work:
    """Recognise files and tell folders from them; one that fails does not stop the others. Yields one `Opened`."""

    def work(progress: Progress) -> Iterator[Any]:
        media: list[Media] = []
        folders: list[Path] = []
        errors: list[tuple[Path, str]] = []
        for number, path in enumerate(paths):
            progress(number / len(paths), path.name)
            if path.is_dir():
                folders.append(Path(os.path.abspath(path)))
                continue
            try:
                media.append(open_media(path))
            except UserError as error:
                errors.append((path, str(error)))
        yield Opened(tuple(media), tuple(folders), tuple(errors))

    return work


def prepare_sample(spec: Analysis) -> Work:
    """Make or find the sample of `spec`. Yields one `SampleReady`."""

    def work(progress: Progress) -> Iterator[Any]:
        from cvstudio.media.examples.files import sample_path

        bindings: dict[str, Binding] = {}
        for slot, key in (spec.samples or {}).items():
            if isinstance(key, TextInput):
                bindings[slot] = key
                continue
            kinds = spec.slot(slot).kinds
            only = next(iter(kinds)) if len(kinds) == 1 else None
            bindings[slot] = open_media(sample_path(key, progress), kind=only)
        yield SampleReady(spec, bindings)

    return work


def open_set(number: int, slot: Slot, media_set: MediaSet) -> Work:
    """Recognise the files of a folder that fit into a slot of the instance `number`. Yields one `SetReady`."""

    def work(progress: Progress) -> Iterator[Any]:
        assert slot.several is not None
        yield SetReady(number, slot.name, open_media_list([media_set.path], slot.several.kinds, progress))

    return work


def warm_up(progress: Progress) -> Iterator[Any]:
    """Load what the first picture and its first label need, so that they do not wait for it."""
    import cv2  # noqa: F401  (importing it is the work)

    from cvstudio.draw.text import text_mask

    text_mask("0", 13)
    yield None
