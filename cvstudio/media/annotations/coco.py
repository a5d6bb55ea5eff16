"""COCO JSON: boxes, polygons, run lengths, key points and crowds of any number of pictures.

`pycocotools` indexes the same file, but takes it as it is: it prints, stops at the first unknown id with a KeyError,
and decodes run lengths without looking whether they fill the picture. `supervision` leaves out key points, crowds, ids
and attributes, and decodes all masks at once.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, LeftOut, PictureLabels, area_of
from cvstudio.data.run_lengths import counts_of, mask_of, text_of
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Box, Polygon
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._json_spans import JsonObject, Span
from cvstudio.media.annotations._left_out import (
    Collector,
    Report,
    box_of,
    checked,
    lazy_set,
    readable,
    turned_box,
    without_duplicates,
)
from cvstudio.media.annotations._pictures import find_pictures, picture_size
from cvstudio.media.annotations._values import (
    ends_of,
    flat_polygon,
    identity,
    integer,
    items,
    mapping,
    mappings,
    number,
    numbers,
    stated_size,
    text,
)
from cvstudio.media.file_identity import quoted

_KEYS = re.compile(rb'"(images|annotations|categories)"\s*:')
_ANNOTATION = re.compile(rb'"image_id"\s*:')
_PANOPTIC = re.compile(rb'"segments_info"\s*:')
_KNOWN = frozenset(
    (
        *("id", "image_id", "category_id", "bbox", "area", "iscrowd", "segmentation"),
        *("keypoints", "num_keypoints", "attributes", "track_id"),
    )
)
"""Keys of an annotation that have a field of their own; others are its attributes."""
_IGNORE = "ignore"
"""Key of an annotation that older tools of COCO leave out of what they measure; kept as an attribute."""
_LOOKED_AT = 16
"""JSON files of a folder that are looked at."""
_DECIMALS = 6
"""Decimals to which differences of coordinates are rounded: 30.4 - 10.1 is 20.299999999999997."""


def holds_coco(content: bytes) -> bool:
    """Whether both ends of a JSON file, see `ends_of`, have the keys of COCO's."""
    # Of three long lists the ends show one key and an annotation.
    found = len(set(_KEYS.findall(content))) + (_ANNOTATION.search(content) is not None)
    return content.lstrip()[:1] == b"{" and found >= 2


def holds_segments(content: bytes) -> bool:
    """Whether both ends of a JSON file have the segments of COCO's panoptic form."""
    return _PANOPTIC.search(content) is not None


def json_of(path: Path, holds: Callable[[bytes], bool]) -> Path | None:
    """The JSON file of a set: `path`, or the only fitting one in the folder `path` or its folder "annotations".

    Parameters
    ----------
    holds : callable (both ends of a file, see `ends_of`) -> whether it fits
    """
    if path.is_file():
        return path if path.suffix.casefold() == ".json" and holds(ends_of(path)) else None
    for folder in (path, path / "annotations"):
        candidates = sorted(folder.glob("*.json"))[:_LOOKED_AT] if folder.is_dir() else []
        fitting = [item for item in candidates if holds(ends_of(item))]
        if fitting:
            # Of several, such as those of parts of a set, the user has to say which.
            return fitting[0] if len(fitting) == 1 else None
    return None


def _holds(content: bytes) -> bool:
    return holds_coco(content) and not holds_segments(content)


def _recognises(path: Path) -> bool:
    return json_of(path, _holds) is not None


class Document:
    """What a COCO file, panoptic or not, declares: its pictures and classes.

    Parameters
    ----------
    path : the file

    Raises
    ------
    MediaError
        It is no JSON, or has no pictures.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.collector = Collector()
        self.categories: list[Category] = []
        self.category_of: dict[int, int] = {}
        self.names: dict[int | str, str] = {}
        self.sizes: dict[str, Size] = {}
        self._text = JsonObject(path)
        spans: dict[int | str | None, list[Span]] = {}
        images: list[object] = []
        categories: list[object] = []
        keys: set[str] = set()
        for key, value, span in self._text.members({"annotations": "image_id"}):
            if key == "annotations" and isinstance(value, dict) and span is not None:
                spans.setdefault(identity(value.get("image_id")), []).append(span)
            elif key in ("images", "categories") and span is not None:
                (images if key == "images" else categories).append(value)
            if span is not None or value == []:
                keys.add(key)
        if not {"images", "annotations"} <= keys:
            raise MediaError(f"{quoted(path)} is expected to hold COCO's images and annotations; choose another file.")
        self._read_categories(categories)
        self._read_images(mappings(images))
        self._spans = self._by_picture(spans)

    def _read_categories(self, declared: object) -> None:
        for item in mappings(declared):
            number, name = integer(item.get("id")), text(item.get("name"))
            if number is None or number in self.category_of:
                self.collector.add("A class has no id, or that of another.", name)
                continue
            points = tuple(text(point) for point in items(item.get("keypoints")))
            pairs = (numbers(pair) for pair in items(item.get("skeleton")))
            # Counted from 1 in the file.
            edges = [(int(pair[0]) - 1, int(pair[1]) - 1) for pair in pairs if pair is not None and len(pair) == 2]
            self.category_of[number] = len(self.categories)
            self.categories.append(
                Category(
                    name or str(number),
                    text(item.get("supercategory")),
                    item.get("isthing", 1) not in (0, False),
                    points,
                    tuple(edge for edge in edges if all(0 <= end < len(points) for end in edge)),
                    number,
                )
            )

    def _read_images(self, images: Iterable[Mapping[str, object]]) -> None:
        known: set[str] = set()
        for item in images:
            number, name = identity(item.get("id")), text(item.get("file_name")).replace("\\", "/")
            if number is None or not name:
                self.collector.add("A picture has no id or no name.", name)
            elif number in self.names or name in known:
                self.collector.add("A picture is there twice; its first entry is taken.", name)
            else:
                known.add(name)
                self.names[number] = name
                size = stated_size(item.get("width"), item.get("height"))
                if size is not None:
                    self.sizes[name] = size

    def ids(self) -> dict[str, int | str]:
        """Id of each picture by name."""
        return {name: number for number, name in self.names.items()}

    def hints(self) -> tuple[str, ...]:
        """Names of folders in which the pictures may be: of "instances_val2017.json" that is "val2017"."""
        stem = self.path.name.partition(".")[0]
        return tuple(dict.fromkeys((stem.partition("_")[2] or stem, stem.rpartition("_")[2])))

    def find_pictures(self, without: Path | None = None) -> dict[str, Path | None]:
        """File of each picture by name; none of those in the folder `without`."""
        return find_pictures(self.names.values(), self.path.parent, self.hints(), without=without)

    def _by_picture(self, spans: Mapping[int | str | None, list[Span]]) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for image_id, own in spans.items():
            name = self.names.get(image_id) if image_id is not None else None
            if name is not None:
                found[name] = own
            else:
                reason = f"A label belongs to no picture: the id {image_id} is not among the images."
                self.collector.add(reason, count=len(own))
        return found

    def annotations(self, name: str, report: Report) -> list[Mapping[str, object]]:
        """Annotations of a picture."""
        found: list[object] = []
        for span in self._spans.get(name, ()):
            try:
                found.append(self._text.parsed(span))
            except ValueError:
                report("A label is no valid JSON.")
        return mappings(found)


def _read(path: Path) -> LabelledSet:
    document = Document((json_of(path, _holds) if path.is_dir() else None) or path)
    pictures = document.find_pictures()

    def read(name: str, report: Report) -> PictureLabels:
        size = document.sizes.get(name) or picture_size(pictures[name])
        found = [_annotation(item, document, size, report) for item in document.annotations(name, report)]
        valid = [item for item in found if item is not None]
        if size is not None and any(item.box[2] > size.width + 1 or item.box[3] > size.height + 1 for item in valid):
            # Some programs state the size as it lies in the file of a photograph that is shown upright.
            upright = picture_size(pictures[name])
            if upright == Size(size.height, size.width):
                report("The labels state the width and height of the picture swapped; its own are taken.")
                size = upright
        annotations = (item for item in (checked(item, size, report) for item in valid) if item is not None)
        return PictureLabels(size, without_duplicates(annotations, report))

    left_out, ids = document.collector.left_out, document.ids()
    return lazy_set(path, "coco", document.categories, pictures, read, left_out, file_ids=ids)


def _annotation(item: Mapping[str, object], document: Document, size: Size | None, report: Report) -> Annotation | None:
    number_of_category = integer(item.get("category_id"))
    category = document.category_of.get(number_of_category) if number_of_category is not None else None
    if category is None:
        report(f"The class id {number_of_category} is not declared.")
        return None
    polygons, mask = _segmentation(item.get("segmentation"), size, report)
    keypoints = _keypoints(item.get("keypoints"), report)
    box = _box(item.get("bbox")) or box_of(polygons, mask)
    if box is None:
        report("A label has no box of four finite numbers, and no outline.")
        return None
    attributes = _attributes(item)
    if not polygons and mask is None and (turn := number(attributes.get("rotation")) or 0) % 360:
        polygons = (turned_box(box, turn),)
        box = box_of(polygons, None) or box
        del attributes["rotation"]  # as CVAT states it
    return Annotation(
        category,
        box,
        polygons,
        mask,
        keypoints,
        item.get("iscrowd") in (1, True),
        number(item.get("area")),
        attributes,
        integer(item.get("track_id")),
        integer(item.get("id")),
    )


def _box(value: object) -> Box | None:
    values = numbers(value)
    if values is None or len(values) != 4 or 0 in values[2:]:
        return None
    x, y, width, height = values
    # Label Studio has negative extents where a box was drawn from another corner.
    return min(x, x + width), min(y, y + height), max(x, x + width), max(y, y + height)


def _segmentation(value: object, size: Size | None, report: Report) -> tuple[tuple[Polygon, ...], LabelledMask | None]:
    if value is not None and not isinstance(value, dict | list):
        report("An outline is no list of coordinates, and no run lengths.")
    if isinstance(value, dict):
        try:
            return (), run_length_mask(value, size)
        except ValueError:
            report("The run lengths of a mask do not fill the picture.")
            return (), None
    # Some programs write one polygon without the list around it.
    parts = items(value)
    outlines = [flat_polygon(part) for part in ([value] if parts and not isinstance(parts[0], list) else parts)]
    for _ in range(outlines.count(None)):
        report("A polygon has corners that are no pairs of finite numbers.")
    return tuple(outline for outline in outlines if outline is not None), None


def run_length_mask(value: Mapping[str, object], size: Size | None) -> LabelledMask | None:
    """The mask of COCO's ``{"size": [height, width], "counts": …}``, compressed or not; None for an empty one.

    Raises
    ------
    ValueError
        They do not fill the picture, or belong to one of another size.
    """
    sides = numbers(value.get("size"))
    if sides is None or len(sides) != 2 or min(sides) < 1 or (size and (sides[1], sides[0]) != size):
        raise ValueError("the run lengths are of another size")
    counts = value.get("counts")
    if isinstance(counts, str):
        return mask_of(counts_of(counts), Size(int(sides[1]), int(sides[0])))
    lengths = [integer(item) for item in items(counts)]
    return mask_of([item if item is not None else -1 for item in lengths], Size(int(sides[1]), int(sides[0])))


def _keypoints(value: object, report: Report) -> tuple[tuple[float, float, int], ...]:
    if value is None:
        return ()
    values = numbers(value)
    if values is None or len(values) % 3:
        report("Key points are no triples of finite numbers.")
        return ()
    triples = zip(values[::3], values[1::3], values[2::3], strict=True)
    return tuple((x, y, int(seen) if seen in (0, 1, 2) else 2) for x, y, seen in triples)


def _attributes(item: Mapping[str, object]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    if item.keys() <= _KNOWN and not item.get("attributes"):  # as of most
        return attributes
    others = {name: value for name, value in item.items() if name not in _KNOWN}
    for name, value in (*mapping(item.get("attributes")).items(), *others.items()):
        with suppress(ValueError):  # of NaN, which is no JSON
            attributes[name] = value if isinstance(value, str) else json_text(value)
    return attributes


# Writing ------------------------------------------------------------------------------------------------------------

Picture = tuple[Mapping[str, object], Iterable[Mapping[str, object]]]
"""Entry of a picture, which may have an id, and those of its annotations without that of the picture."""


def write_document(
    path: Path,
    pictures: Iterable[Picture],
    categories: Callable[[], Sequence[Mapping[str, object]]],
    progress: Progress,
) -> None:
    """Write COCO's format for detection.

    Line by line, as the annotations of a long video or a folder may not fit into memory. Annotations without an id are
    numbered from 1 on, and so are pictures.

    Parameters
    ----------
    pictures : iterated once, in order
    categories : callable () -> the classes, called when all pictures are written
    """
    images: list[Mapping[str, object]] = []
    n_annotations = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"info": {"description": "Written by cvstudio"},\n"annotations": [')
        for number_of_image, (image, annotations) in enumerate(pictures, 1):
            progress.check()
            image = {"id": number_of_image, **image}
            images.append(image)
            for annotation in annotations:
                file.write(",\n" if n_annotations else "\n")
                n_annotations += 1
                file.write(json_text({"id": n_annotations, "image_id": image["id"], **annotation}))
        file.write('],\n"images": [\n')
        file.write(",\n".join(json_text(image) for image in images))
        file.write(f'],\n"categories": {json_text(categories())}}}\n')


def picture_ids(labelled: LabelledSet) -> dict[str, int | str]:
    """An id for each picture by name: that of its file, else the next one above all of those."""
    known = [labelled.file_ids[name] for name in labelled.names if name in labelled.file_ids]
    free = itertools.count(max((item for item in known if isinstance(item, int)), default=0) + 1)
    return {name: labelled.file_ids[name] if name in labelled.file_ids else next(free) for name in labelled.names}


def category_ids(categories: Sequence[Category]) -> list[int]:
    """An id for each class: that of its file where no other has it, else a free one from 1 on."""
    ids: list[int] = []
    wanted = {item.file_id for item in categories}
    free = (candidate for candidate in range(1, 2 * len(categories) + 2) if candidate not in wanted)
    for item in categories:
        ids.append(item.file_id if item.file_id is not None and item.file_id not in ids else next(free))
    return ids


def category_to_coco(category: Category, identity: int) -> dict[str, object]:
    """The entry of a class."""
    entry: dict[str, object] = {"id": identity, "name": category.name}
    if category.supercategory:
        entry["supercategory"] = category.supercategory
    if category.keypoints:
        entry["keypoints"] = list(category.keypoints)
        entry["skeleton"] = [[start + 1, end + 1] for start, end in category.skeleton]
    return entry


def _write(labelled: LabelledSet, path: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    collector = Collector()
    ids, numbers_of = category_ids(labelled.categories), _Numbers(_highest_before_edits(labelled))
    ids_of_pictures = picture_ids(labelled)

    def pictures() -> Iterator[Picture]:
        for _, name, labels in readable(labelled, collector, progress):
            size = labels.size or picture_size(labelled.pictures.get(name))
            if labels.classes or labels.label_map is not None:
                collector.add("COCO JSON holds objects, no classes of whole pictures and no maps of classes.", name)
            image: dict[str, object] = {"id": ids_of_pictures[name], "file_name": name}
            if size is not None:
                image.update(width=size.width, height=size.height)
            entries = []
            for item in labels.annotations:
                if item.mask is not None and size is None:
                    collector.add("A mask cannot be written where the size of the picture is not known.", name)
                entries.append({"id": numbers_of.take(item.file_id), **_to_coco(item, ids[item.category], size)})
            yield image, entries

    write_document(
        path,
        pictures(),
        lambda: [category_to_coco(item, number) for item, number in zip(labelled.categories, ids, strict=True)],
        progress,
    )
    return collector.left_out


def _highest_before_edits(labelled: LabelledSet) -> int:
    """The highest number of the labels where new ones stand among them, which must not take that of a later one; else
    0. Raises MediaError."""
    edited = (item for labels in labelled.edited.values() for item in labels.annotations)
    if all(item.file_id is not None for item in edited):
        return 0
    found = readable(labelled, Collector(), Progress())
    annotations = (item for _, _, labels in found for item in labels.annotations)
    return max((item.file_id for item in annotations if item.file_id is not None), default=0)


class _Numbers:
    """Numbers of annotations: those of their file as long as no two are equal, else the next one above `highest`."""

    def __init__(self, highest: int) -> None:
        self._used: set[int] = set()
        self._highest = highest

    def take(self, wanted: int | None) -> int:
        """`wanted`, or another one where it is taken."""
        number = wanted if wanted is not None and wanted not in self._used else self._highest + 1
        self._used.add(number)
        self._highest = max(self._highest, number)
        return number


def _to_coco(annotation: Annotation, category: int, size: Size | None) -> dict[str, object]:
    x1, y1, x2, y2 = annotation.box
    entry: dict[str, object] = {
        "category_id": category,
        "bbox": [x1, y1, extent(x1, x2), extent(y1, y2)],
        "area": area_of(annotation),
        "iscrowd": int(annotation.crowd),
    }
    if annotation.mask is not None and size is not None:
        pixels = annotation.mask.full(size)
        entry["segmentation"] = {"size": [size.height, size.width], "counts": text_of(pixels)}
    elif annotation.polygons:
        entry["segmentation"] = [[value for corner in polygon for value in corner] for polygon in annotation.polygons]
    if annotation.keypoints:
        entry["keypoints"] = [value for keypoint in annotation.keypoints for value in keypoint]
        entry["num_keypoints"] = sum(seen > 0 for _, _, seen in annotation.keypoints)
    if annotation.track_id is not None:
        entry["track_id"] = annotation.track_id
    attributes = dict(annotation.attributes)
    if attributes.get(_IGNORE) in ("0", "1", "true", "false"):
        entry[_IGNORE] = int(attributes.pop(_IGNORE) in ("1", "true"))
    if attributes:
        entry["attributes"] = attributes
    return entry


def extent(low: float, high: float) -> float:
    """`high - low` as the shortest decimal that leads from one to the other."""
    rounded = round(high - low, _DECIMALS)
    return rounded if low + rounded == high else high - low


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "coco",
        "COCO JSON",
        _recognises,
        _read,
        order=10,
        write=_write,
        suffix=".json",
        summary="Boxes, polygons, masks, key points and crowds of all pictures in one file.",
    )
)
