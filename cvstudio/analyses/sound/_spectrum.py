"""Short-time Fourier transform in chunks: neither the whole waveform nor its complex spectrum is held in memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses.sound._mel import MelFilters
from cvstudio.data.samples import Waveform
from cvstudio.data.sound.spectra import full_scale, power_spectra, window_values
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.results.spectrogram import Spectrogram

LOW_DB = -120.0
HIGH_DB = 0.0
BLOCK_SAMPLES = 1 << 21
"""Windowed samples of a chunk: transforming them takes some tens of milliseconds."""
FIRST_SAMPLES = 1 << 18
"""Windowed samples of the first chunk."""
MAX_CELLS = 1 << 30
"""Maximum size of a spectrogram in bytes: 3.4 hours of 44.1 kHz sound at 75 % overlap."""


class SoundSource(Protocol):
    """Protocol of audio readers. `read` returns samples `start`..`stop`, fewer at the end of the sound."""

    rate_hz: int
    channels: int
    n_samples: int

    def read(self, start: int, stop: int) -> Waveform: ...


CHANNELS = {"mix": None, "left": 0, "right": 1, **{str(number): number - 1 for number in range(3, 9)}}
"""Index of a channel by its name; None for all."""


def levels_of(power: NDArray[np.float32], unit: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Power in units of `unit` (of each column) as levels: 0 is -120 dB or less, 255 is 0 dB. Overwrites `power`."""
    np.maximum(power, np.float32(1e-30), out=power)
    levels: NDArray[np.float32] = np.log(power, out=power)
    per_db = 255 / (HIGH_DB - LOW_DB)
    levels *= np.float32(per_db * 10 / math.log(10))
    # Adding a half rounds, as the conversion to integers truncates.
    levels += ((-10 * np.log10(unit) - LOW_DB) * per_db + 0.5).astype(np.float32)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def power_blocks(
    sound: SoundSource, weights: NDArray[np.float32], hop: int, channel: int | None, progress: Progress
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Power spectra of a whole sound, block by block: the number of its first column, and float32 (columns, bins).

    Column k is centred on sample k * `hop`, with silence before the beginning and after the end.

    channel : index (the last one where there are fewer), or None for the mean power of all
    """
    window = len(weights)
    columns = 1 + sound.n_samples // hop
    per_block = max(1, BLOCK_SAMPLES // window)
    next_sample = -(window // 2)
    overlap = np.zeros((sound.channels if channel is None else 1, 0), np.float32)
    # The first blocks are small: there is something to see at once.
    size = max(1, min(per_block, FIRST_SAMPLES // window))
    first = 0
    while first < columns:
        progress(first / columns)
        last = min(first + size, columns)
        stop = (last - 1) * hop - window // 2 + window
        segment = np.concatenate((overlap, _read_padded(sound, next_sample, stop, channel)), axis=1)
        yield first, power_spectra(segment, weights, hop)
        overlap, next_sample = segment[:, segment.shape[1] - (window - hop) :], stop
        first, size = last, min(per_block, size * 2)


def check_length(sound: SoundSource, rows: int, hop: int, cell_bytes: int = 1) -> int:
    """The number of columns. Raises MediaError where `rows` of them would not fit in memory."""
    columns = 1 + sound.n_samples // hop
    if rows * columns * cell_bytes > MAX_CELLS:
        hours = sound.n_samples / sound.rate_hz / 3600
        most = MAX_CELLS // (rows * cell_bytes) * hop / sound.rate_hz / 3600
        raise MediaError(
            f"A spectrogram with this overlap expects at most {most:.1f} hours of sound, found {hours:.1f}; "
            f"choose a smaller overlap or a shorter sound."
        )
    return columns


def stream(
    sound: SoundSource,
    *,
    window: int,
    hop: int,
    channel: int | None,
    progress: Progress,
    kind: str = "hann",
    filters: MelFilters | None = None,
) -> Iterator[Spectrogram]:
    """Compute the spectrogram of a sound from its beginning, and yield it after each chunk.

    Parameters
    ----------
    sound : an open reader
    window, hop : samples; column k is centred on sample k * hop, with silence before the beginning and after the end
    channel : index (the last one where there are fewer), or None for the mean power of all
    progress : gets the fraction that is done; may cancel
    kind : of `WINDOWS`
    filters : bands of a mel spectrogram; a sine of amplitude 1 within one reads about 0 dB there

    Yields
    ------
    Spectrogram
        All share one array, whose columns from `columns_done` on are written later; those before are final.

    Raises
    ------
    MediaError
        The sound cannot be read, or is so long that its spectrogram would not fit in memory.
    """
    weights = window_values(kind, window)
    unit = full_scale(weights)
    rows = window // 2 + 1 if filters is None else len(filters.weights)
    levels = np.zeros((rows, check_length(sound, rows, hop)), np.uint8)
    if filters is not None:
        # A sine spreads over the bins of the main lobe: over the equivalent noise bandwidth of the window.
        spread = (
            len(weights) * float(np.square(weights, dtype=np.float64).sum()) / float(weights.sum(dtype=np.float64)) ** 2
        )
        bands = (filters.weights / (unit * spread)).astype(np.float32).T
        unit = np.ones(rows)
    limits = None if filters is None else filters.limits_hz
    for first, power in power_blocks(sound, weights, hop, channel, progress):
        last = first + len(power)
        levels[:, first:last] = levels_of(power if filters is None else power @ bands, unit).T
        yield Spectrogram(
            levels,
            sound.rate_hz,
            hop,
            window,
            LOW_DB,
            HIGH_DB,
            last,
            axis="linear" if filters is None else "mel",
            band_limits_hz=limits,
            window_kind=kind,
            n_samples=sound.n_samples,
        )


def _read_padded(sound: SoundSource, start: int, stop: int, channel: int | None) -> NDArray[np.float32]:
    """Samples `start`..`stop` of one channel or all, float32 (channels, n): 0 outside of the sound and for non-finite
    values."""
    result = np.zeros((sound.channels if channel is None else 1, stop - start), np.float32)
    low, high = max(start, 0), min(stop, sound.n_samples)
    if high > low:
        samples = sound.read(low, high).samples
        if channel is not None:
            samples = samples[[min(channel, len(samples) - 1)]]
        if not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        offset = low - start
        result[:, offset : offset + samples.shape[1]] = samples
    return result
