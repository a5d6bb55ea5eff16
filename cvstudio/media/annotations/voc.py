"""Pascal VOC: an XML file for each picture.

`supervision` reads the boxes of these files alone, as if they began with pixel 0, and none of their attributes.
"""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from cvstudio.data.geometry import Size
from cvstudio.data.labels import Annotation, Category, LabelledSet, LeftOut, PictureLabels
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.foundation.shapes import Box, Polygon
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
from cvstudio.media.annotations._left_out import (
    Collector,
    Report,
    box_of,
    checked,
    lazy_set,
    readable,
    without_duplicates,
)
from cvstudio.media.annotations._pictures import Folders, picture_size, places
from cvstudio.media.annotations._values import ends_of, stated_size
from cvstudio.media.annotations._xml import in_xml, number_in, read_xml, tell_escapes, text_in, xml_text
from cvstudio.media.file_identity import quoted

ROOT = Path("VOCdevkit", "VOC2012")
"""Folder that readers such as torchvision's expect: `VOCDetection(folder, year="2012", image_set="trainval")`."""
ATTRIBUTES = ("pose", "truncated", "difficult", "occluded")
_ANNOTATION = re.compile(rb"<annotation[\s>]")
_OBJECT = re.compile(r"<object(?=[\s>])")
_NAME = re.compile(r"<name>(?:\s*<!\[CDATA\[(.*?)\]\]>\s*|([^<]*))</name>", re.DOTALL)


def _is_annotation(path: Path) -> bool:
    content = ends_of(path)
    # CVAT's root is "annotations".
    return _ANNOTATION.search(content) is not None and b"<filename" in content


def _recognises(path: Path) -> bool:
    if path.is_file():
        return path.suffix.casefold() == ".xml" and _is_annotation(path)
    for candidate in (path, path / "Annotations", path / ROOT / "Annotations", path / "annotations"):
        try:
            folder = first_with_files(candidate)
            first = next((item for item in sorted(os.listdir(folder)) if item.casefold().endswith(".xml")), None)
        except OSError:
            continue
        if first is not None and _is_annotation(folder / first):
            return True
    return False


def _read(path: Path) -> LabelledSet:
    root, files = (path.parent, [path]) if path.is_file() else (path, files_below(path, ".xml"))
    files = [item for item in files if _is_annotation(item)]
    if not files:
        raise MediaError(f"{quoted(path)} holds no annotations of Pascal VOC: XML files, usually in 'Annotations'.")
    folders, collector = Folders(), Collector()
    names: dict[str, None] = {}

    def picture_of(item: Path) -> Path | None:
        names.update(dict.fromkeys(_names_in(item)))
        return _picture(item, root, folders)

    def folder_of(item: Path) -> str:
        within = item.parent.relative_to(root).as_posix().replace("Annotations", "").strip("/.")
        return within.removeprefix(ROOT.as_posix()).strip("/")

    xml_of, pictures = by_picture(files, picture_of, folder_of, collector)
    # Files of one set written at different times name their classes in different orders.
    categories = [Category(name) for name in sorted(names)]
    places_of = {item.name: place for place, item in enumerate(categories)}

    def read(name: str, report: Report) -> PictureLabels:
        element = read_xml(xml_of[name])
        stated = element.find("size")
        size = stated_size(text_in(stated, "width"), text_in(stated, "height")) or picture_size(pictures[name])
        found = (each for item in element.iter("object") for each in _annotations(item, places_of, report))
        annotations = (checked(item, size, report) for item in found)
        return PictureLabels(size, without_duplicates((item for item in annotations if item is not None), report))

    return lazy_set(path, "voc", categories, pictures, read, collector.left_out)


def _names_in(path: Path) -> list[str]:
    """Names of the objects in a file; none where it cannot be read, which reading the whole of it tells."""
    from html import unescape

    try:
        objects = _OBJECT.split(xml_text(path.read_bytes()))[1:]
    except (OSError, ValueError, LookupError):
        return []
    # At the first place alone: a search would look through the rest of a long file for each that does not end.
    found = (_NAME.match(item, start) for item in objects if (start := item.find("<name>")) >= 0)
    return [(item[1] or unescape(item[2] or "")).strip() for item in found if item is not None]


def _picture(path: Path, root: Path, folders: Folders) -> Path | None:
    """The picture beside an annotation: of the same name, as the name in the file is often that of an older copy."""
    stem, relative = stem_of(path), path.parent.relative_to(root)
    within = relative.parts[relative.parts.index("Annotations") + 1 :] if "Annotations" in relative.parts else ()
    for place in places(path.parents[len(within)], within):
        found = folders.pictures_by_stem(place.joinpath(*within)).get(stem) or folders.pictures_by_stem(place).get(stem)
        if found is not None:
            return Path(os.path.abspath(found))
    return None


def _annotations(element: ElementTree.Element, places_of: Mapping[str, int], report: Report) -> Iterator[Annotation]:
    """Objects of an element: one, but for programs that list all boxes of a class in it."""
    category = places_of.get(text_in(element, "name"))
    if category is None:
        report("An object has no name.")
        return
    if element.find("part") is not None:
        report("Parts of an object, such as its head, are not read.")
    attributes = {name: text_in(element, name) for name in ATTRIBUTES if text_in(element, name)}
    polygons = _polygons(element)
    boxes: list[ElementTree.Element | None] = [*element.findall("bndbox")]
    if not boxes and (box := box_of(polygons, None)) is not None:
        yield Annotation(category, box, polygons, attributes=attributes)
        return
    for item in boxes or [None]:
        corners = [number_in(item, name) for name in ("xmin", "ymin", "xmax", "ymax")]
        finite = [value for value in corners if value is not None]
        if len(finite) != 4:
            report("The box of an object is no four finite numbers.")
            continue
        # First and last pixel are counted from 1; programs that count from 0 write 0 at the edge.
        box = (max(finite[0] - 1, 0.0), max(finite[1] - 1, 0.0), finite[2], finite[3])
        yield Annotation(category, box, polygons if len(boxes) == 1 else (), attributes=attributes)


def _polygons(element: ElementTree.Element) -> tuple[Polygon, ...]:
    """Outlines, as some programs add them: x1, y1, x2, y2, …"""
    polygons = []
    for item in element.iter("polygon"):
        points = []
        for number_of_corner in range(1, len(item) // 2 + 1):
            x, y = number_in(item, f"x{number_of_corner}"), number_in(item, f"y{number_of_corner}")
            if x is not None and y is not None:
                points.append((x, y))
        polygons.append(tuple(points))
    return tuple(polygons)


# Writing ------------------------------------------------------------------------------------------------------------


def pixel_box(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """VOC's xmin, ymin, xmax, ymax: columns and rows of the first and the last pixel, inclusive, counted from 1.

    `box` has the left, top, right and bottom edges in pixels, counted from 0; the result has at least one pixel.
    """
    x1, y1, x2, y2 = box
    left, top = min(x1, width - 1), min(y1, height - 1)
    return left + 1, top + 1, max(x2, left + 1), max(y2, top + 1)


def annotation_element(
    file_name: str, size: Size, objects: Iterable[tuple[str, tuple[int, int, int, int], Mapping[str, str]]]
) -> ElementTree.Element:
    """The XML annotation of one picture.

    Parameters
    ----------
    objects : name of the class, box as `pixel_box` gives it, and further elements by name
    """
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, name: str, text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(parent, name)
        element.text = in_xml(text)
        return element

    add(root, "folder", ROOT.name)
    add(root, "filename", file_name)
    add(add(root, "source"), "database", "cvstudio")
    size_element = add(root, "size")
    for name, value in (("width", size.width), ("height", size.height), ("depth", 3)):
        add(size_element, name, str(value))
    add(root, "segmented", "0")
    for label, corners, more in objects:
        object_element = add(root, "object")
        add(object_element, "name", label)
        for name, text in {"pose": "Unspecified", "truncated": "0", "difficult": "0", **more}.items():
            add(object_element, name, text)
        box = add(object_element, "bndbox")
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            add(box, name, str(value))
    ElementTree.indent(root)
    return root


def _write(labelled: LabelledSet, folder: Path, options: WriteOptions, progress: Progress) -> tuple[LeftOut, ...]:
    """Write ``Annotations/NAME.xml``, the list of all, and where they are wanted ``JPEGImages/NAME``, under
    ``VOCdevkit/VOC2012``."""
    collector, taken = Collector(), dict[str, None]()
    tell_escapes(labelled, collector.add)
    root = folder / ROOT
    for _, name, labels in readable(labelled, collector, progress):
        file_name = safe_path(name)
        size = labels.size or picture_size(labelled.pictures.get(name))
        stem = os.path.splitext(file_name)[0]
        if stem in taken:
            collector.add("Another picture has the same name but for its ending.", name)
            continue
        if size is None:
            collector.add("Pascal VOC wants the size of the picture, which is not known.", name)
            continue
        taken[stem] = None
        report = collector.at(name)
        if labels.classes or labels.label_map is not None:
            report("Pascal VOC holds objects, no classes of whole pictures and no maps of classes.")
        objects = [_object(item, labelled.categories, size, report) for item in labels.annotations]
        element = annotation_element(file_name.rpartition("/")[2], size, objects)
        write_text(root / "Annotations" / f"{stem}.xml", ElementTree.tostring(element, encoding="unicode"))
        if options.pictures:
            put_picture(labelled, name, root / "JPEGImages", collector)
    write_text(root / "ImageSets" / "Main" / "trainval.txt", "".join(f"{stem}\n" for stem in taken))
    return collector.left_out


def _object(
    annotation: Annotation, categories: tuple[Category, ...], size: Size, report: Report
) -> tuple[str, tuple[int, int, int, int], Mapping[str, str]]:
    if annotation.polygons or annotation.mask is not None or annotation.keypoints:
        report("Pascal VOC holds boxes; outlines, masks and key points are left out.")
    if annotation.crowd:
        report("A crowd becomes an object that is difficult.")
    if any(value != round(value) for value in annotation.box):
        report("Pascal VOC counts whole pixels; a box is rounded.")
    attributes = {name: text for name, text in annotation.attributes.items() if name in ATTRIBUTES}
    if annotation.crowd:
        attributes["difficult"] = "1"
    return categories[annotation.category].name, pixel_box(_edges(annotation.box, size), *size), attributes


def _edges(box: Box, size: Size) -> tuple[int, int, int, int]:
    x1, y1, x2, y2 = (round(value) for value in box)
    return max(x1, 0), max(y1, 0), min(x2, size.width), min(y2, size.height)


ANNOTATION_FORMATS.register(
    AnnotationFormat(
        "voc",
        "Pascal VOC",
        _recognises,
        _read,
        order=30,
        write=_write,
        summary="A folder with an XML file for each picture: boxes in whole pixels.",
    )
)
