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
        self._listed: dict[Path, dict[str, Path]] = {}
        self._by_stem: dict[Path, dict[str, Path]] = {}

    def files(self, folder: Path) -> Mapping[str, Path]:
        """Files of a folder by their normalised name; empty where it cannot be listed."""
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    names = sorted((entry.name for entry in entries), key=natural_key)
            except OSError:
                names = []
            self._listed[folder] = {normal(name): folder / name for name in names if not name.startswith(".")}
        return self._listed[folder]

    def pictures_by_stem(self, folder: Path) -> Mapping[str, Path]:
        """Pictures of a folder by their name without the suffix."""
        if folder not in self._by_stem:
            pictures = ((name, path) for name, path in self.files(folder).items() if is_picture(name))
            self._by_stem[folder] = {os.path.splitext(name)[0]: path for name, path in pictures}
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
    # One that is looked for in vain would otherwise be in all the places.
    missing = {name: os.path.split(normal(name)) for name in found}
    for place in places(base, hints):
        if not missing:
            break
        for name, (folder, file_name) in list(missing.items()):
            path = folders.files(place / folder if folder else place).get(file_name)
            if path is not None:
                found[name] = Path(os.path.abspath(path))
                del missing[name]
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
