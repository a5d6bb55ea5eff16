"""COCO panoptic: a JSON file, and a picture for each picture whose colours are numbers of segments.

`panopticapi`, which wrote the form down, is no package of the registry.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_editing import mask_of
from cvstudio.data.label_masks import box_of, cut
from cvstudio.data.labels import (
    NO_CLASS,
    Annotation,
    LabelledSet,
    LeftOut,
    PictureLabels,
    area_of,
)
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._files import put_picture, safe_path, write_text
from cvstudio.media.annotations._left_out import NO_PLACE, Collector, Report, ignore, lazy_set, readable
from cvstudio.media.annotations._pictures import find_pictures, picture_size
from cvstudio.media.annotations._values import integer, mappings, number, text
from cvstudio.media.annotations.coco import (
    Document,
    category_ids,
    category_to_coco,
    holds_coco,
    holds_segments,
    json_of,
    picture_ids,
)
from cvstudio.media.file_identity import check_size, decoding, quoted

NAME = "panoptic"
"""Of the files and the folder that are written."""
_RADIX = np.array([1, 256, 256 * 256], np.int64)
"""A segment's number is R + 256 G + 65536 B."""


def _holds(content: bytes) -> bool:
    return holds_coco(content) and holds_segments(content)


def _recognises(path: Path) -> bool:
    return json_of(path, _holds) is not None


def _read(path: Path) -> LabelledSet:
    json_path = json_of(path, _holds)
    if json_path is None:
        raise MediaError(f"{quoted(path)} is expected to hold COCO's panoptic segments; choose another file.")
    document = Document(json_path)
    # A picture and its map share their name: maps lie in a folder that is called as the JSON file, or beside it.
    folder = Path(os.path.abspath(json_path.with_suffix("")))
    pictures = document.find_pictures(without=folder)
    maps: dict[str, str] = {}
    for name in pictures:
        entries = document.annotations(name, document.collector.at(name))
        if entries:
            maps[name] = text(entries[0].get("file_name"))
        if len(entries) > 1:
            reason = "A picture has several maps of segments; the first is taken."
            document.collector.add(reason, name, len(entries) - 1)
    base = folder if folder.is_dir() else json_path.parent
    map_files = find_pictures(maps.values(), base)

    def read(name: str, report: Report) -> PictureLabels:
        size = document.sizes.get(name) or picture_size(pictures[name])
        if name not in maps:
            return PictureLabels(size)
        entry = document.annotations(name, ignore)[0]
        map_file = map_files.get(maps[name])
        if map_file is None:
            report("The map of segments is not there.")
            return PictureLabels(size)
        numbers = segment_numbers(map_file)
        found = Size(numbers.shape[1], numbers.shape[0])
        if size is not None and found != size:
            report(f"The map of segments is {found.width} x {found.height}, the picture another size.")
            return PictureLabels(size)
        return _labels(numbers, mappings(entry.get("segments_info")), document, report)

    left_out, ids = document.collector.left_out, document.ids()
    return lazy_set(path, "coco-panoptic", document.categories, pictures, read, left_out, file_ids=ids)


def segment_numbers(path: Path) -> NDArray[np.int64]:
    """The number of the segment of each pixel, int64 (H, W), of a map as PNG; 0 for none. Raises MediaError."""
    from PIL import Image

    with decoding(path), Image.open(path) as picture:
        check_size(path, Size(*picture.size))
        pixels = np.asarray(picture.convert("RGB"))
    return pixels.astype(np.int64) @ _RADIX


def _labels(
    numbers: NDArray[np.int64], segments: Sequence[Mapping[str, object]], document: Document, report: Report
) -> PictureLabels:
    """The segments as objects; a map of classes beside them would not follow when they are edited."""
    height, width = numbers.shape
    values, places = np.unique(numbers, return_inverse=True)
    row_of = {int(value): row for row, value in enumerate(values.tolist())}
    places = places.reshape(height, width)
    annotations = []
    seen: set[int] = set()
    for item in segments:
        identity, category_id = integer(item.get("id")), integer(item.get("category_id"))
        category = document.category_of.get(category_id) if category_id is not None else None
        row = row_of.get(identity) if identity is not None else None
        if category is None:
            report(f"The class id {category_id} is not declared.")
        elif identity is None or row is None or identity in seen:
            report("A segment has no pixel in the map, or is there twice.")
        else:
            seen.add(identity)
            mask = cut(places == row, 0, 0)
            assert mask is not None
            crowd = item.get("iscrowd") in (1, True)
            area = number(item.get("area"))
            annotations.append(Annotation(category, box_of(mask), mask=mask, crowd=crowd, area=area, file_id=identity))
    for value in values.tolist():
        if value and value not in seen:
            report("Pixels belong to a segment that is not declared.")
    return PictureLabels(Size(width, height), tuple(annotations))


# Writing ------------------------------------------------------------------------------------------------------------


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``panoptic.json``, ``panoptic/NAME.png`` and, where they are wanted, ``images/NAME``."""
    collector = Collector()
    ids, ids_of_pictures = category_ids(labelled.categories), picture_ids(labelled)
    images: list[dict[str, object]] = []
    entries: list[dict[str, object]] = []
    taken: set[str] = set()
    for _, name, labels in readable(labelled, collector, progress):
        size = labels.size or picture_size(labelled.pictures.get(name))
        map_name = f"{os.path.splitext(safe_path(name))[0]}.png"
        if size is None or map_name in taken:
            collector.add(NO_PLACE, name)
            continue
        taken.add(map_name)
        numbers, segments = _segments(labels, size, ids, collector.at(name))
        number_of_image = ids_of_pictures[name]
        images.append({"id": number_of_image, "file_name": name, "width": size.width, "height": size.height})
        entries.append({"image_id": number_of_image, "file_name": map_name, "segments_info": segments})
        _write_map(folder / NAME / map_name, numbers)
        if options.pictures:
            put_picture(labelled, name, folder / "images", collector)
    categories = [
        {**category_to_coco(item, identity), "isthing": int(item.is_thing)}
        for item, identity in zip(labelled.categories, ids, strict=True)
    ]
    write_text(
        folder / f"{NAME}.json", json_text({"images": images, "annotations": entries, "categories": categories}) + "\n"
    )
    return collector.left_out


def _segments(
    labels: PictureLabels, size: Size, ids: Sequence[int], report: Report
) -> tuple[NDArray[np.int64], list[dict[str, object]]]:
    """Numbers of the segments, int64 (H, W), and their entries: objects, then the classes of the rest of the map."""
    numbers = np.zeros((size.height, size.width), np.int64)
    own_numbers = {item.file_id for item in labels.annotations}
    free = iter(number for number in range(1, 1 << 24) if number not in own_numbers)
    used: set[int] = set()
    entries: list[dict[str, object]] = []
    for item in labels.annotations:
        mask = mask_of(item, size)
        pixels = mask.full(size) & (numbers == 0) if mask is not None else None
        if pixels is None or not pixels.any():
            report("A segment needs pixels that no other has; a box alone is left out.")
            continue
        cut = mask is not None and int(pixels.sum()) < int(mask.pixels.sum())
        if cut:
            report("Segments do not overlap; what lies over another is cut off.")
        own = item.file_id
        identity = own if own is not None and 0 < own < 1 << 24 and own not in used else next(free)
        used.add(identity)
        numbers[pixels] = identity
        area = area_of(item) if mask is item.mask and not cut else float(pixels.sum())
        entries.append(_entry(identity, ids[item.category], pixels, area, crowd=item.crowd))
    if labels.label_map is not None and labels.label_map.classes.shape == numbers.shape:
        rest = np.where(numbers == 0, labels.label_map.classes, NO_CLASS)
        for category in np.unique(rest[rest != NO_CLASS]).tolist():
            identity, pixels = next(free), rest == category
            numbers[pixels] = identity
            entries.append(_entry(identity, ids[category], pixels, float(pixels.sum()), crowd=False))
    return numbers, entries


def _entry(identity: int, category: int, pixels: NDArray[np.bool_], area: float, *, crowd: bool) -> dict[str, object]:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    left, top = int(columns[0]), int(rows[0])
    box = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
    return {
        "id": identity,
        "category_id": category,
        "iscrowd": int(crowd),
        "bbox": box,
        "area": int(area) if area == int(area) else area,
    }


def _write_map(path: Path, numbers: NDArray[np.int64]) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], -1).astype(np.uint8)
    Image.fromarray(pixels).save(path, "PNG")


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "coco-panoptic",
        "COCO panoptic",
        _recognises,
        _read,
        order=9,
        write=_write,
        summary="A folder with a JSON file and maps: a segment for every pixel, of objects and of stuff.",
    )
)
