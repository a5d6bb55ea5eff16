"""Files of the pictures that labels name."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import MediaError
from cvstudio.media.base import MediaKind
from cvstudio.media.file_identity import HEAD_BYTES, decoding
from cvstudio.media.folders import kinds_by_suffix, natural_key
from cvstudio.media.pictures.headers import jpeg_size, read_header

PICTURE_FOLDERS = ("images", "JPEGImages", "imgs", "img", "pictures", "data")
"""Usual names of the folder beside labels in which their pictures are; the last is that of FiftyOne."""
_LABEL_FOLDERS = frozenset(("annotations", "labels"))
"""Usual names of a folder with nothing but labels, beside that of their pictures."""
UPWARDS = 3
"""Levels of folders above the labels in which pictures are looked for."""


def normal(name: str) -> str:
    """A file name as it is compared: "/" between folders, Unicode composed."""
    return unicodedata.normalize("NFC", name.replace("\\", "/")).removeprefix("./")


def loose(name: str) -> str:
    """A file name as it is compared where none is equal: without regard to capitals, and "%20" as a blank."""
    return normal(unquote(name)).casefold()


def is_picture(name: str) -> bool:
    """Whether the suffix is one of a picture."""
    return kinds_by_suffix().get(os.path.splitext(name)[1].casefold()) is MediaKind.IMAGE


class Folders:
    """Names of the files in folders, each listed once."""

    def __init__(self) -> None:
        self._listed: dict[str, dict[str, str]] = {}
        self._loose: dict[str, dict[str, str]] = {}
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

    def loose_names(self, folder: str) -> Mapping[str, str]:
        """Names of the files in a folder by their form for `loose` comparison; none that two share."""
        if folder not in self._loose:
            by_name: dict[str, list[str]] = {}
            for name in self.names(folder).values():
                by_name.setdefault(loose(name), []).append(name)
            self._loose[folder] = {key: names[0] for key, names in by_name.items() if len(names) == 1}
        return self._loose[folder]

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
    names: Iterable[str],
    base: Path,
    hints: Sequence[str] = (),
    *,
    folders: Folders | None = None,
    without: Path | None = None,
) -> dict[str, Path | None]:
    """File of each picture that labels in the folder `base` name; None where there is none.

    Where no name is equal, capitals and "%20" are looked over, and last the folders: a path of another machine, or of
    the server of a labelling program, says nothing here. No two names share a file that way.

    Parameters
    ----------
    without : a folder in which no picture is, as it holds label maps of the same names
    """
    folders = folders or Folders()
    found: dict[str, Path | None] = dict.fromkeys(names)
    split = {name: os.path.split(normal(name)) for name in found}
    wanted: dict[str, dict[str, str]] = {}
    for name, (folder, file_name) in split.items():
        wanted.setdefault(folder, {})[name] = file_name
    base = Path(os.path.abspath(base))
    around = [place for place in places(base, hints) if place != without]
    found.update(_search(wanted, around, folders.names))
    if None not in found.values():
        return found
    taken = set(found.values())
    wanted = {folder: {name: loose(own[name]) for name in own if found[name] is None} for folder, own in wanted.items()}
    _add_unshared(found, _search(wanted, around, folders.loose_names), taken)
    counts = Counter(loose(file_name) for _, file_name in split.values())
    alone = {name: loose(split[name][1]) for name, file in found.items() if file is None}
    alone = {name: key for name, key in alone.items() if counts[key] == 1}
    # Not further up, where a picture of that name may be any.
    own = base.parent if base.name.casefold() in _LABEL_FOLDERS else base
    near = [place for place in around if place.is_relative_to(own)]
    _add_unshared(found, _search({"": alone}, near, folders.loose_names), taken)
    return found


def _search(
    wanted: Mapping[str, Mapping[str, str]], around: Iterable[Path], names_in: Callable[[str], Mapping[str, str]]
) -> dict[str, Path]:
    """Files of the `wanted` names, name -> its key in `names_in` by folder, of the first place that has them."""
    found: dict[str, Path] = {}
    missing = {folder: dict(own) for folder, own in wanted.items() if own}
    # Folder by folder, as joining paths for each of thousands of names takes longer than all else.
    for place in around:
        for folder, own in missing.items():
            there = os.path.normpath(os.path.join(place, folder))
            listed = names_in(there) if own else {}
            for name in [name for name, key in own.items() if key in listed]:
                found[name] = Path(there, listed[own.pop(name)])
    return found


def _add_unshared(found: dict[str, Path | None], more: Mapping[str, Path], taken: set[Path | None]) -> None:
    """Add what no other name has found."""
    counts = Counter(more.values())
    found.update((name, file) for name, file in more.items() if counts[file] == 1 and file not in taken)
    taken.update(more.values())


def picture_size(path: Path | None) -> Size | None:
    """Size in pixels of a picture, upright, from its header; None where it is no picture that can be read.

    Of a JPEG the rest is not looked at: whole photographs are long.
    """
    if path is None:
        return None
    try:
        with decoding(path), path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = jpeg_size(head)
        if size is not None:
            return size
        header = read_header(path, head)
    except MediaError:
        return None
    return header.size if header is not None else None
