"""A spectrogram's numbers as NPZ."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem
from cvstudio.progress import Progress
from cvstudio.results import Spectrogram


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    result: Spectrogram = item.result
    progress(None, "writing")
    bins, columns = result.levels.shape
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            levels=result.levels,
            low_db=np.float64(result.low_db),
            high_db=np.float64(result.high_db),
            times_secs=np.arange(columns) * (result.hop / result.rate_hz),
            frequencies_hz=np.linspace(0, result.nyquist_hz, bins),
        )


EXPORTERS.register(
    Exporter(
        "npz",
        "NumPy numbers",
        ".npz",
        (Spectrogram,),
        _write_npz,
        "Levels (0..255 for low_db..high_db), times and frequencies for numpy.load.",
        preferred=True,
    )
)
