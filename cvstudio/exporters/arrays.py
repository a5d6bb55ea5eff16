"""Detections with their masks as NPZ."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle, a row for each detection, the best first.

    boxes : float32 (n, 4), x1, y1, x2, y2 in pixels; (0, 0) is the outer corner of the top left pixel
    scores : float32 (n,); score_kind states their meaning
    classes : int64 (n,), index into labels
    ids : int64 (n,)
    labels : str (classes,)
    masks : bool (n, H, W), only where the model has masks
    """
    result: Detections = item.result
    arrays: dict[str, Any] = {
        "boxes": result.boxes,
        "scores": result.scores,
        "classes": result.classes,
        "ids": result.ids,
        "labels": np.array(result.labels),
        "score_kind": np.array(result.score_kind),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, value, allow_pickle=False)
        if result.masks is not None:
            shape = (len(result), result.size.height, result.size.width)
            with archive.open("masks.npy", "w", force_zip64=True) as file:
                header = {"descr": "|b1", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(file, header)
                # One by one: uncompressed, all masks together may take gigabytes.
                for row, box in enumerate(result.boxes):
                    progress(row / len(result), "writing")
                    file.write(result.masks.full(row, box, result.size).tobytes())
        progress.check()


EXPORTERS.register(
    Exporter(
        "npz-boxes",
        "NumPy boxes and masks",
        ".npz",
        of(Detections),
        _write_npz,
        "Boxes, scores, classes and the mask of each object, for numpy.load.",
        keywords=("넘파이", "박스 배열"),
    )
)
