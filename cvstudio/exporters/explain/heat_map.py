"""Heat maps as NPZ or NPY."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.heat_map import HeatMap


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    values : float32 (h, w), a regular grid over `rect`
    rect : float64 (4,), x, y, width and height in pixels of the picture
    size : int64 (2,), width and height of the picture
    label : str; probability : float64
    """
    result: HeatMap = item.result
    progress.check()
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            values=result.values,
            rect=np.array(result.rect, np.float64),
            size=np.array(result.size, np.int64),
            label=np.array(result.label),
            probability=np.float64(result.probability),
        )


def _write_npy(path: Path, item: ExportItem, progress: Progress) -> None:
    progress.check()
    with path.open("wb") as file:
        np.save(file, item.result.values, allow_pickle=False)


EXPORTERS.register(
    Exporter(
        "npz-heat",
        "NumPy heat map",
        ".npz",
        of(HeatMap),
        _write_npz,
        "The values of the map with their position in the picture and their class, for numpy.load.",
        preferred=True,
        keywords=("넘파이", "히트맵 배열"),
    )
)
EXPORTERS.register(
    Exporter(
        "npy-heat",
        "NumPy array",
        ".npy",
        of(HeatMap),
        _write_npy,
        "The values of the map alone, for numpy.load.",
        keywords=("넘파이", "배열"),
    )
)
