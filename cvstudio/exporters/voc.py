"""Pascal VOC data sets: an XML file for each picture, in the folders of VOC's development kit."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import within
from cvstudio.exporters.base import Exporter, ExportItem, Moment, of
from cvstudio.exporters.file_names import label_name, put_picture
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.json_text import printable
from cvstudio.foundation.params import Doc
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

ROOT = Path("VOCdevkit", "VOC2012")
"""Folder that readers such as torchvision's expect: `VOCDetection(folder, year="2012", image_set="trainval")`."""


@dataclass(frozen=True)
class VocOptions:
    """Whether pictures are included."""

    pictures: Annotated[
        bool, Doc("Include pictures", "Adds each picture to the folder as JPEG, which VOC expects.")
    ] = True


def pixel_box(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """VOC's xmin, ymin, xmax, ymax: columns and rows of the first and the last pixel, inclusive, counted from 1.

    `box` has the left, top, right and bottom edges in pixels, counted from 0; the result has at least one pixel.
    """
    x1, y1, x2, y2 = box
    left, top = min(x1, width - 1), min(y1, height - 1)
    return left + 1, top + 1, max(x2, left + 1), max(y2, top + 1)


def annotation(detections: Detections, file_name: str) -> ElementTree.Element:
    """The XML annotation of one picture."""
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, name: str, text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(parent, name)
        element.text = text
        return element

    add(root, "folder", ROOT.name)
    add(root, "filename", file_name)
    add(add(root, "source"), "database", "cvstudio")
    size = add(root, "size")
    for name, value in (("width", detections.size.width), ("height", detections.size.height), ("depth", 3)):
        add(size, name, str(value))
    add(root, "segmented", "0")
    for row in range(len(detections)):
        object_element = add(root, "object")
        add(object_element, "name", detections.label(row))
        add(object_element, "pose", "Unspecified")
        add(object_element, "truncated", "0")
        add(object_element, "difficult", "0")
        # Not part of VOC, which has no scores; readers ignore unknown elements.
        add(object_element, "confidence", str(detections.scores[row]))
        box = add(object_element, "bndbox")
        corners = pixel_box(edges(detections.boxes[row], 1.0), *detections.size)
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            add(box, name, str(value))
    ElementTree.indent(root)
    return root


def _write(folder: Path, item: ExportItem, progress: Progress) -> None:
    """Write ``Annotations/NAME.xml``, ``JPEGImages/NAME.jpg`` and their list under ``VOCdevkit/VOC2012``."""
    options = item.options_as(VocOptions)
    root = folder / ROOT
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for moment in item.moments(progress):
        _write_one(root, item, moment, options)


def _write_one(root: Path, item: ExportItem, moment: Moment, options: VocOptions) -> None:
    name = label_name(item, moment, copied=options.pictures)
    if options.pictures:
        name = put_picture(root / "JPEGImages", name, item, moment, only_jpeg=True)
    file_name = f"{name}.jpg"
    if not options.pictures and item.frames is None and item.media is not None:
        file_name = PurePosixPath(name).with_name(item.media.path.name).as_posix()
    tree = ElementTree.ElementTree(annotation(within(moment.result), printable(file_name)))
    target = root / "Annotations" / f"{name}.xml"
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target, tidy=False) as temporary:
        tree.write(temporary, encoding="utf-8")


def _finish(folder: Path) -> None:
    """Write the list of all pictures that have an annotation."""
    root = folder / ROOT
    folder = root / "Annotations"
    paths = (path.relative_to(folder) for path in folder.rglob("*.xml") if not path.name.startswith("."))
    names = sorted(path.with_suffix("").as_posix() for path in paths)
    with atomic_path(root / "ImageSets" / "Main" / "trainval.txt") as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8", errors="surrogateescape")


EXPORTERS.register(
    Exporter(
        "voc",
        "Pascal VOC data set",
        "",
        of(Detections),
        _write,
        "A folder with an XML file for each picture, for tools that read Pascal VOC.",
        either=True,
        params=VocOptions,
        folder=True,
        finish=_finish,
    )
)
