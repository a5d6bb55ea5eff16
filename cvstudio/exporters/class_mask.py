"""Class maps as indexed PNG of the picture's size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.errors import ExportError
from cvstudio.foundation.progress import Progress
from cvstudio.media.annotations.class_masks import VOID, mask_palette, write_mask
from cvstudio.results.segmentation import Segmentation


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write an indexed PNG whose pixel values are class indices, 255 below the threshold. The palette has the colours
    in which the classes are drawn; a text chunk "labels" has their names, one per line."""
    result: Segmentation = item.result
    if len(result.labels) > VOID:
        raise ExportError(
            f"An indexed PNG expects at most {VOID} classes, found {len(result.labels)}; export the picture instead."
        )
    progress(None, "writing")
    indices = np.where(result.classes < 0, VOID, result.classes).astype(np.uint8)
    # Nearest neighbour, as on the screen: class indices cannot be interpolated.
    height, width = result.size.height, result.size.width
    rows = ((np.arange(height) + 0.5) * indices.shape[0] / height).astype(np.int64)
    columns = ((np.arange(width) + 0.5) * indices.shape[1] / width).astype(np.int64)
    palette = mask_palette(result.labels)
    if result.background >= 0:
        palette[result.background] = 0
    progress.check()
    write_mask(path, indices[np.ix_(rows, columns)], palette, result.labels)


EXPORTERS.register(
    Exporter(
        "class-mask",
        "Class mask",
        ".classes.png",
        of(Segmentation),
        _write,
        "The class index of each pixel as an indexed PNG, 255 where it is unknown.",
        keywords=("클래스 마스크", "분할 마스크", "레이블 맵"),
    )
)
