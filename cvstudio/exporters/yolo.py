"""YOLO data sets: a text file for each picture, and a list of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from cvstudio.data.outlines import joined
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import Tolerance, polygons_of, within
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.exporters.file_names import label_name, put_picture
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.yolo import DECLARATION, data_yaml, line_of
from cvstudio.results.detections import Detections


@dataclass(frozen=True)
class YoloOptions:
    """Content of the lines, and whether pictures are included."""

    shapes: Annotated[
        str,
        Choices(("boxes", "polygons")),
        Doc("Shapes", "Boxes train a detector, mask polygons a segmentation network."),
    ] = "boxes"
    scores: Annotated[
        bool, Doc("Scores", "Writes the score behind each shape.", "Leave this off for training.", more=True)
    ] = False
    pictures: Annotated[bool, Doc("Include pictures", "Copies each picture into the folder.")] = True
    tolerance: Tolerance = 1.0


def lines_of(detections: Detections, options: YoloOptions) -> list[str]:
    """A line for each detection: class index from 0, then centre and size of the box, or the corners of the outline, as
    fractions of the picture's width or height (0..1, nine decimals), and optionally the score.

    The components of a mask are joined to one polygon by lines without width. Without a mask the box is the polygon.
    """
    lines = []
    for row in range(len(detections)):
        x1, y1, x2, y2 = detections.boxes[row].astype(np.float64)
        if options.shapes == "boxes":
            points = np.array([[(x1 + x2) / 2, (y1 + y2) / 2], [x2 - x1, y2 - y1]])
        else:
            parts = polygons_of(detections, row, options.tolerance)
            points = joined(parts) if parts else np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
        line = line_of(int(detections.classes[row]), points, detections.size)
        lines.append(f"{line} {detections.scores[row]!s}" if options.scores else line)
    return lines


def _write(folder: Path, item: ExportItem, progress: Progress) -> None:
    """Write ``labels/NAME.txt``, ``images/NAME.jpg`` and ``data.yaml``; an existing data set is extended.

    Only the labels of the same picture are replaced.

    Raises
    ------
    ExportError
        The folder has a data set with other classes, whose indices would have another meaning.
    """
    options = item.options_as(YoloOptions)
    for name in ("labels", "images"):
        (folder / name).mkdir(exist_ok=True)
    for moment in item.moments(progress):
        detections = within(moment.result)
        _declare(folder / DECLARATION, detections.labels)
        name = label_name(item, moment, copied=options.pictures)
        if options.pictures:
            name = put_picture(folder / "images", name, item, moment)
        target = folder / "labels" / f"{name}.txt"
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(target, tidy=False) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines_of(detections, options)), encoding="utf-8")


def _declare(path: Path, labels: tuple[str, ...]) -> None:
    text = data_yaml(labels)
    if not path.exists():
        with atomic_path(path, tidy=False) as temporary:
            temporary.write_text(text, encoding="utf-8")
    elif path.read_text(encoding="utf-8") != text:
        raise ExportError(
            f"{path.parent.name} is to be a YOLO data set of the model's {len(labels)} classes, found one of other "
            f"classes; choose another folder."
        )


EXPORTERS.register(
    Exporter(
        "yolo",
        "YOLO data set",
        "",
        of(Detections),
        _write,
        "A folder with a text file for each picture and data.yaml, for training YOLO.",
        either=True,
        params=YoloOptions,
        folder=True,
        keywords=("욜로", "학습 데이터셋"),
    )
)
