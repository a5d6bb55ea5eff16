"""A folder for each class, with its pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from cvstudio.data.labels import Category, LabelledSet, LeftOut, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, PlannedPicture, WriteOptions
from cvstudio.media.annotations._files import put_picture, safe_path
from cvstudio.media.annotations._left_out import Collector, Report, lazy_set, readable
from cvstudio.media.annotations._pictures import is_picture, picture_size
from cvstudio.media.file_identity import quoted
from cvstudio.media.folders import natural_key

PARTS = frozenset(("train", "val", "valid", "validation", "test"))
"""Folders between the set and its classes."""
_NO_CLASS = frozenset(("images", "labels", "annotations", "masks", "jpegimages", "segmentationclass", "__macosx"))


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """Names of subfolders and pictures in a folder, in natural order, hidden ones left out."""
    with os.scandir(folder) as entries:
        visible = [(entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith(".")]
    visible.sort(key=lambda item: natural_key(item[0]))
    return [name for name, is_folder in visible if is_folder], [
        name for name, is_folder in visible if not is_folder and is_picture(name)
    ]


def _subfolders(folder: Path, above: frozenset[str]) -> tuple[list[str], list[str], frozenset[str]]:
    """See `_entries`, without links that lead back to one of the folders `above`; and these with `folder` itself."""
    above |= {os.path.realpath(folder)}
    folders, names = _entries(folder)
    return [name for name in folders if os.path.realpath(folder / name) not in above], names, above


def _above(root: Path) -> frozenset[str]:
    """Real paths of the folders above a set."""
    return frozenset(map(str, Path(os.path.realpath(root)).parents))


def _class_folders(root: Path, above: frozenset[str]) -> list[tuple[str, Path]]:
    """Name and folder of each class; a class is there several times where the set is parted."""
    folders, _, above = _subfolders(root, above)
    if folders and {name.casefold() for name in folders} <= PARTS:
        return [found for name in folders for found in _class_folders(root / name, above)]
    return [(name, root / name) for name in folders if name.casefold() not in _NO_CLASS]


def _recognises(path: Path) -> bool:
    try:
        if not path.is_dir() or _entries(path)[1]:
            return False
        entries = [(name, _entries(folder)) for name, folder in _class_folders(path, _above(path))]
        # A class may have no picture yet; a folder with other folders alone is none of a class.
        if any(folders and not pictures for _, (folders, pictures) in entries):
            return False
        return len({name for name, (_, pictures) in entries if pictures}) >= 2
    except OSError:
        return False


def _read(path: Path) -> LabelledSet:
    collector = Collector()
    pictures: dict[str, Path | None] = {}
    class_of: dict[str, str] = {}
    try:
        above = _above(path)
        for name, folder in _class_folders(path, above):
            found = list(_pictures(folder, above | {os.path.realpath(path)}))
            if not found:
                collector.add("The folder of a class has no picture.", folder.relative_to(path).as_posix())
            for picture in found:
                key = picture.relative_to(path).as_posix()
                pictures[key], class_of[key] = picture, name
        _, loose = _entries(path)
    except OSError as error:
        raise MediaError(f"{quoted(path)} cannot be read ({error.strerror}); change its permissions.") from None
    for name in loose:
        collector.add("A picture is in no folder of a class.", name)
    if not pictures:
        raise MediaError(f"{quoted(path)} is expected to hold a folder of pictures for each class; choose another one.")
    names = sorted(set(class_of.values()), key=natural_key)

    def read(name: str, report: Report) -> PictureLabels:
        return PictureLabels(picture_size(pictures[name]), classes=(names.index(class_of[name]),))

    return lazy_set(path, "class-folders", [Category(name) for name in names], pictures, read, collector.left_out)


def _pictures(folder: Path, above: frozenset[str]) -> Iterator[Path]:
    folders, names, above = _subfolders(folder, above)
    yield from (folder / name for name in names)
    for name in folders:
        yield from _pictures(folder / name, above)


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Copy each picture into the folder of its class, as the form holds nothing but pictures."""
    collector = Collector()
    for name, target in _targets(labelled, collector, progress):
        put_picture(labelled, name, folder, collector, target)
    return collector.left_out


def _plan(labelled: LabelledSet, progress: Progress) -> tuple[PlannedPicture, ...]:
    targets = _targets(labelled, Collector(), progress)
    return tuple(
        PlannedPicture(labelled.pictures[name], target) for name, target in targets if name in labelled.pictures
    )


def _targets(labelled: LabelledSet, collector: Collector, progress: Progress) -> Iterator[tuple[str, str]]:
    """Name of each picture that has a class, and its path in the folder of its class."""
    taken = set[str]()
    for _, name, labels in readable(labelled, collector, progress):
        if labels.annotations or labels.label_map is not None:
            collector.add("A class for each folder holds no objects and no maps of classes.", name)
        if not labels.classes:
            collector.add("The picture has no class.", name)
            continue
        if len(labels.classes) > 1:
            collector.add("A picture is in one folder; its further classes are left out.", name)
        label = labelled.categories[labels.classes[0]].name
        class_folder = safe_path(label.replace("/", "_").replace("\\", "_"))
        yield name, f"{class_folder}/{_free(safe_path(name).rpartition('/')[2], class_folder, taken)}"


def _free(name: str, folder: str, taken: set[str]) -> str:
    """`name`, or with a number where a picture of another folder has it already."""
    stem, suffix = os.path.splitext(name)
    number, candidate = 1, name
    while f"{folder}/{candidate}" in taken:
        number += 1
        candidate = f"{stem}-{number}{suffix}"
    taken.add(f"{folder}/{candidate}")
    return candidate


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "class-folders",
        "Class per folder",
        _recognises,
        _read,
        order=90,
        write=_write,
        summary="A folder of pictures for each class; the pictures are copied, or moved.",
        plan=_plan,
        implied=False,
    )
)
