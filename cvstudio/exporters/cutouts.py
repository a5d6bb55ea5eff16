"""Cut-outs: each detected object as a picture of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.exporters import EXPORTERS
from cvstudio.exporters._detections import within
from cvstudio.exporters.base import Exporter, ExportItem, Moment, of
from cvstudio.exporters.file_names import encoded, opaque, safe_name
from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges


@dataclass(frozen=True)
class CutOutOptions:
    """Extent and transparency of cut-outs."""

    margin: Annotated[
        int,
        Range(0, 200, step=1, unit="px"),
        Doc("Margin", "Keeps this much around each box.", "Try 8 where the boxes are tight."),
    ] = 0
    transparent: Annotated[
        bool, Doc("Transparent", "Keeps only the pixels of the object, where the model provides a mask.")
    ] = True


def cut_out(image: Image, detections: Detections, row: int, options: CutOutOptions) -> NDArray[Any]:
    """Crop of one detection, (h, w, 3) uint8 or uint16 as the picture; (h, w, 4) with a mask or an alpha channel."""
    width, height = detections.size
    x1, y1, x2, y2 = edges(detections.boxes[row], 1.0)
    left, top = max(0, min(x1, width - 1) - options.margin), max(0, min(y1, height - 1) - options.margin)
    right, bottom = min(width, max(x2, left + 1) + options.margin), min(height, max(y2, top + 1) + options.margin)
    pixels = opaque(image)[top:bottom, left:right]
    peak = np.iinfo(pixels.dtype).max
    alpha: NDArray[Any] | None = None
    if image.alpha is not None and image.alpha.dtype == pixels.dtype:
        alpha = image.alpha[top:bottom, left:right]
    if options.transparent and detections.masks is not None:
        mask = detections.masks.window(row, detections.boxes[row], 1.0, left, top, right, bottom)
        alpha = np.where(mask, peak if alpha is None else alpha, 0).astype(pixels.dtype)
    return np.ascontiguousarray(pixels if alpha is None else np.dstack([pixels, alpha]))


def _write(folder: Path, item: ExportItem, progress: Progress) -> None:
    """Write ``NAME-LABEL-ID.png`` for each detection. The id is the candidate's and does not depend on thresholds, so
    that a repeated export replaces the file of the same object."""
    options = item.options_as(CutOutOptions)
    for moment in item.moments(progress):
        _write_one(folder, moment, options, progress)


def _write_one(folder: Path, moment: Moment, options: CutOutOptions, progress: Progress) -> None:
    if moment.image is None:
        raise ExportError("Cut-outs expect a picture, found a result without one; export another format.")
    detections = within(moment.result)
    for row in range(len(detections)):
        progress.check()
        name = safe_name(f"{moment.name}-{detections.label(row)}-{detections.ids[row]:05d}")
        data = encoded(cut_out(moment.image, detections, row, options), ".png")
        with atomic_path(folder / f"{name}.png", tidy=False) as temporary:
            temporary.write_bytes(data)


EXPORTERS.register(
    Exporter(
        "cutouts",
        "Cut-outs",
        "",
        of(Detections),
        _write,
        "A folder with each object as its own PNG, with a transparent background where the model provides a mask.",
        either=True,
        params=CutOutOptions,
        folder=True,
        keywords=("객체 오려내기", "누끼", "배경 제거"),
    )
)
