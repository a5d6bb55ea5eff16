"""HOG descriptors as NPZ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.hog_cells import HogCells


def _write(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    blocks : float32 (rows, columns, block, block, bins), normalised; ``blocks.ravel()`` is the descriptor
    degrees : float64 (bins,), centre of each bin
    cell : int64, side of a cell in pixels
    """
    result: HogCells = item.result
    progress.check()
    with path.open("wb") as file:
        np.savez_compressed(file, blocks=result.blocks, degrees=result.degrees, cell=np.int64(result.cell))


EXPORTERS.register(
    Exporter(
        "npz-hog",
        "NumPy descriptor",
        ".npz",
        of(HogCells),
        _write,
        "The normalised blocks, which in one row are the descriptor, for numpy.load.",
        preferred=True,
        keywords=("넘파이", "특징 벡터"),
    )
)
