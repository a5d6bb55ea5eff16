"""Spectrograms as NPZ."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.spectrogram import Spectrogram


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    levels : uint8 (bins, columns), decibels are ``low_db + levels / 255 * (high_db - low_db)``
    low_db, high_db : float64, dB relative to full scale
    times_secs : float64 (columns,), centre of each column
    frequencies_hz : float64 (bins,)
    rate_hz, hop, window : int64, sample rate, samples between columns and in a window
    """
    result: Spectrogram = item.result
    levels = result.levels[:, : result.columns_done]
    bins, columns = levels.shape
    arrays = {
        "low_db": np.float64(result.low_db),
        "high_db": np.float64(result.high_db),
        "times_secs": np.arange(columns) * (result.hop / result.rate_hz),
        "frequencies_hz": np.arange(bins) * (result.rate_hz / result.window),
        "rate_hz": np.int64(result.rate_hz),
        "hop": np.int64(result.hop),
        "window": np.int64(result.window),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, value in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                np.lib.format.write_array(file, np.asarray(value), allow_pickle=False)
        with archive.open("levels.npy", "w", force_zip64=True) as file:
            _write_rows(file, levels, progress)


def _write_rows(file: Any, levels: NDArray[np.uint8], progress: Progress) -> None:
    # Row by row, so that the export can be cancelled: an hour of sound is a gigabyte.
    header = np.lib.format.header_data_from_array_1_0(np.empty((0, *levels.shape[1:]), levels.dtype))
    np.lib.format.write_array_header_1_0(file, {**header, "shape": levels.shape})
    for number, row in enumerate(levels):
        progress(number / len(levels), "writing")
        file.write(row.tobytes())


EXPORTERS.register(
    Exporter(
        "npz",
        "NumPy numbers",
        ".npz",
        of(Spectrogram),
        _write_npz,
        "Levels (0..255 for low_db..high_db), times and frequencies for numpy.load.",
        preferred=True,
        keywords=("넘파이", "수치 배열"),
    )
)
