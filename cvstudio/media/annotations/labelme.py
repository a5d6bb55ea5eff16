"""LabelMe JSON: a file of shapes for each picture. No library that is kept reads all of its shapes."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.keypoint_editing import points_box
from cvstudio.data.label_masks import cut
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, LeftOut, PictureLabels
from cvstudio.data.run_lengths import MAX_PIXELS
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Box, Point, Polygon
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._files import (
    by_picture,
    files_below,
    first_with_files,
    put_picture,
    safe_path,
    stem_of,
    write_text,
)
from cvstudio.media.annotations._groups import joined_parts
from cvstudio.media.annotations._labelme_points import (
    HIDDEN_FLAG,
    POINTS_CLASS,
    PointNames,
    keypoints_of,
    owned_points,
    point_shapes,
)
from cvstudio.media.annotations._left_out import (
    Collector,
    Report,
    box_of,
    box_of_points,
    checked,
    lazy_set,
    readable,
    without_duplicates,
)
from cvstudio.media.annotations._pictures import Folders, find_pictures, picture_size
from cvstudio.media.annotations._values import (
    as_utf8,
    ends_of,
    integer,
    items,
    mapping,
    mappings,
    point,
    read_json,
    stated_size,
    text,
)
from cvstudio.media.file_identity import decoding, quoted

VERSION = "5.5.0"
"""The version of LabelMe whose format is written; later ones read it."""

_SHAPES = re.compile(rb'"shapes"\s*:')
_PICTURE = re.compile(rb'"image(Path|Height|Width)"\s*:')
_LABEL = re.compile(rb'"label"\s*:\s*("(?:[^"\\]|\\.)*")')
_FLAGS = re.compile(rb'"flags"\s*:\s*(\{[^{}]*\})')
_POINT = re.compile(rb'"shape_type"\s*:\s*"point"')
_CIRCLE_CORNERS = 64
UNKNOWN_SIZE = Size(MAX_PIXELS, MAX_PIXELS)
"""Of a picture that is not there and has no stated size: nothing is clipped."""
_OUTLINES = frozenset(("polygon", "rotation", "oriented_rectangle", "quadrilateral"))
"""Shapes that are their corners; all but the first are of other programs that write the same form."""


def _is_labelme(path: Path) -> bool:
    # The path of the picture may lie far from both ends, between long shapes and the picture itself.
    content = ends_of(path)
    return content.lstrip()[:1] == b"{" and None not in (_SHAPES.search(content), _PICTURE.search(content))


def _recognises(path: Path) -> bool:
    if path.is_file():
        return path.suffix.casefold() == ".json" and _is_labelme(path)
    for candidate in (path, path / "labels", path / "annotations"):
        try:
            folder = first_with_files(candidate)
            names = sorted(name for name in os.listdir(folder) if name.casefold().endswith(".json"))
        except OSError:
            continue
        if names and _is_labelme(folder / names[0]):
            return True
    return False


def _read(path: Path) -> LabelledSet:
    root, files = (path.parent, [path]) if path.is_file() else (path, files_below(path, ".json"))
    files = [item for item in files if _is_labelme(item)]
    if not files:
        raise MediaError(f"{quoted(path)} holds no files of LabelMe: JSON with shapes; choose another folder.")
    folders, collector = Folders(), Collector()
    labels: dict[str, None] = {}
    points = PointNames()

    def picture_of(item: Path) -> Path | None:
        with decoding(item):
            content = as_utf8(item.read_bytes())
        # Their names alone: the rest is read when it is asked for.
        own = dict.fromkeys(_string(found) for found in _LABEL.findall(content))
        # Names of key points are no classes, which only the shapes around them tell.
        labels.update(points.classes_of(content) if _POINT.search(content) else own)
        labels.update(dict.fromkeys(_flags_of_picture(content)))
        by_stem = folders.pictures_by_stem(item.parent).get(stem_of(item).removesuffix(".labelme"))
        return by_stem or _named_picture(item, content, folders)

    json_of, pictures = by_picture(
        files, picture_of, lambda item: item.parent.relative_to(root).as_posix().strip("./"), collector
    )
    categories = [Category(name, keypoints=points.of_class(name)) for name in sorted(labels) if name]
    places_of = {item.name: place for place, item in enumerate(categories)}

    def read(name: str, report: Report) -> PictureLabels:
        content = mapping(read_json(json_of[name]))
        stated = stated_size(content.get("imageWidth"), content.get("imageHeight"))
        size = stated or picture_size(pictures[name])
        found = _annotations(mappings(content.get("shapes")), places_of, categories, size, report)
        annotations = (checked(item, size, report) for item in found)
        flags = [flag for flag, on in mapping(content.get("flags")).items() if on is True]
        classes = tuple(places_of[flag] for flag in flags if flag in places_of)
        if len(classes) != len(flags):
            report("A flag of the picture is the name of no class.")
        objects = without_duplicates((item for item in annotations if item is not None), report)
        return PictureLabels(size, objects, classes)

    return lazy_set(path, "labelme", categories, pictures, read, collector.left_out)


def _flags_of_picture(content: bytes) -> Iterable[str]:
    """Names of the flags that stand before the shapes: classes of the whole picture."""
    shapes = _SHAPES.search(content)
    found = _FLAGS.search(content, 0, shapes.start()) if shapes is not None else None
    try:
        return mapping(json.loads(found.group(1))).keys() if found is not None else ()
    except ValueError:
        return ()


def _named_picture(path: Path, content: bytes, folders: Folders) -> Path | None:
    found = re.search(rb'"imagePath"\s*:\s*("(?:[^"\\]|\\.)*")', content)
    if found is None:
        return None
    name = _string(found.group(1))
    return find_pictures([name], path.parent, folders=folders)[name] if name else None


def _string(content: bytes) -> str:
    """A text as JSON has it; empty where it is none, which reading the whole file tells."""
    try:
        return text(json.loads(content))
    except ValueError:
        return ""


def _annotations(
    shapes: Sequence[Mapping[str, object]],
    places_of: Mapping[str, int],
    categories: Sequence[Category],
    size: Size | None,
    report: Report,
) -> Iterable[Annotation]:
    """Objects: each shape is one, but polygons or masks of one class and group are the parts of one, and points of a
    group are the key points of its first shape."""
    groups: dict[tuple[int, int, bool], list[Annotation]] = {}
    found: list[Annotation | tuple[int, int, bool]] = []
    posed: dict[int, list[int]] = {}
    of_points: set[int] = set()
    for owner, points in owned_points(shapes):
        of_points.update(points)
        if owner is not None:
            posed[owner] = points
        elif POINTS_CLASS in places_of:
            category = places_of[POINTS_CLASS]
            own = [shapes[number] for number in points]
            keypoints = keypoints_of(own, categories[category].keypoints, report)
            around = points_box(keypoints, size or UNKNOWN_SIZE)
            found += [Annotation(category, around, keypoints=keypoints)] if around is not None else []
    for number, shape in enumerate(shapes):
        if number in of_points:
            continue
        annotation = _annotation(shape, places_of, report)
        if annotation is None:
            continue
        if number in posed:
            names = categories[annotation.category].keypoints
            keypoints = keypoints_of([shapes[place] for place in posed[number]], names, report)
            annotation = dataclasses.replace(annotation, keypoints=keypoints)
        group = integer(shape.get("group_id"))
        if group is None or not (annotation.polygons or annotation.mask):
            found.append(annotation)
            continue
        key = (annotation.category, group, annotation.mask is not None)
        if key not in groups:
            found.append(key)
        groups.setdefault(key, []).append(annotation)
    return [joined_parts(groups[item]) if isinstance(item, tuple) else item for item in found]


def _annotation(shape: Mapping[str, object], places_of: Mapping[str, int], report: Report) -> Annotation | None:
    category, kind = places_of.get(text(shape.get("label"))), text(shape.get("shape_type")) or "polygon"
    if category is None:
        report("A shape has no label.")
        return None
    corners = [point(item) for item in items(shape.get("points"))]
    points = [item for item in corners if item is not None]
    if len(points) != len(corners) or not points:
        report("A shape has corners that are no pairs of finite numbers.")
        return None
    attributes = {name: "true" for name, on in mapping(shape.get("flags")).items() if on is True}
    if text(shape.get("description")):
        attributes["description"] = text(shape.get("description"))
    mask: LabelledMask | None = None
    polygons: tuple[Polygon, ...] = ()
    if kind in _OUTLINES:
        polygons = (tuple(points),)
    elif kind == "circle" and len(points) == 2:
        polygons = (_circle(points[0], points[1]),)
    elif kind == "mask" and len(points) == 2:
        mask = _mask(text(shape.get("mask")), points[0])
        if mask is None:
            report("A mask holds no picture with set pixels.")
            return None
    elif kind != "rectangle" or len(points) not in (2, 4):
        report(f"A shape of the kind '{kind[:40]}' has no area; it is left out.")
        return None
    box = box_of(polygons, mask) if kind != "rectangle" else box_of_points(points)
    return Annotation(category, box, polygons, mask, attributes=attributes) if box is not None else None


def _circle(centre: Point, edge: Point) -> Polygon:
    """A circle through `edge` as a polygon."""
    radius = float(np.hypot(edge[0] - centre[0], edge[1] - centre[1]))
    angles = np.linspace(0, 2 * np.pi, _CIRCLE_CORNERS, endpoint=False)
    corners = np.stack([centre[0] + radius * np.cos(angles), centre[1] + radius * np.sin(angles)], 1)
    return tuple((float(x), float(y)) for x, y in corners)


def _mask(coded: str, corner: Point) -> LabelledMask | None:
    """The mask of a PNG in base64 whose first pixel is at `corner`."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(base64.b64decode(coded)), formats=("PNG",)) as picture:
            pixels = np.asarray(picture.convert("L")) > 0
    except (OSError, ValueError, binascii.Error, SyntaxError, Image.DecompressionBombError):
        return None
    return cut(pixels, round(corner[0]), round(corner[1]))


# Writing ------------------------------------------------------------------------------------------------------------


def shape_entry(
    label: str,
    points: Sequence[Sequence[float]],
    kind: str,
    *,
    group: int | None = None,
    mask: str | None = None,
    description: str = "",
    flags: Mapping[str, bool] | None = None,
) -> dict[str, object]:
    """The entry of a shape, without a score.

    Parameters
    ----------
    points : corners; top left and bottom right of a rectangle and of a mask
    kind : "polygon", "rectangle", "mask" or "point"
    group : number that the parts of an object share
    mask : PNG in base64
    """
    return {
        "label": label,
        "points": [list(corner) for corner in points],
        "group_id": group,
        "description": description,
        "shape_type": kind,
        "flags": dict(flags or {}),
        "mask": mask,
    }


def document(
    shapes: Sequence[Mapping[str, object]],
    image_path: str,
    size: Size,
    *,
    image_data: str | None = None,
    flags: Mapping[str, bool] | None = None,
) -> dict[str, object]:
    """The content of a file of LabelMe.

    Parameters
    ----------
    image_path : of the picture, relative to the file
    image_data : the picture in base64; None where the path leads to it
    flags : classes of the whole picture
    """
    return {
        "version": VERSION,
        "flags": dict(flags or {}),
        "shapes": list(shapes),
        "imagePath": image_path,
        "imageData": image_data,
        "imageHeight": size.height,
        "imageWidth": size.width,
    }


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``NAME.json`` and, where they are wanted, the picture beside it."""
    collector, taken = Collector(), set[str]()
    for _, name, labels in readable(labelled, collector, progress):
        file_name = safe_path(name)
        size = labels.size or picture_size(labelled.pictures.get(name))
        stem = os.path.splitext(file_name)[0]
        if stem in taken:
            collector.add("Another picture has the same name but for its ending.", name)
            continue
        if size is None:
            collector.add("LabelMe wants the size of the picture, which is not known.", name)
            continue
        taken.add(stem)
        report = collector.at(name)
        if labels.label_map is not None:
            report("LabelMe holds shapes, no maps of classes.")
        shapes = [
            shape
            for number, item in enumerate(labels.annotations)
            for shape in _shapes(item, labelled.categories[item.category], number, report)
        ]
        flags = {labelled.categories[place].name: True for place in labels.classes}
        content = document(shapes, file_name.rpartition("/")[2], size, flags=flags)
        write_text(folder / f"{stem}.json", json_text(content, indent=2))
        if options.pictures:
            put_picture(labelled, name, folder, collector)
    return collector.left_out


def _shapes(annotation: Annotation, category: Category, number: int, report: Report) -> list[dict[str, object]]:
    shapes = _outline_shapes(annotation, category.name, number, report)
    if annotation.keypoints:
        for shape in shapes:
            shape["group_id"] = number
        if category.skeleton:
            report("LabelMe holds no lines between key points.")
        for point, name, hidden in point_shapes(annotation, category, report):
            flags = {HIDDEN_FLAG: True} if hidden else None
            shapes.append(shape_entry(name, [point], "point", group=number, flags=flags))
    return shapes


def _outline_shapes(annotation: Annotation, label: str, number: int, report: Report) -> list[dict[str, object]]:
    if annotation.crowd:
        report("A crowd cannot be told from an object.")
    flags = {name: True for name, value in annotation.attributes.items() if value == "true"}
    description = annotation.attributes.get("description", "")
    if annotation.mask is not None:
        mask = annotation.mask
        height, width = mask.pixels.shape
        # The last pixel belongs to it.
        corners = [(mask.left, mask.top), (mask.left + width - 1, mask.top + height - 1)]
        coded = _coded(mask.pixels)
        return [shape_entry(label, corners, "mask", mask=coded, description=description, flags=flags)]
    if annotation.polygons:
        group = number if len(annotation.polygons) > 1 else None
        return [
            shape_entry(label, polygon, "polygon", group=group, description=description, flags=flags)
            for polygon in annotation.polygons
        ]
    return [shape_entry(label, _corners(annotation.box), "rectangle", description=description, flags=flags)]


def _corners(box: Box) -> tuple[Point, Point]:
    return box[:2], box[2:]


def _coded(pixels: NDArray[np.bool_]) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255).convert("1").save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "labelme",
        "LabelMe JSON",
        _recognises,
        _read,
        order=40,
        write=_write,
        summary="A folder with a JSON file for each picture: rectangles, polygons, masks and key points.",
    )
)
