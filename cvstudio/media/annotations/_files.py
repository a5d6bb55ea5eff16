"""Files of labels in folders: found, named and written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from cvstudio.data.labels import LabelledSet
from cvstudio.foundation.errors import MediaError
from cvstudio.media.annotations._left_out import NO_PICTURE, TWICE, Collector
from cvstudio.media.annotations._pictures import normal
from cvstudio.media.file_identity import quoted
from cvstudio.media.folders import natural_key

MAX_FILES = 1_000_000
"""Files of a set at most: who opens the root of a disk by mistake is told."""
_DEEPEST = 16
_FORBIDDEN = str.maketrans(dict.fromkeys('<>:"|?*\x00', "_"))


def files_below(root: Path, *suffixes: str) -> list[Path]:
    """Files with one of these suffixes in `root` and its subfolders, in natural order; hidden ones are left out.

    Raises
    ------
    MediaError
        There are more than `MAX_FILES`.
    """
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
        wanted = (name for name in names if not name.startswith(".") and name.casefold().endswith(suffixes))
        found += [Path(folder, name) for name in sorted(wanted, key=natural_key)]
        if len(found) > MAX_FILES:
            raise MediaError(f"{quoted(root)} holds more than {MAX_FILES:,} files; choose the folder of one set.")
    return found


def first_with_files(folder: Path) -> Path:
    """`folder`, or, as long as one holds nothing but folders, the first of those. Raises OSError."""
    for _ in range(_DEEPEST):
        with os.scandir(folder) as entries:
            visible = {entry.name: entry.is_dir() for entry in entries if not entry.name.startswith(".")}
        if not visible or not all(visible.values()):
            break
        folder /= min(visible, key=natural_key)
    return folder


def by_picture(
    files: Iterable[Path],
    picture_of: Callable[[Path], Path | None],
    folder_of: Callable[[Path], str],
    collector: Collector,
) -> tuple[dict[str, Path], dict[str, Path | None]]:
    """Files of labels, each of one picture: by the name of the picture, and the picture's own file, None where it has
    none. Of two files of one picture the first is taken, which is told.

    Parameters
    ----------
    picture_of : callable (file of labels) -> its picture; None where it is not there
    folder_of : callable (file of labels) -> folder of the picture within the set, with "/" between folders
    """
    label_files: dict[str, Path] = {}
    pictures: dict[str, Path | None] = {}
    for item in files:
        picture = picture_of(item)
        own = picture.name if picture is not None else stem_of(item)
        name = "/".join(part for part in (folder_of(item), own) if part)
        if name in label_files:
            collector.add(TWICE, name)
        else:
            label_files[name], pictures[name] = item, picture
    return label_files, pictures


def stem_of(path: Path) -> str:
    """Name of a file without its suffix, Unicode composed."""
    return os.path.splitext(normal(path.name))[0]


def class_names(root: Path, names: Sequence[str], others: Iterable[Path] = ()) -> list[str]:
    """Class names, one per line, of the first of the files `names` in `root` or the folders `others` or above them;
    empty without one."""
    folders = dict.fromkeys((root, *(folder for other in sorted(others) for folder in (other, other.parent))))
    for folder in folders:
        for name in names:
            try:
                content = (folder / name).read_text(encoding="utf-8-sig", errors="replace")
            except OSError:
                continue
            lines = [line.strip() for line in content.splitlines()]
            if any(lines):
                # Only at the end, as the number of a class is that of its line.
                while not lines[-1]:
                    lines.pop()
                return lines
    return []


def safe_path(name: str) -> str:
    """The name of a picture as a relative path that leads nowhere else, with "/" between folders."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    kept = [part.translate(_FORBIDDEN).rstrip(". ") for part in parts if part not in ("/", "..", ".")]
    return "/".join(part for part in kept if part) or "picture"


def write_text(path: Path, content: str) -> None:
    """Write a text in UTF-8; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8", errors="surrogateescape", newline="\n")


def put_picture(labelled: LabelledSet, name: str, folder: Path, collector: Collector, target: str = "") -> bool:
    """Copy a picture into `folder`, as `target` or under its name; False where it has no file."""
    source = labelled.pictures.get(name)
    if source is None:
        collector.add(NO_PICTURE, name)
        return False
    path = folder / (target or safe_path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, path)
    return True
