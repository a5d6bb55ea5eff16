"""Short-time Fourier transform in chunks: neither the whole waveform nor its complex spectrum is held in memory."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Waveform
from cvstudio.foundation.errors import MediaError
from cvstudio.foundation.progress import Progress
from cvstudio.results.spectrogram import Spectrogram

LOW_DB = -120.0
HIGH_DB = 0.0
BLOCK_SAMPLES = 1 << 21
"""Windowed samples of a chunk: transforming them takes some tens of milliseconds."""
MAX_CELLS = 1 << 30
"""Maximum size of a spectrogram in bytes: 3.4 hours of 44.1 kHz sound at 75 % overlap."""


class SoundSource(Protocol):
    """Protocol of audio readers. `read` returns samples `start`..`stop`, fewer at the end of the sound."""

    rate_hz: int
    channels: int
    n_samples: int

    def read(self, start: int, stop: int) -> Waveform: ...


def hann(window: int) -> NDArray[np.float32]:
    """The periodic Hann window of `window` samples, float32 (window,)."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)


def decibel_levels(samples: NDArray[np.float32], window: int, hop: int) -> NDArray[np.uint8]:
    """Quantised amplitude spectra of consecutive windows.

    Parameters
    ----------
    samples : float32 (channels, n), n >= window
        Several channels are mixed by the mean of their power, in which nothing cancels. Row k of the output is
        the window that begins at k * hop.
    window, hop : samples; `window` is even

    Returns
    -------
    uint8 ((n - window) // hop + 1, window // 2 + 1)
        0 is -120 dB or less, 255 is 0 dB; a sine of amplitude 1 on the centre of a bin reads 0 dB there. (The
        one-sided amplitude spectrum: magnitudes doubled but for 0 Hz and the Nyquist frequency, over the window's sum.)
    """
    from scipy import fft

    hann_window = hann(window)
    power = np.zeros(((samples.shape[1] - window) // hop + 1, window // 2 + 1), np.float32)
    for channel in samples:
        windows = np.lib.stride_tricks.sliding_window_view(channel, window)[::hop] * hann_window
        spectrum = fft.rfft(windows, axis=1, overwrite_x=True, workers=min(2, os.cpu_count() or 1))
        power += np.square(spectrum.real)
        power += np.square(spectrum.imag)
    power /= np.float32(len(samples))
    np.maximum(power, np.float32(1e-30), out=power)
    levels: NDArray[np.float32] = np.log(power, out=power)
    per_db = 255 / (HIGH_DB - LOW_DB)
    levels *= np.float32(per_db * 10 / math.log(10))
    full_scale = np.full(window // 2 + 1, float(hann_window.sum(dtype=np.float64)) / 2)
    full_scale[[0, -1]] *= 2
    # Adding a half rounds, as the conversion to integers truncates.
    levels += ((-20 * np.log10(full_scale) - LOW_DB) * per_db + 0.5).astype(np.float32)
    return np.clip(levels, 0, 255, out=levels).astype(np.uint8)


def stream(
    sound: SoundSource, *, window: int, hop: int, channel: int | None, progress: Progress
) -> Iterator[Spectrogram]:
    """Compute the spectrogram of a sound from its beginning, and yield it after each chunk.

    Parameters
    ----------
    sound : an open reader
    window, hop : samples; column k is centred on sample k * hop, with silence before the beginning and after the end
    channel : index (the last one where there are fewer), or None for the mean power of all
    progress : gets the fraction that is done; may cancel

    Yields
    ------
    Spectrogram
        All share one array, whose columns from `columns_done` on are written later; those before are final.

    Raises
    ------
    MediaError
        The sound cannot be read, or is so long that its spectrogram would not fit in memory.
    """
    bins, columns = window // 2 + 1, 1 + sound.n_samples // hop
    if bins * columns > MAX_CELLS:
        hours = sound.n_samples / sound.rate_hz / 3600
        most = MAX_CELLS // bins * hop / sound.rate_hz / 3600
        raise MediaError(
            f"A spectrogram with this overlap expects at most {most:.1f} hours of sound, found {hours:.1f}; "
            f"choose a smaller overlap or a shorter sound."
        )
    levels = np.zeros((bins, columns), np.uint8)
    per_block = max(1, BLOCK_SAMPLES // window)
    next_sample = -(window // 2)
    overlap = np.zeros((sound.channels if channel is None else 1, 0), np.float32)
    for first in range(0, columns, per_block):
        progress(first / columns)
        last = min(first + per_block, columns)
        stop = (last - 1) * hop - window // 2 + window
        segment = np.concatenate((overlap, _read_padded(sound, next_sample, stop, channel)), axis=1)
        levels[:, first:last] = decibel_levels(segment, window, hop).T
        overlap, next_sample = segment[:, segment.shape[1] - (window - hop) :], stop
        yield Spectrogram(levels, sound.rate_hz, hop, window, LOW_DB, HIGH_DB, last)


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
