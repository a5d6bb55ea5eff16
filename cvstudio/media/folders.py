"""Folders as sets of files: listed without a file being opened, in the order in which a person counts."""

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
from cvstudio.foundation.progress import Progress
from cvstudio.media.base import MediaKind
from cvstudio.media.file_identity import quoted

_DIGITS = re.compile("[0-9]+")
_FIRST_PAUSE_SECS = 0.25
_FOLDERS_AT_ONCE = 64


@dataclass(frozen=True)
class MediaSet:
    """A folder that is open as a set.

    Parameters
    ----------
    path : absolute
    recursive : whether the files of its subfolders belong to it
    """

    path: Path
    recursive: bool = False

    @property
    def name(self) -> str:
        """Folder name for display, composed; the whole path for a root."""
        return unicodedata.normalize("NFC", self.path.name) or str(self.path)

    def holds(self, path: Path) -> bool:
        """Whether a file at `path` belongs to the set, told from its name alone."""
        return path.parent == self.path or (self.recursive and self.path in path.parents)


class SetFile(NamedTuple):
    """One file of a set.

    Parameters
    ----------
    name : relative to the folder of the set, with "/" between folders
    kind : what its suffix promises; None for a suffix that no format claims
    words : what a search looks through
    """

    name: str
    kind: MediaKind | None
    words: str


@dataclass(frozen=True)
class Listing:
    """The files of a set in natural order, as far as they are known.

    Parameters
    ----------
    folders : every folder that was read, the set's own first
    complete : False while folders are still being read
    """

    set: MediaSet
    files: tuple[SetFile, ...]
    folders: tuple[Path, ...]
    complete: bool


def natural_key(name: str) -> str:
    """A key that sorts "9.jpg" before "10.jpg", capitals among small letters and folders as groups.

    Each run of digits is preceded by its length, so that a longer number is the larger one; it stays a string because
    sorting strings holds the interpreter far shorter than sorting tuples.
    """

    def run(match: re.Match[str]) -> str:
        digits = match.group().lstrip("0") or "0"
        return f"0{chr(len(digits))}{digits}"

    return _DIGITS.sub(run, unicodedata.normalize("NFC", name).casefold()).replace("/", "\x01")


@functools.cache
def kinds_by_suffix() -> Mapping[str, MediaKind]:
    """What a suffix such as ".png" promises. Where two formats share one, a picture is what is meant most often."""
    from cvstudio.media.formats import FORMATS

    found: dict[str, MediaKind] = {}
    for entry in sorted(FORMATS, key=lambda entry: (entry.kind is not MediaKind.IMAGE, entry.order)):
        for suffix in entry.suffixes:
            found.setdefault(suffix, entry.kind)
    return found


def set_file(name: str) -> SetFile:
    """The entry of a file by its name relative to the set's folder."""
    kind = kinds_by_suffix().get(os.path.splitext(name)[1].casefold())
    return SetFile(name, kind, unicodedata.normalize("NFC", name).casefold())


def list_set(media_set: MediaSet, progress: Progress) -> Iterator[Listing]:
    """List a folder. Hidden files are left out; no file is opened, and none is asked for its size.

    Yields
    ------
    Listing
        What is known by now, at growing intervals while subfolders are read, and at last the whole.

    Raises
    ------
    MediaError
        The folder is gone or must not be read. A subfolder that cannot be read counts as empty.
    """
    names: list[str] = []
    folders: list[Path] = []
    waiting = [""]
    pause, due = _FIRST_PAUSE_SECS, time.monotonic() + _FIRST_PAUSE_SECS
    while waiting:
        progress.check()
        relative = waiting.pop()
        try:
            below = _scan(media_set.path / relative, relative, names, progress)
        except OSError as error:
            if not relative:
                raise _unreadable(media_set.path, error) from error
            continue
        folders.append(media_set.path / relative)
        if media_set.recursive:
            waiting += reversed(below)
        if waiting and time.monotonic() > due:
            yield _listing(media_set, names, folders, complete=False)
            pause *= 2
            due = time.monotonic() + pause
        if len(folders) % _FOLDERS_AT_ONCE == 0:
            progress(None, relative)
    yield _listing(media_set, names, folders, complete=True)


def _scan(folder: Path, relative: str, names: list[str], progress: Progress) -> list[str]:
    """Append the files of one folder to `names`; its subfolders in natural order."""
    below = []
    prefix = f"{relative}/" if relative else ""
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number % 1024 == 0:
                progress.check()
            if entry.name.startswith("."):
                continue
            # Links to folders are not followed: they may lead in a circle.
            if entry.is_dir(follow_symlinks=False):
                below.append(prefix + entry.name)
            elif entry.is_file():
                names.append(prefix + entry.name)
    return sorted(below, key=natural_key)


def _listing(media_set: MediaSet, names: list[str], folders: list[Path], *, complete: bool) -> Listing:
    names.sort(key=natural_key)
    return Listing(media_set, tuple(map(set_file, names)), tuple(folders), complete)


def _unreadable(path: Path, error: OSError) -> MediaError:
    if isinstance(error, FileNotFoundError):
        return MediaError(f"The folder {quoted(path)} is not there any more; put it back or close it.")
    if isinstance(error, NotADirectoryError):
        return MediaError(f"{quoted(path)} is a file and no folder any more; close it and open the file.")
    return MediaError(
        f"The folder {quoted(path)} cannot be read ({error.strerror}); change its permissions or choose another one."
    )
