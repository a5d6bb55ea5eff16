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
from cvstudio.foundation.params import Doc
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.voc import ROOT, annotation_element, pixel_box
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges


@dataclass(frozen=True)
class VocOptions:
    """Whether pictures are included."""

    pictures: Annotated[
        bool, Doc("Include pictures", "Adds each picture to the folder as JPEG, which VOC expects.")
    ] = True


def annotation(detections: Detections, file_name: str) -> ElementTree.Element:
    """The XML annotation of one picture."""
    objects = []
    for row in range(len(detections)):
        corners = pixel_box(edges(detections.boxes[row], 1.0), *detections.size)
        # Not part of VOC, which has no scores; readers ignore unknown elements.
        objects.append((detections.label(row), corners, {"confidence": str(detections.scores[row])}))
    return annotation_element(file_name, detections.size, objects)


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
    tree = ElementTree.ElementTree(annotation(within(moment.result), file_name))
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
        keywords=("파스칼 VOC", "학습 데이터셋"),
    )
)
