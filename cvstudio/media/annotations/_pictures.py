"""Files of the pictures that labels name."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, decoding
from cvstudio.media.folders import kinds_by_suffix, natural_key
from cvstudio.media.pictures.headers import read_header

PICTURE_FOLDERS = ("images", "JPEGImages", "imgs", "img", "pictures")
"""Usual names of the folder beside labels in which their pictures are."""
UPWARDS = 3
"""Levels of folders above the labels in which pictures are looked for."""


def normal(name: str) -> str:
    """A file name as it is compared: "/" between folders, Unicode composed."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def is_picture(name: str) -> bool:
    """Whether the suffix is one of a picture."""
    return kinds_by_suffix().get(os.path.splitext(name)[1].casefold()) is MediaKind.IMAGE


class Folders:
    """Names of the files in folders, each listed once."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, str]] = {}
        self._by_stem: dict[Path, dict[str, Path]] = {}

    def names(self, folder: str) -> Mapping[str, str]:
        """Names of the files in a folder by their normalised form; empty where it cannot be listed."""
        if folder not in self._listed:
            try:
                names = sorted(os.listdir(folder), key=natural_key)
            except (OSError, ValueError):  # of a name that no file can have, such as one with a zero byte
                names = []
            self._listed[folder] = {normal(name): name for name in names if not name.startswith(".")}
        return self._listed[folder]

    def pictures_by_stem(self, folder: Path) -> Mapping[str, Path]:
        """Pictures of a folder by their name without the suffix."""
        if folder not in self._by_stem:
            pictures = ((key, name) for key, name in self.names(str(folder)).items() if is_picture(name))
            self._by_stem[folder] = {os.path.splitext(key)[0]: folder / name for key, name in pictures}
        return self._by_stem[folder]


def places(base: Path, hints: Sequence[str] = ()) -> Iterator[Path]:
    """Folders in which the pictures of labels in the folder `base` are usually found, the likeliest first.

    Parameters
    ----------
    hints : names of subfolders, such as "train2017"
    """
    for folder in (base, *base.parents[:UPWARDS]):
        yield folder
        for name in PICTURE_FOLDERS:
            yield folder / name
        for hint in hints:
            yield folder / hint
            for name in PICTURE_FOLDERS:
                yield folder / name / hint


def find_pictures(
    names: Iterable[str], base: Path, hints: Sequence[str] = (), *, folders: Folders | None = None
) -> dict[str, Path | None]:
    """File of each picture that labels in the folder `base` name; None where there is none."""
    folders = folders or Folders()
    found: dict[str, Path | None] = dict.fromkeys(names)
    missing: dict[str, dict[str, str]] = {}
    for name in found:
        folder, file_name = os.path.split(normal(name))
        missing.setdefault(folder, {})[name] = file_name
    # Folder by folder, as joining paths for each of thousands of names takes longer than all else.
    for place in places(Path(os.path.abspath(base)), hints):
        for folder, wanted in missing.items():
            there = os.path.normpath(os.path.join(place, folder))
            listed = folders.names(there) if wanted else {}
            for name in [name for name, file_name in wanted.items() if file_name in listed]:
                found[name] = Path(there, listed[wanted.pop(name)])
    return found


def picture_size(path: Path | None) -> Size | None:
    """Size in pixels of a picture, upright, from its header; None where it is no picture that can be read."""
    if path is None:
        return None
    try:
        with decoding(path), path.open("rb") as file:
            header = read_header(path, file.read(HEAD_BYTES))
    except MediaError:
        return None
    return header.size if header is not None else None
