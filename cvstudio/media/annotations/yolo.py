"""YOLO: a text file for each picture, with boxes, outlines or key points as fractions of its size.

`supervision` reads the same files, but wants one folder of pictures with one of labels, takes no class list but
data.yaml, opens every picture to begin with, and keeps no key points.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import mask_of
from cvstudio.data.labels import Annotation, Category, LabelledSet, LeftOut, PictureLabels
from cvstudio.data.outlines import joined, outlines
from cvstudio.foundation.errors import ExportError, MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Polygon
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._files import class_names, files_below, put_picture, safe_path, stem_of, write_text
from cvstudio.media.annotations._left_out import (
    MORE_POINTS,
    TWICE,
    Collector,
    Report,
    checked,
    lazy_set,
    readable,
    without_duplicates,
)
from cvstudio.media.annotations._pictures import PICTURE_FOLDERS, UPWARDS, Folders, normal, picture_size
from cvstudio.media.annotations._values import as_utf8, integer, items, mapping, number, read_yaml, text
from cvstudio.media.annotations._yolo_lines import YoloLines, is_tracked
from cvstudio.media.file_identity import decoding, quoted
from cvstudio.media.folders import natural_key

DECLARATION = "data.yaml"
_CLASS_FILES = ("classes.txt", "obj.names", "labels.txt", "names.txt", "_darknet.labels")
_NO_LABELS = re.compile(r"(?i)^(classes|labels|names|train|val|valid|test|readme.*|requirements|license.*|notes)\.txt$")
_LINE = re.compile(rb"^\s*\d+(\.0*)?(e[+-]?0+)?(\s+-?[\d.eE+-]+){4,}\s*$", re.IGNORECASE)
"""A class, which `numpy.savetxt` writes as 1.0e+00, and four numbers or more."""
NO_OBJECTS = "A picture has no file of labels; it counts as one without objects."
UNLABELLED = "A picture has no file of labels; it is left out."
_MAX_FOLDERS = 10_000
"""Folders in which pictures without labels are looked for: what a declaration names may be a whole disk."""
_PROBED = 3
"""Files of labels in a folder that are looked at."""
_YAML = (".yaml", ".yml")
OUTSIDE_PX = 1e-3
"""Pixels beyond the picture that are but rounding."""


@dataclass(frozen=True)
class Declaration:
    """What data.yaml says.

    Parameters
    ----------
    path : folder of the set relative to the file; empty where it says none
    names : class names by number; empty where it says none
    folders : folders of pictures, as written there
    splits : those of them that are for training and validation, whose pictures without a file of labels have no objects
    n_keypoints, n_values : number of key points of an object, and 2 or 3 numbers for each
    labelled_only : whether pictures without a file of labels do not belong to the set
    """

    path: str = ""
    names: Mapping[int, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    n_keypoints: int = 0
    n_values: int = 3
    labelled_only: bool = False


def _declared(path: Path) -> Declaration | None:
    """What a YAML file declares; None where it declares no YOLO data set. Raises MediaError."""
    content = mapping(read_yaml(path))
    names = content.get("names")
    if not isinstance(names, dict | list) or not {"train", "val", "path", "nc", "test"} & content.keys():
        return None
    numbered = names.items() if isinstance(names, dict) else enumerate(names)
    splits = [item for key in ("train", "val") for item in _texts(content.get(key))]
    shape = [integer(value) or 0 for value in items(content.get("kpt_shape"))]
    n_keypoints, n_values = shape if len(shape) == 2 and shape[1] in (2, 3) and 0 < shape[0] < 1000 else (0, 3)
    return Declaration(
        text(content.get("path")),
        {key: text(name) for key, name in ((integer(key), name) for key, name in numbered) if key is not None},
        (*splits, *_texts(content.get("test"))),
        tuple(splits),
        n_keypoints,
        n_values,
        labelled_only=text(content.get("skip_if_label_file_missing")).casefold() in ("true", "yes", "on"),
    )


def _texts(value: object) -> list[str]:
    return [text(item) for item in (items(value) or [value]) if text(item)]


def _root(path: Path) -> tuple[Path, Path | None]:
    """Folder of a set, and the YAML file that declares it."""
    if path.suffix.casefold() in _YAML:
        declared = _declared(path) if path.is_file() else None
        folder = path.parent / declared.path if declared is not None else path.parent
        return Path(os.path.normpath(folder if _holds_files(folder) else path.parent)), path
    candidates = sorted(item for item in path.iterdir() if item.suffix.casefold() in _YAML) if path.is_dir() else []
    for candidate in sorted(candidates, key=lambda item: item.name != DECLARATION):
        try:
            if _declared(candidate) is not None:
                return path, candidate
        except MediaError:
            continue
    return path, None


def _holds_files(folder: Path) -> bool:
    """Whether a folder has files of labels; those of a set on another machine are not there."""
    nested = itertools.chain(folder.glob("labels/**/*.txt"), folder.glob("*/labels/*.txt"))
    return any(True for _ in itertools.chain(_some_label_files(folder), nested))


def _recognises(path: Path) -> bool:
    try:
        if path.is_file():
            return path.suffix.casefold() in _YAML and _declared(path) is not None
        _, declaration = _root(path)
        return declaration is not None or any(map(_is_label_file, _some_label_files(path)))
    except (OSError, MediaError):
        return False


def _some_label_files(root: Path) -> Iterator[Path]:
    """A few text files where those of labels are; empty ones, of pictures without objects, say nothing."""
    folders = [root, root / "labels", root / "train" / "labels", root / "labels" / "train"]
    folders += [root / "obj_train_data", root / "train"]  # of CVAT, and of Roboflow for Darknet
    for folder in folders:
        try:
            names = sorted(os.listdir(folder)) if folder.is_dir() else []
        except OSError:
            names = []
        label_files = (folder / name for name in names if name.endswith(".txt") and not _NO_LABELS.match(name))
        yield from itertools.islice((item for item in label_files if item.stat().st_size), _PROBED)


def _is_label_file(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return _LINE.match(as_utf8(head).lstrip().partition(b"\n")[0]) is not None


@dataclass(frozen=True)
class _Picture:
    """A labelled picture: its file, and that of its labels; one of both may be absent."""

    file: Path | None
    labels: Path | None


def _read(path: Path) -> LabelledSet:
    root, declaration_path = _root(path)
    declaration = (_declared(declaration_path) if declaration_path is not None else None) or Declaration()
    collector = Collector()
    label_files = [item for item in files_below(root, ".txt") if not _NO_LABELS.match(item.name)]
    inside = [item for item in label_files if "labels" in item.relative_to(root).parts[:-1] or root.name == "labels"]
    label_files = inside or label_files
    if not label_files:
        raise MediaError(f"{quoted(path)} holds no YOLO labels: text files, usually in a folder 'labels'.")
    names = dict(declaration.names) or dict(enumerate(class_names(root, _CLASS_FILES, {p.parent for p in label_files})))
    if not names:
        numbers = sorted(_numbers_in(label_files))
        names = {number: f"class {number}" for number in numbers}
        collector.add("There is no list of class names; add data.yaml or classes.txt to name them.")
    pictures = _pictures(root, label_files, declaration, collector)
    lines_of = YoloLines(
        {number: place for place, number in enumerate(names)},
        declaration.n_keypoints,
        declaration.n_values,
        functools.cache(lambda: any(map(_has_tracks, label_files))),
    )
    skeleton = tuple(f"point {number}" for number in range(1, declaration.n_keypoints + 1))
    categories = [
        Category(name or f"class {number}", keypoints=skeleton, file_id=number) for number, name in names.items()
    ]

    def read(name: str, report: Report) -> PictureLabels:
        picture = pictures[name]
        size = picture_size(picture.file)
        if picture.labels is None:
            return PictureLabels(size)
        lines = _lines(picture.labels)
        if size is None:
            if lines and picture.file is not None:
                report("Fractions say nothing without the size of the picture.")
            return PictureLabels()
        found = (lines_of.annotation(line, size, report) for line in lines)
        annotations = (checked(item, size, report) for item in found if item is not None)
        return PictureLabels(size, without_duplicates((item for item in annotations if item is not None), report))

    files = {name: picture.file for name, picture in pictures.items()}
    return lazy_set(path, "yolo", categories, files, read, collector.left_out)


def _lines(path: Path) -> list[list[str]]:
    with decoding(path):
        content = path.read_text(encoding="utf-8-sig", errors="replace")
    return [line.split() for line in content.splitlines() if line.strip()]


def _has_tracks(path: Path) -> bool:
    """Whether a line ends in what is the number of a track."""
    try:
        rows = [[number(item) for item in line[1:]] for line in _lines(path)]
    except MediaError:
        return False
    return any(is_tracked([value for value in row if value is not None]) for row in rows if None not in row)


def _numbers_in(label_files: Iterable[Path]) -> set[int]:
    numbers: set[int] = set()
    for path in label_files:
        try:
            numbers |= {number for line in _lines(path) if (number := integer(line[0])) is not None and number >= 0}
        except MediaError:
            continue
    return numbers


def _pictures(
    root: Path, label_files: Sequence[Path], declaration: Declaration, collector: Collector
) -> dict[str, _Picture]:
    """Pictures by name, those of a folder with labels that have none among them."""
    folders, found = Folders(), dict[str, _Picture]()
    by_folder: dict[Path, list[Path]] = {}
    for item in label_files:
        by_folder.setdefault(item.parent, []).append(item)
    in_splits = _split_folders(root, declaration)
    used: dict[Path, None] = {}
    for folder, paths in by_folder.items():
        relative = folder.relative_to(root)
        place = _place_of_pictures(root, relative, [stem_of(item) for item in paths], declaration, folders)
        by_stem = folders.pictures_by_stem(place) if place is not None else {}
        if place is not None:
            used[Path(os.path.normpath(place))] = None
        prefix = "/".join(part for part in relative.parts if part != "labels")
        stems = {_stem_among(by_stem, stem_of(item)): item for item in paths}
        others = () if declaration.labelled_only else (stem for stem in by_stem if stem not in stems)
        # In a folder with labels among the pictures not all may be labelled yet.
        reason = NO_OBJECTS if place != folder or folder in in_splits else UNLABELLED
        for stem in (*stems, *others):
            picture = by_stem.get(stem)
            file_name = picture.name if picture is not None else stem
            name = f"{prefix}/{file_name}" if prefix else file_name
            if stem not in stems:
                collector.add(reason, name)
                if reason == UNLABELLED:
                    continue
            if name in found:
                collector.add(TWICE, name)
                continue
            found[name] = _Picture(picture, stems.get(stem))
    for folder in () if declaration.labelled_only else _picture_folders(root, [*used, *in_splits]):
        unlabelled = folders.pictures_by_stem(folder) if folder not in used else {}
        top = root if folder.is_relative_to(root) else folder.parent
        prefix = "/".join(part for part in folder.relative_to(top).parts if part not in PICTURE_FOLDERS)
        if folder not in in_splits and unlabelled:
            collector.add("A folder of pictures has no file of labels; it is left out.", prefix or folder.name)
            continue
        for picture in unlabelled.values():
            name = f"{prefix}/{picture.name}" if prefix else picture.name
            if found.setdefault(name, _Picture(picture, None)).file == picture:
                collector.add(NO_OBJECTS, name)
            else:
                collector.add("Another picture has the same name.", name)
    return found


def _split_folders(root: Path, declaration: Declaration) -> dict[Path, None]:
    """Folders with those that data.yaml names for training and validation, and the folders in them."""
    tops = []
    for item in declaration.splits:
        # The second as in the files of Roboflow, which are one folder too high.
        candidates = [root / item, root / item.removeprefix("../")]
        tops += [Path(os.path.normpath(place)) for place in candidates if place.is_dir()][:1]
    return _folders_in(tops)


def _picture_folders(root: Path, places: Iterable[Path]) -> dict[Path, None]:
    """Folders in which pictures of a set may be: in its own, and beside `places`, where some are."""
    tops = [root]
    for place in places:
        # The folder "images" of the set, of which this is a part.
        above = (item for item in (place, *place.parents) if item.name in PICTURE_FOLDERS)
        tops += [item for item in (next(above, place),) if not root.is_relative_to(item)]
    return _folders_in(tops)


def _folders_in(tops: Iterable[Path]) -> dict[Path, None]:
    """Some folders with all in them, `_MAX_FOLDERS` at most; hidden ones are left out."""
    found: dict[Path, None] = {}
    for top in dict.fromkeys(tops):
        for folder, folders, _ in os.walk(top):
            folders[:] = sorted((name for name in folders if not name.startswith(".")), key=natural_key)
            found[Path(folder)] = None
            if len(found) >= _MAX_FOLDERS:
                return found
    return found


def _stem_among(by_stem: Mapping[str, Path], stem: str) -> str:
    """`stem` as its picture has it: some programs name the labels of "a b" as "a%20b"."""
    decoded = normal(unquote(stem))
    return decoded if stem not in by_stem and decoded in by_stem else stem


def _place_of_pictures(
    root: Path, relative: Path, stems: Sequence[str], declaration: Declaration, folders: Folders
) -> Path | None:
    """The folder with the most pictures whose labels are in the folder `relative` of `root` and are called `stems`, the
    likeliest of several; None where no folder has any."""
    parts = list(relative.parts)
    last = len(parts) - 1 - parts[::-1].index("labels") if "labels" in parts else 0
    tail = parts[last + 1 :] if "labels" in parts else parts
    candidates = [root / relative]
    for name in PICTURE_FOLDERS:
        # As Ultralytics does: the last folder "labels" of the path is one of pictures.
        if "labels" in parts:
            candidates.append(root.joinpath(*parts[:last], name, *parts[last + 1 :]))
        else:
            candidates.append((root / relative).parent / name)
        candidates += [up.joinpath(name, *tail) for up in (root, *root.parents[:UPWARDS])]
    if "labels" in parts:  # or the pictures stand in the folder above
        candidates.append(root.joinpath(*parts[:last], *parts[last + 1 :]))
    candidates += [root / item for item in declaration.folders]
    candidates += [up.joinpath(*tail) for up in root.parents[:1]]
    wanted = {form for stem in stems for form in (stem, normal(unquote(stem)))}
    counts = [len(wanted & folders.pictures_by_stem(item).keys()) for item in candidates]
    return candidates[counts.index(max(counts))] if any(counts) else None


# Writing ------------------------------------------------------------------------------------------------------------


def line_of(number_of_class: int, points: NDArray[np.float64], size: Size) -> str:
    """A line: the class, and x, y of `points` (n, 2) as fractions of the picture, with nine decimals."""
    fractions = (points / np.array(size, np.float64)).ravel()
    return " ".join([str(number_of_class), *(decimal(value) for value in fractions)])


def decimal(value: float) -> str:
    """`value` with at most nine decimals."""
    return f"{value:.9f}".rstrip("0").rstrip(".")


def data_yaml(labels: Sequence[str], more: str = "") -> str:
    """Content of `data.yaml`: folders of the pictures relative to the file, and class names, as JSON strings, which are
    valid YAML."""
    names = "".join(f"  {index}: {json.dumps(label, ensure_ascii=False)}\n" for index, label in enumerate(labels))
    return f"train: images\nval: images\nnc: {len(labels)}\n{more}names:\n{names}"


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``labels/NAME.txt``, ``data.yaml`` and, where they are wanted, ``images/NAME``."""
    collector, taken = Collector(), set[str]()
    n_keypoints = max((len(item.keypoints) for item in labelled.categories), default=0)
    for _, name, labels in readable(labelled, collector, progress):
        size = labels.size or picture_size(labelled.pictures.get(name))
        stem = os.path.splitext(safe_path(name))[0]
        if stem in taken:
            collector.add("Another picture has the same name but for its ending.", name)
            continue
        taken.add(stem)
        if size is None:
            collector.add("Fractions cannot be written where the size of the picture is not known.", name)
            continue
        if labels.classes or labels.label_map is not None:
            collector.add("YOLO holds objects, no classes of whole pictures and no maps of classes.", name)
        lines = [_line(item, size, n_keypoints, collector.at(name)) for item in labels.annotations]
        write_text(folder / "labels" / f"{stem}.txt", "".join(f"{line}\n" for line in lines if line))
        if options.pictures:
            put_picture(labelled, name, folder / "images", collector)
    if not taken:
        raise ExportError("There is no picture whose labels could be written.")
    shape = f"kpt_shape: [{n_keypoints}, 3]\n" if n_keypoints else ""
    write_text(folder / DECLARATION, data_yaml([item.name for item in labelled.categories], shape))
    return collector.left_out


def _line(annotation: Annotation, size: Size, n_keypoints: int, report: Report) -> str:
    if annotation.crowd:
        report("A crowd cannot be told from an object.")
        return ""
    (x1, y1), (x2, y2) = _inside(np.array(annotation.box, np.float64).reshape(2, 2), size, report)
    box = np.array([[(x1 + x2) / 2, (y1 + y2) / 2], [x2 - x1, y2 - y1]], np.float64)
    if len(annotation.keypoints) > n_keypoints:
        report(MORE_POINTS)
    if n_keypoints:
        if annotation.polygons or annotation.mask is not None:
            report("A set with key points holds no outlines.")
        points = [*annotation.keypoints, *[(0.0, 0.0, 0)] * (n_keypoints - len(annotation.keypoints))][:n_keypoints]
        triples = (_triple(point, size, report) for point in points)
        return " ".join([line_of(annotation.category, box, size), *triples])
    outline = outline_of(annotation, size, report)
    return line_of(annotation.category, box if outline is None else _inside(outline, size, report), size)


def _inside(points: NDArray[np.float64], size: Size, report: Report) -> NDArray[np.float64]:
    """Points (n, 2) moved into the picture: Ultralytics leaves out all labels of a picture of which one is not."""
    clipped = points.clip(0, np.array(size, np.float64))
    if np.abs(clipped - points).max() > OUTSIDE_PX:
        report("YOLO holds fractions of 0 to 1; what lies outside of the picture is cut off.")
    return clipped


def _triple(point: tuple[float, float, int], size: Size, report: Report) -> str:
    x, y, seen = point
    if not (0 <= x <= size.width and 0 <= y <= size.height):
        if seen:
            report("A key point lies outside of the picture; YOLO holds it as one that is not labelled.")
        x, y, seen = 0.0, 0.0, 0
    return f"{decimal(x / size.width)} {decimal(y / size.height)} {seen}"


def outline_of(annotation: Annotation, size: Size, report: Report) -> NDArray[np.float64] | None:
    """One outline of an object, its parts connected by lines without width; None for a mere box."""
    parts = [np.array(polygon, np.float64) for polygon in polygons_of(annotation, size, report)]
    return joined(parts) if parts else None


def polygons_of(annotation: Annotation, size: Size, report: Report) -> tuple[Polygon, ...]:
    """The outlines of an object, those of a mask along the edges of its pixels."""
    mask = mask_of(annotation, size) if annotation.mask is not None else None
    if mask is None:
        return annotation.polygons
    parts = outlines(mask.pixels, mask.left, mask.top)
    if sum(_area(part) for part in parts) > int(mask.pixels.sum()):
        report("An outline knows no holes; those of a mask are filled.")
    return tuple(tuple((float(x), float(y)) for x, y in part) for part in parts)


def _area(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return abs(float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())) / 2


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "yolo",
        "YOLO",
        _recognises,
        _read,
        order=20,
        write=_write,
        summary="A folder with a text file for each picture: boxes, outlines or key points.",
    )
)
