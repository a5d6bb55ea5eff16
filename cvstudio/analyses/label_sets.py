"""Labelled sets as something to browse: where their pictures are, and which analyses show their labels."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from cvstudio.analyses.binding import AnnotationSet
from cvstudio.data.labels import LabelledSet
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.names import counted
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, recognised_format
from cvstudio.media.file_identity import quoted
from cvstudio.media.folders import Listing, MediaSet, natural_key, set_file

SUFFIXES = (".json", ".xml", ".yaml", ".yml", ".csv", ".tsv")
"""Endings of files that may hold labels."""
_LOOKED_AT = 16
"""Pictures whose labels say what kind of labels a set has."""


def implied_format(path: Path) -> AnnotationFormat | None:
    """The format of what is opened without a word that it is labels: a file of labels, or a folder that nothing else
    looks like. None for any other file or folder."""
    if not os.path.isdir(path) and path.suffix.casefold() not in SUFFIXES:
        return None
    return recognised_format(path, (entry for entry in ANNOTATION_FORMATS if entry.implied))


def media_set_of(labelled: LabelledSet) -> MediaSet:
    """The folder of the labelled pictures as a set to browse.

    Raises
    ------
    MediaError
        None of the pictures is there.
    """
    assert labelled.path is not None
    folders = sorted({str(path.parent) for path in _files_of(labelled)})
    if not folders:
        pictures = counted(len(labelled.names), "picture")
        raise MediaError(
            f"{quoted(labelled.path)} names {pictures}, but none of them was found near it; put "
            "them beside the labels, or into a folder 'images' there."
        )
    try:
        common = os.path.commonpath(folders)
    except ValueError:  # on several drives of Windows: those of the first
        common = folders[0]
    return MediaSet(Path(common), recursive=True, labels=Path(os.path.abspath(labelled.path)))


def missing_listing(labelled: LabelledSet) -> Listing:
    """The names of the pictures of a set of which none is there, as a list to browse: none of them can be opened."""
    assert labelled.path is not None
    path = Path(os.path.abspath(labelled.path))
    folder = path if path.is_dir() else path.parent
    names = sorted(labelled.names, key=natural_key)
    media_set = MediaSet(folder, recursive=True, labels=path)
    return Listing(media_set, tuple(map(set_file, names)), (folder,), complete=True)


def has_pictures(labelled: LabelledSet) -> bool:
    """Whether any of the pictures or videos of a set is there."""
    return bool(_files_of(labelled))


def _files_of(labelled: LabelledSet) -> tuple[Path, ...]:
    """The files of the pictures and videos."""
    return (*labelled.pictures.values(), *labelled.videos.values())


def listing_of(media_set: MediaSet, labelled: LabelledSet) -> Listing:
    """The labelled pictures that lie in the folder of `media_set`, in natural order."""
    root = f"{media_set.path}{os.sep}".replace(os.sep * 2, os.sep)
    paths = {str(path) for path in _files_of(labelled)}
    names = [path[len(root) :].replace(os.sep, "/") for path in paths if path.startswith(root)]
    names.sort(key=natural_key)
    folders = dict.fromkeys([media_set.path, *(path.parent for path in _files_of(labelled))])
    return Listing(media_set, tuple(map(set_file, names)), tuple(folders), complete=True)


def truth_analyses(labelled: LabelledSet) -> tuple[str, ...]:
    """Keys of the analyses that show what the first pictures are labelled with, the most important one last."""
    maps = classes = objects = keypoints = both = False
    # Spread over the set, as its first pictures may be without labels.
    for name in labelled.names[:: max(1, len(labelled.names) // _LOOKED_AT)][: 2 * _LOOKED_AT]:
        try:
            labels = labelled.labels(name)
        except MediaError:
            continue
        # Stuff, such as sky, has regions and no boxes that say anything.
        stuff = any(not labelled.categories[item.category].is_thing for item in labels.annotations)
        maps |= labels.label_map is not None or stuff
        classes |= bool(labels.classes)
        objects |= bool(labels.annotations)
        keypoints |= any(item.keypoints for item in labels.annotations)
        both |= labels.label_map is not None and bool(labels.annotations)
    if both:
        return ("labelled-regions", *(("labelled-keypoints",) if keypoints else ()), "labelled-boxes")
    if maps:
        return ("labelled-regions",)
    if objects or not classes:
        return (*(("labelled-keypoints",) if keypoints else ()), "labelled-boxes")
    return ("labelled-class",)


def truth_binding(annotations: AnnotationSet, before: AnnotationSet | None) -> AnnotationSet:
    """`annotations`, as read now, with the edits of `before`, the same set as it was open."""
    if before is None or before.path != annotations.path:
        return annotations
    pictures = {**before.pictures, **annotations.pictures}
    return dataclasses.replace(before, format=annotations.format, id=annotations.id, pictures=pictures)
