"""A table of pictures and their classes: CSV with a line for each picture, or for each of its classes."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from cvstudio.data.labels import Category, LabelledSet, LeftOut, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._files import write_text
from cvstudio.media.annotations._left_out import Collector, Report, lazy_set, readable
from cvstudio.media.annotations._pictures import find_pictures, is_picture, picture_size
from cvstudio.media.annotations._values import as_utf8, ends_of
from cvstudio.media.file_identity import decoding, quoted
from cvstudio.media.folders import natural_key

SEPARATOR = ";"
"""Between the classes of one picture."""
_PICTURE_COLUMNS = ("picture", "image", "filename", "file_name", "file", "path", "name", "image_id", "id")
_CLASS_COLUMNS = ("class", "classes", "label", "labels", "category", "tag", "tags")
_LOOKED_AT = 8
"""Lines that say whether the first column names pictures."""


def _columns(header: Sequence[str]) -> tuple[int, int] | None:
    """Places of the columns of the picture and of its classes; None where the table has not both."""
    names = [name.strip().casefold() for name in header]
    picture = next((names.index(name) for name in _PICTURE_COLUMNS if name in names), None)
    classes = next((names.index(name) for name in _CLASS_COLUMNS if name in names), None)
    return (picture, classes) if picture is not None and classes is not None and picture != classes else None


def _rows(content: bytes) -> list[list[str]]:
    text = as_utf8(content).decode("utf-8", errors="replace").removeprefix("\ufeff")
    header = text.partition("\n")[0]
    delimiter = max(",\t;|", key=header.count)
    return [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]


def _recognises(path: Path) -> bool:
    if path.suffix.casefold() not in (".csv", ".tsv") or not path.is_file():
        return False
    try:
        rows = _rows(ends_of(path))[: _LOOKED_AT + 1]
    except csv.Error:
        return False
    columns = _columns(rows[0]) if rows else None
    return columns is not None and any(is_picture(row[columns[0]]) for row in rows[1:] if len(row) > columns[0])


def _read(path: Path) -> LabelledSet:
    collector = Collector()
    try:
        with decoding(path):
            rows = _rows(path.read_bytes())
    except csv.Error as error:
        raise MediaError(f"{quoted(path)} is no valid table ({error}); get a fresh copy of it.") from None
    columns = _columns(rows[0]) if rows else None
    if columns is None:
        raise MediaError(
            f"{quoted(path)} is expected to have a column of pictures and one of classes, named in its first line, "
            "such as 'picture,class'."
        )
    classes_of: dict[str, dict[str, None]] = {}
    for line, row in enumerate(rows[1:], 2):
        name = row[columns[0]].strip().replace("\\", "/") if len(row) > columns[0] else ""
        if not name:
            collector.add("A line names no picture.", f"line {line}")
            continue
        names = row[columns[1]].split(SEPARATOR) if len(row) > columns[1] else []
        classes_of.setdefault(name, {}).update(dict.fromkeys(item.strip() for item in names if item.strip()))
    names = sorted({name for own in classes_of.values() for name in own}, key=natural_key)
    place_of = {name: place for place, name in enumerate(names)}
    pictures = find_pictures(classes_of, path.parent)

    def read(name: str, report: Report) -> PictureLabels:
        return PictureLabels(picture_size(pictures[name]), classes=tuple(place_of[item] for item in classes_of[name]))

    return lazy_set(path, "class-table", [Category(name) for name in names], pictures, read, collector.left_out)


def _write(labelled: LabelledSet, path: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``picture,classes`` with ";" between the classes of one picture."""
    collector = Collector()
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("picture", "classes"))
    for _, name, labels in readable(labelled, collector, progress):
        if labels.annotations or labels.label_map is not None:
            collector.add("A table of classes holds no objects and no maps of classes.", name)
        names = [labelled.categories[place].name for place in labels.classes]
        if any(SEPARATOR in item for item in names):
            collector.add("The name of a class has a “;”, which parts classes; it is written as “,”.", name)
        table.writerow((name, SEPARATOR.join(item.replace(SEPARATOR, ",") for item in names)))
    write_text(path, text.getvalue())
    return collector.left_out


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "class-table",
        "Class table (CSV)",
        _recognises,
        _read,
        order=95,
        write=_write,
        suffix=".csv",
        summary="A line for each picture with its classes; no objects.",
    )
)
