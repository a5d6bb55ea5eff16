"""Spectrograms and cepstra as NPZ and NPY."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.exporters import EXPORTERS
from cvstudio.exporters.base import Exporter, ExportItem, of
from cvstudio.foundation.progress import Progress
from cvstudio.results.sound.cepstrum import Cepstrum
from cvstudio.results.spectrogram import Spectrogram

BLOCK_ROWS = 64
"""Rows that are converted at once."""


def _write_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    levels : uint8 (rows, columns), decibels are ``low_db + levels / 255 * (high_db - low_db)``
    low_db, high_db : float64, dB relative to full scale
    times_secs : float64 (columns,), centre of each column
    frequencies_hz : float64 (rows,), centre of each bin or band
    rate_hz, hop, window : int64, sample rate, samples between columns and in a window
    """
    result: Spectrogram = item.result
    levels = result.levels[:, : result.columns_done]
    arrays = {
        "low_db": np.float64(result.low_db),
        "high_db": np.float64(result.high_db),
        "times_secs": np.arange(levels.shape[1]) * (result.hop / result.rate_hz),
        "frequencies_hz": result.frequencies_hz,
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


def _write_npy(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write decibels relative to full scale, float32 (rows, columns)."""
    result: Spectrogram = item.result
    levels = result.levels[:, : result.columns_done]
    decibels = np.linspace(result.low_db, result.high_db, 256, dtype=np.float32)
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(np.empty((0, levels.shape[1]), np.float32))
        np.lib.format.write_array_header_1_0(file, {**header, "shape": levels.shape})
        for start in range(0, len(levels), BLOCK_ROWS):
            progress(start / len(levels), "writing")
            file.write(decibels[levels[start : start + BLOCK_ROWS]].tobytes())


def _write_cepstrum_npz(path: Path, item: ExportItem, progress: Progress) -> None:
    """Write arrays that ``numpy.load`` reads without pickle.

    coefficients : float32 (rows, columns)
    names : str (rows,)
    times_secs : float64 (columns,), centre of each column
    rate_hz, hop, window : int64, sample rate, samples between columns and in a window
    """
    result: Cepstrum = item.result
    progress(None, "writing")
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            coefficients=result.coefficients[:, : result.columns_done],
            names=np.array(result.names),
            times_secs=np.arange(result.columns_done) * (result.hop / result.rate_hz),
            rate_hz=np.int64(result.rate_hz),
            hop=np.int64(result.hop),
            window=np.int64(result.window),
        )


def _write_cepstrum_npy(path: Path, item: ExportItem, progress: Progress) -> None:
    progress(None, "writing")
    with path.open("wb") as file:
        np.save(file, item.result.coefficients[:, : item.result.columns_done], allow_pickle=False)


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
EXPORTERS.register(
    Exporter(
        "npy",
        "NumPy decibels",
        ".npy",
        of(Spectrogram),
        _write_npy,
        "Decibels relative to full scale as float32, a row for each frequency, for numpy.load.",
        keywords=("넘파이", "배열", "데시벨"),
    )
)
EXPORTERS.register(
    Exporter(
        "npz-cepstrum",
        "NumPy coefficients",
        ".npz",
        of(Cepstrum),
        _write_cepstrum_npz,
        "Coefficients with their names and times, for numpy.load.",
        preferred=True,
        keywords=("MFCC", "넘파이", "켑스트럼"),
    )
)
EXPORTERS.register(
    Exporter(
        "npy-cepstrum",
        "NumPy array of coefficients",
        ".npy",
        of(Cepstrum),
        _write_cepstrum_npy,
        "The coefficients alone as float32, for numpy.load.",
        keywords=("MFCC", "넘파이", "배열"),
    )
)
