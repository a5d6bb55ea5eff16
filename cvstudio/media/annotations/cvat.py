"""CVAT XML: boxes, polygons, masks, skeletons and tags of pictures, and tracks of a video.

No library that is kept reads it.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from cvstudio.data.frame_names import frame_name
from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import cut
from cvstudio.data.labels import Annotation, Category, LabelledMask, LabelledSet, LeftOut, PictureLabels
from cvstudio.data.run_lengths import MAX_PIXELS
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Polygon
from cvstudio.media.annotations import ANNOTATION_FORMATS, AnnotationFormat, WriteOptions
from cvstudio.media.annotations._cvat_skeletons import skeleton_drawing, skeleton_lines
from cvstudio.media.annotations._cvat_tracks import (
    SHAPES,
    CvatShape,
    find_video,
    gathered_tracks,
    label_of,
    only_video,
    track_element,
    track_shapes,
    with_video,
)
from cvstudio.media.annotations._groups import GROUP, Groups, group_of, with_parts_joined
from cvstudio.media.annotations._left_out import (
    MORE_POINTS,
    Collector,
    Report,
    box_of,
    box_of_points,
    checked,
    lazy_set,
    readable,
    turned,
    turned_box,
    without_duplicates,
)
from cvstudio.media.annotations._pictures import find_pictures, picture_size
from cvstudio.media.annotations._values import ends_of, integer, number, stated_size
from cvstudio.media.annotations._xml import attribute, in_xml, read_xml, tell_escapes, text_in
from cvstudio.media.file_identity import quoted

_ROOT = re.compile(rb"<annotations[\s>]")
_FLAGS = ("occluded",)
_ELLIPSE_CORNERS = 64


def _recognises(path: Path) -> bool:
    return path.suffix.casefold() == ".xml" and path.is_file() and _ROOT.search(ends_of(path)) is not None


def _read(path: Path) -> LabelledSet:
    root = read_xml(path)
    if root.tag != "annotations":
        raise MediaError(f"{quoted(path)} is expected to hold annotations of CVAT; choose another file.")
    collector = Collector()
    categories = _categories(root)
    places_of = {item.name: place for place, item in enumerate(categories)}
    shapes: dict[str, list[CvatShape]] = {}
    sizes: dict[str, Size | None] = {}
    classes: dict[str, list[str]] = {}
    for image in root.iter("image"):
        name = (image.get("name") or "").replace("\\", "/")
        if not name or name in sizes:
            collector.add("A picture has no name, or that of another.", name)
            continue
        sizes[name] = stated_size(image.get("width"), image.get("height"))
        shapes[name] = [CvatShape(item, label_of(item), group_of(item)) for item in image if item.tag in SHAPES]
        classes[name] = [label_of(item) for item in image.iter("tag")]
    video_size = _video_size(root)
    for frame, shape in sorted(track_shapes(root, collector), key=lambda found: found[0]):
        name = frame_name("", frame)
        sizes.setdefault(name, video_size)
        shapes.setdefault(name, []).append(shape)
    found = find_pictures(sizes, path.parent)
    # Frames of a video are named without the ending that their export has.
    missing = [name for name, picture in found.items() if picture is None and name.startswith("frame_")]
    for suffix in (".PNG", ".png", ".jpg"):
        exported = find_pictures([f"{name}{suffix}" for name in missing], path.parent)
        found.update((name.removesuffix(suffix), picture) for name, picture in exported.items() if picture is not None)

    video = find_video(root, path) if missing else None
    videos = {"": video} if video is not None else {}

    def annotation(shape: CvatShape, report: Report) -> Annotation | None:
        here = _annotation(shape.element, shape.label, shape.track, places_of, categories, report)
        if here is None or shape.later is None:
            return shape.placed(here, None) if here is not None else None
        return shape.placed(here, _annotation(shape.later, shape.label, shape.track, places_of, categories, report))

    def read(name: str, report: Report) -> PictureLabels:
        size = sizes[name] or picture_size(found[name])
        found_shapes = ((annotation(item, report), item) for item in shapes.get(name, ()))
        parts = ((item, shape.group, shape.element.tag) for item, shape in found_shapes if item is not None)
        valid = (checked(item, size, report) for item in with_parts_joined(parts))
        objects = without_duplicates((item for item in valid if item is not None), report)
        tags = classes.get(name, ())
        known = tuple(places_of[tag] for tag in tags if tag in places_of)
        if len(known) != len(tags):
            report("A class of the picture is not declared.")
        return PictureLabels(size, objects, known)

    pictures = {name: found[name] for name in sizes}
    return lazy_set(path, "cvat", categories, pictures, read, collector.left_out, videos=videos)


def _video_size(root: ElementTree.Element) -> Size | None:
    size = root.find("meta//original_size")
    return stated_size(text_in(size, "width"), text_in(size, "height"))


def _categories(root: ElementTree.Element) -> tuple[Category, ...]:
    """Declared classes, those of the points of a skeleton as its key points, then those that are used."""
    declared: dict[str, list[str]] = {}
    used: set[str] = set()
    for label in root.findall("meta//label"):
        if not text_in(label, "parent"):
            declared.setdefault(text_in(label, "name"), [])
    for label in root.findall("meta//label"):
        if text_in(label, "parent") in declared:
            declared[text_in(label, "parent")].append(text_in(label, "name"))
    for element in root.iter():
        if element.tag == "skeleton":
            points = declared.setdefault(label_of(element), [])
            points += [name for item in element.iter("points") if (name := label_of(item)) not in points]
        elif element.tag in ("tag", "track") or (element.tag in SHAPES and element.tag != "points"):
            declared.setdefault(label_of(element), [])
            used.add(label_of(element))
    lines = {
        name: skeleton_lines(label, declared[name])
        for label in root.findall("meta//label")
        if not text_in(label, "parent") and declared.get(name := text_in(label, "name"))
    }
    # A point of a skeleton may be called as a class.
    parts = {name for points in declared.values() for name in points} - used
    return tuple(
        Category(name, keypoints=tuple(points), skeleton=lines.get(name, ()))
        for name, points in declared.items()
        if name and name not in parts
    )


def _annotation(
    element: ElementTree.Element,
    label: str,
    track: int | None,
    places_of: Mapping[str, int],
    categories: tuple[Category, ...],
    report: Report,
) -> Annotation | None:
    category = places_of.get(label)
    if category is None:
        report(f"The class '{label[:40]}' is not declared.")
        return None
    polygons: tuple[Polygon, ...] = ()
    mask: LabelledMask | None = None
    keypoints: tuple[tuple[float, float, int], ...] = ()
    if element.tag == "box":
        corners = [attribute(element, name) for name in ("xtl", "ytl", "xbr", "ybr")]
        finite = [value for value in corners if value is not None]
        box = (finite[0], finite[1], finite[2], finite[3]) if len(finite) == 4 else None
        if box is not None and (turn := attribute(element, "rotation") or 0) % 360:
            polygons = (turned_box(box, turn),)
            box = box_of(polygons, None)
    elif element.tag == "polygon":
        polygons = (_points(element),)
        box = box_of(polygons, None)
    elif element.tag == "ellipse":
        polygons = (_ellipse(element),)
        box = box_of(polygons, None)
    elif element.tag == "mask":
        mask = _mask(element)
        box = box_of((), mask)
    elif element.tag == "skeleton":
        keypoints = _keypoints(element, categories[category].keypoints)
        box = box_of_points((x, y) for x, y, seen in keypoints if seen)
    else:
        report(f"A shape of the kind '{element.tag}' has no area; it is left out.")
        return None
    if box is None:
        article = "An" if element.tag == "ellipse" else "A"
        report(f"{article} {element.tag} has coordinates that are no finite numbers, or none.")
        return None
    attributes = {item.get("name") or "": (item.text or "").strip() for item in element.findall("attribute")}
    attributes.update((name, "1") for name in _FLAGS if element.get(name) == "1")
    return Annotation(category, box, polygons, mask, keypoints, attributes=attributes, track_id=track)


def _points(element: ElementTree.Element) -> Polygon:
    """Corners from "x,y;x,y"; empty where one is none."""
    corners = []
    for pair in (element.get("points") or "").split(";"):
        x, _, y = pair.partition(",")
        values = number(x), number(y)
        if values[0] is None or values[1] is None:
            return ()
        corners.append((values[0], values[1]))
    return tuple(corners)


def _ellipse(element: ElementTree.Element) -> Polygon:
    """Corners around an ellipse; empty where a number of it is none."""
    found = [attribute(element, name) for name in ("cx", "cy", "rx", "ry")]
    values = [value for value in found if value is not None]
    if len(values) != len(found):
        return ()
    angles = np.linspace(0, 2 * np.pi, _ELLIPSE_CORNERS, endpoint=False)
    offsets = np.stack((np.cos(angles), np.sin(angles)), 1) * values[2:]
    return turned(offsets, values[:2], attribute(element, "rotation") or 0)


def _mask(element: ElementTree.Element) -> LabelledMask | None:
    """The mask of run lengths along the rows of its box, 0s first."""
    left, top, width, height = (attribute(element, name) or 0 for name in ("left", "top", "width", "height"))
    counts = [number(item) for item in (element.get("rle") or "").split(",")]
    n_pixels = int(width) * int(height)
    lengths = [int(count) for count in counts if count is not None and 0 <= count <= n_pixels]
    if min(width, height) < 1 or n_pixels > MAX_PIXELS or len(lengths) != len(counts) or sum(lengths) != n_pixels:
        return None
    values = np.arange(len(lengths)) % 2 == 1
    return cut(np.repeat(values, lengths).reshape(int(height), int(width)), int(left), int(top))


def _keypoints(element: ElementTree.Element, names: tuple[str, ...]) -> tuple[tuple[float, float, int], ...]:
    found: dict[str, tuple[float, float, int]] = {}
    for item in element.iter("points"):
        points = _points(item)
        if len(points) == 1 and item.get("outside") != "1":
            found[label_of(item)] = (*points[0], 1 if item.get("occluded") == "1" else 2)
    return tuple(found.get(name, (0.0, 0.0, 0)) for name in names)


# Writing ------------------------------------------------------------------------------------------------------------


def _write(labelled: LabelledSet, path: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write the labels of pictures, or, where all are of one video, its tracks: CVAT has a form for either."""
    collector = Collector()
    tell_escapes(labelled, collector.add)
    video = only_video(labelled)
    if video is not None:
        tracks = gathered_tracks(labelled, video, collector, progress)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write(_text(with_video(_meta(labelled.categories), labelled, video)))
            # Those without an identity are numbered behind the others.
            first = 1 + max((track.identity for track in tracks if track.identity is not None), default=-1)
            for number, track in enumerate(tracks, first):
                element = track_element(number, track, _add_shapes, labelled.categories, collector.add)
                file.write(_text(element))
            file.write("</annotations>\n")
        return collector.left_out
    # Picture by picture: all elements of a large set would take gigabytes.
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
        file.write(_text(_meta(labelled.categories)))
        for index, name, labels in readable(labelled, collector, progress):
            file.write(_text(_image(labelled, name, labels, index, collector.at(name))))
        file.write("</annotations>\n")
    return collector.left_out


def _text(element: ElementTree.Element) -> str:
    ElementTree.indent(element)
    return in_xml(ElementTree.tostring(element, encoding="unicode")) + "\n"


def _meta(categories: tuple[Category, ...]) -> ElementTree.Element:
    meta = ElementTree.Element("meta")
    labels = ElementTree.SubElement(ElementTree.SubElement(meta, "task"), "labels")
    for category in categories:
        kinds = [(category.name, "skeleton" if category.keypoints else "any", "")]
        kinds += [(point, "points", category.name) for point in category.keypoints]
        for name, kind, parent in kinds:
            label = ElementTree.SubElement(labels, "label")
            facts = {"name": name, "type": kind, "parent": parent}
            facts["svg"] = skeleton_drawing(category) if kind == "skeleton" else ""
            for tag, value in facts.items():
                if value:
                    ElementTree.SubElement(label, tag).text = value
    return meta


def _image(labelled: LabelledSet, name: str, labels: PictureLabels, index: int, report: Report) -> ElementTree.Element:
    size = labels.size or picture_size(labelled.pictures.get(name))
    image = ElementTree.Element("image", id=str(index), name=name)
    if size is not None:
        image.set("width", str(size.width))
        image.set("height", str(size.height))
    if labels.label_map is not None:
        report("CVAT holds shapes, no maps of classes.")
    for place in labels.classes:
        ElementTree.SubElement(image, "tag", label=labelled.categories[place].name)
    groups = Groups()
    groups.know(labels.annotations)
    for annotation in labels.annotations:
        if annotation.track_id is not None:
            report("The number of a track is left out: tracks belong to videos.")
        group = groups.number(annotation)
        _add_shapes(image, annotation, labelled.categories[annotation.category], report, group)
    return image


def _add_shapes(
    image: ElementTree.Element, annotation: Annotation, category: Category, report: Report, group: int | None = None
) -> None:
    """Add the elements of an object to `image`, or to the track of a video."""
    more = {"label": category.name, "occluded": annotation.attributes.get("occluded", "0")}
    if group is not None:
        more[GROUP] = str(group)
    if annotation.crowd:
        report("A crowd cannot be told from an object.")
    if len(annotation.keypoints) > len(category.keypoints):
        report(MORE_POINTS)
    if annotation.mask is not None:
        mask = annotation.mask
        height, width = mask.pixels.shape
        place = {"left": mask.left, "top": mask.top, "width": width, "height": height}
        values = {key: str(value) for key, value in place.items()}
        elements = [ElementTree.SubElement(image, "mask", {**more, "rle": _run_lengths(mask), **values})]
    elif annotation.polygons:
        corners = [";".join(f"{x},{y}" for x, y in polygon) for polygon in annotation.polygons]
        elements = [ElementTree.SubElement(image, "polygon", {**more, "points": points}) for points in corners]
    elif annotation.keypoints and category.keypoints:
        elements = [ElementTree.SubElement(image, "skeleton", more)]
        for name, (x, y, seen) in zip(category.keypoints, annotation.keypoints, strict=False):
            facts = {
                "label": name,
                "points": f"{x},{y}",
                "occluded": str(int(seen == 1)),
                "outside": str(int(not seen)),
            }
            ElementTree.SubElement(elements[0], "points", facts)
        if box_of_points((x, y) for x, y, seen in annotation.keypoints if seen) != annotation.box:
            report("CVAT draws the box of a skeleton around its points.")
    else:
        corner_names = zip(("xtl", "ytl", "xbr", "ybr"), annotation.box, strict=True)
        box = {corner: str(value) for corner, value in corner_names}
        elements = [ElementTree.SubElement(image, "box", {**more, **box})]
    for element in elements:
        for name, text in annotation.attributes.items():
            if name not in _FLAGS and (name != GROUP or integer(text) is None):
                ElementTree.SubElement(element, "attribute", name=name).text = text


def _run_lengths(mask: LabelledMask) -> str:
    flat = mask.pixels.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(changes, prepend=0, append=flat.size).tolist()
    return ", ".join(map(str, [0, *lengths] if flat[0] else lengths))


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "cvat",
        "CVAT XML",
        _recognises,
        _read,
        order=50,
        write=_write,
        suffix=".xml",
        summary="Boxes, polygons, masks, skeletons and classes of all pictures in one file; tracks of a video.",
    )
)
