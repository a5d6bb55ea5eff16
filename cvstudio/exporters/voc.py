"""A Pascal VOC data set: an XML file for each picture, in the folders of VOC's development kit."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import within
from cvstudio.exporters.base import Exporter, ExportItem, Moment, of
from cvstudio.exporters.file_names import put_picture, safe_name
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.params import Doc
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

ROOT = Path("VOCdevkit", "VOC2012")
"""Where readers of VOC look, torchvision's among them: `VOCDetection(folder, year="2012", image_set="trainval")`."""


@dataclass(frozen=True)
class VocOptions:
    """Whether the pictures come along."""

    pictures: Annotated[
        bool, Doc("With the pictures", "Puts each picture into the folder, as JPEG, which VOC expects.")
    ] = True


def pixel_box(box: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """VOC's xmin, ymin, xmax, ymax: columns and rows of the first and the last pixel, both included, counted from 1.

    `box` are the edges of the pixels as they are drawn, counted from 0; at least one pixel is told.
    """
    x1, y1, x2, y2 = box
    left, top = min(x1, width - 1), min(y1, height - 1)
    return left + 1, top + 1, max(x2, left + 1), max(y2, top + 1)


def annotation(found: Detections, file_name: str) -> ElementTree.Element:
    """The XML of one picture."""
    root = ElementTree.Element("annotation")

    def add(parent: ElementTree.Element, name: str, text: str = "") -> ElementTree.Element:
        element = ElementTree.SubElement(parent, name)
        element.text = text
        return element

    add(root, "folder", ROOT.name)
    add(root, "filename", file_name)
    add(add(root, "source"), "database", "cvstudio")
    size = add(root, "size")
    for name, value in (("width", found.size.width), ("height", found.size.height), ("depth", 3)):
        add(size, name, str(value))
    add(root, "segmented", "0")
    for row in range(len(found)):
        thing = add(root, "object")
        add(thing, "name", found.label(row))
        add(thing, "pose", "Unspecified")
        add(thing, "truncated", "0")
        add(thing, "difficult", "0")
        # Readers pass over what they do not know; VOC itself has no place for a score.
        add(thing, "confidence", str(found.scores[row]))
        box = add(thing, "bndbox")
        numbers = pixel_box(edges(found.boxes[row], 1.0), *found.size)
        for name, value in zip(("xmin", "ymin", "xmax", "ymax"), numbers, strict=True):
            add(box, name, str(value))
    ElementTree.indent(root)
    return root


def _write(folder: Path, item: ExportItem, progress: Progress) -> None:
    """``Annotations/NAME.xml``, ``JPEGImages/NAME.jpg`` and the list of both under ``VOCdevkit/VOC2012``."""
    options = item.options_as(VocOptions)
    root = folder / ROOT
    for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for moment in item.moments(progress):
        _write_one(root, item, moment, options)


def _write_one(root: Path, item: ExportItem, moment: Moment, options: VocOptions) -> None:
    name = safe_name(moment.name)
    if options.pictures:
        put_picture(root / "JPEGImages", name, item, moment, only_jpeg=True)
    tree = ElementTree.ElementTree(annotation(within(moment.result), f"{name}.jpg"))
    with atomic_path(root / "Annotations" / f"{name}.xml", tidy=False) as temporary:
        tree.write(temporary, encoding="utf-8")


def _finish(folder: Path) -> None:
    """List every picture that has an annotation."""
    root = folder / ROOT
    names = sorted(path.stem for path in (root / "Annotations").glob("*.xml") if not path.name.startswith("."))
    with atomic_path(root / "ImageSets" / "Main" / "trainval.txt") as temporary:
        temporary.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


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
