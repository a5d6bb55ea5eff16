"""Folders as sets of media: listed in natural order without opening a file."""

from __future__ import annotations

import functools
import os
import re
import time
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import shown_name
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.file_identity import quoted

_DIGITS = re.compile("[0-9]+")
_FIRST_PAUSE_SECS = 0.25
_FOLDERS_AT_ONCE = 64


@dataclass(frozen=True)
class MediaSet:
    """A folder opened as a set of media.

    Parameters
    ----------
    path : absolute
    recursive : whether files in subfolders belong to the set
    labels : file or folder of labels whose pictures these are; None for all files of the folder
    """

    path: Path
    recursive: bool = False
    labels: Path | None = None

    @property
    def name(self) -> str:
        """Folder name, or name of the labels, for display in Unicode normal form C; the whole path for a root."""
        path = self.labels or self.path
        return shown_name(path.name or str(path))

    def holds(self, path: Path) -> bool:
        """Whether the file at `path` belongs to the set, by its path alone."""
        return path.parent == self.path or (self.recursive and self.path in path.parents)


class SetFile(NamedTuple):
    """One file of a set.

    Parameters
    ----------
    name : relative to the folder of the set, with "/" between folders
    kind : suggested by the suffix; None for a suffix of no format
    words : text for searching: the name, composed and case-folded
    """

    name: str
    kind: MediaKind | None
    words: str


@dataclass(frozen=True)
class Listing:
    """The files of a set in natural order, as far as they are listed.

    Parameters
    ----------
    folders : the folders read so far, the set's own first
    complete : False while folders are still being read
    subfolders : names of the folders in the set's own folder in natural order, whether they are read or not; none where
        labels name the files
    """

    set: MediaSet
    files: tuple[SetFile, ...]
    folders: tuple[Path, ...]
    complete: bool
    subfolders: tuple[str, ...] = ()


def natural_key(name: str) -> str:
    """Sort key of natural order: "9.jpg" before "10.jpg", case ignored, the files of a folder together.

    Each run of digits is preceded by its length, so that a longer number sorts as larger. The key is a string because
    sorting strings blocks the interpreter for far less time than sorting tuples.
    """

    def run(match: re.Match[str]) -> str:
        digits = match.group().lstrip("0") or "0"
        return f"0{chr(len(digits))}{digits}"

    return _DIGITS.sub(run, unicodedata.normalize("NFC", name).casefold()).replace("/", "\x01")


@functools.cache
def kinds_by_suffix() -> Mapping[str, MediaKind]:
    """Kind by suffix such as ".png". Where formats share a suffix, pictures take precedence as the most frequent."""
    from cvstudio.media.formats import FORMATS

    kinds: dict[str, MediaKind] = {}
    for entry in sorted(FORMATS, key=lambda entry: (entry.kind is not MediaKind.IMAGE, entry.order)):
        for suffix in entry.suffixes:
            kinds.setdefault(suffix, entry.kind)
    return kinds


def set_file(name: str) -> SetFile:
    """The `SetFile` of a file, by its name relative to the set's folder."""
    kind = kinds_by_suffix().get(os.path.splitext(name)[1].casefold())
    return SetFile(name, kind, unicodedata.normalize("NFC", name).casefold())


def list_set(media_set: MediaSet, progress: Progress) -> Iterator[Listing]:
    """List a folder. Hidden files are left out; no file is opened or queried for its size.

    Yields
    ------
    Listing
        Partial ones at growing intervals while subfolders are read, then the complete one.

    Raises
    ------
    MediaError
        The folder is missing or not readable. A subfolder that is not readable counts as empty.
    Cancelled
        `progress` was cancelled.
    """
    names: list[str] = []
    folders: list[Path] = []
    pending = [""]
    own: tuple[str, ...] = ()
    pause, due = _FIRST_PAUSE_SECS, time.monotonic() + _FIRST_PAUSE_SECS
    while pending:
        progress.check()
        relative = pending.pop()
        try:
            subfolders = _scan(media_set.path / relative, relative, names, progress)
        except OSError as error:
            if not relative:
                raise _unreadable(media_set.path, error) from error
            continue
        if not relative:
            own = tuple(subfolders)
        folders.append(media_set.path / relative)
        if media_set.recursive:
            pending += reversed(subfolders)
        if pending and time.monotonic() > due:
            yield _listing(media_set, names, folders, own, complete=False)
            pause *= 2
            due = time.monotonic() + pause
        if len(folders) % _FOLDERS_AT_ONCE == 0:
            progress(None, relative)
    yield _listing(media_set, names, folders, own, complete=True)


def readable_folder(path: Path) -> Path:
    """Absolute path of a folder whose entries can be listed. Raises MediaError where they cannot."""
    absolute = Path(os.path.abspath(path))
    try:
        with os.scandir(absolute):
            return absolute
    except OSError as error:
        raise _unreadable(absolute, error) from error


def _scan(folder: Path, relative: str, names: list[str], progress: Progress) -> list[str]:
    """Append the files of one folder to `names` and return its subfolders in natural order."""
    subfolders = []
    prefix = f"{relative}/" if relative else ""
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number % 1024 == 0:
                progress.check()
            if entry.name.startswith("."):
                continue
            # Links to folders are not followed: they may form a cycle.
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(prefix + entry.name)
            elif _is_file(entry):
                names.append(prefix + entry.name)
    return sorted(subfolders, key=natural_key)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link into a folder that must not be searched
        return False


def _listing(
    media_set: MediaSet, names: list[str], folders: list[Path], subfolders: tuple[str, ...], *, complete: bool
) -> Listing:
    names.sort(key=natural_key)
    return Listing(media_set, tuple(map(set_file, names)), tuple(folders), complete, subfolders)


def _unreadable(path: Path, error: OSError) -> MediaError:
    if isinstance(error, FileNotFoundError):
        return MediaError(f"The folder {quoted(path)} is not there any more; put it back or close it.")
    if isinstance(error, NotADirectoryError):
        return MediaError(f"{quoted(path)} is a file and no folder any more; close it and open the file.")
    return MediaError(
        f"The folder {quoted(path)} cannot be read ({error.strerror}); change its permissions or choose another one."
    )
