"""LabelMe JSON: shapes for manual correction."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import Tolerance, polygons_of, within
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.exporters.file_names import encoded
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.json_text import json_text
from cvstudio.foundation.params import Choices, Doc
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.labelme import document, shape_entry
from cvstudio.media.base import MediaKind
from cvstudio.results.detections import Detections


@dataclass(frozen=True)
class LabelMeOptions:
    """Kind of shapes, and location of the picture."""

    shapes: Annotated[
        str,
        Choices(("polygons", "boxes")),
        Doc("Shapes", "Polygons follow the masks, where the model provides them."),
    ] = "polygons"
    embed: Annotated[
        bool,
        Doc("Embed picture", "Stores the picture in the file instead of its path; always so for a video frame."),
    ] = False
    tolerance: Tolerance = 1.0


def _shapes(detections: Detections, options: LabelMeOptions) -> list[dict[str, Any]]:
    shapes = []
    for row in range(len(detections)):
        parts = polygons_of(detections, row, options.tolerance) if options.shapes == "polygons" else []
        x1, y1, x2, y2 = (float(str(value)) for value in detections.boxes[row])
        is_polygon = bool(parts)
        # LabelMe treats the shapes of a group as parts of one object.
        group = int(detections.ids[row]) if len(parts) > 1 else None
        for points in [part.tolist() for part in parts] or [[[x1, y1], [x2, y2]]]:
            kind = "polygon" if is_polygon else "rectangle"
            entry = shape_entry(detections.label(row), points, kind, group=group)
            shapes.append({**entry, "score": float(str(detections.scores[row]))})
    return shapes


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write LabelMe's format: shapes with points in pixels from the outer corner of the top left pixel, and the
    picture, as a path relative to the file or as base64-encoded PNG. Each shape also has its score, which LabelMe
    keeps."""
    options = item.options_as(LabelMeOptions)
    detections = within(item.result)
    image_data = None
    if item.media is not None and item.media.kind is MediaKind.IMAGE and not options.embed:
        image_path = _relative(item.media.path, path.parent)
    elif item.base is None:
        raise ExportError(f"{item.name} has no picture that could be labelled; export another format.")
    else:
        image_path = f"{item.file_stem}.png"
        image_data = base64.b64encode(encoded(item.base.rgb8, ".png")).decode("ascii")
    progress.check()
    content = document(_shapes(detections, options), image_path, detections.size, image_data=image_data)
    path.write_text(json_text(content, indent=2), encoding="utf-8")


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return str(path)


EXPORTERS.register(
    Exporter(
        "labelme",
        "LabelMe JSON",
        ".labelme.json",
        of(Detections),
        _write,
        "Boxes or outlines beside the picture, to be corrected by hand in LabelMe.",
        params=LabelMeOptions,
        keywords=("레이블미", "라벨미", "다각형 어노테이션"),
    )
)
