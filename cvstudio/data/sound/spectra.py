"""Spectra of stretches of sound: windows, their transforms, and levels relative to a full-scale sine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from cvstudio.data.samples import Waveform

FLOOR_DB = -160.0
"""Lowest level of a spectrum."""

AVERAGED_SAMPLES = 1 << 20
"""Samples that are transformed at once for an average."""

LEAST_BINS = 4096
"""A stretch is padded with silence to twice its length, and a short one to twice as many samples, so that its spectrum
is a smooth curve."""

WINDOWS = {
    "hann": "Hann",
    "hamming": "Hamming",
    "blackman": "Blackman",
    "blackmanharris": "Blackman-Harris",
    "flattop": "flat top",
    "boxcar": "rectangular",
}
"""Kinds of window, as SciPy calls them, with their titles."""


def window_samples(secs: float, rate_hz: int) -> int:
    """Even length in samples of a window of `secs`, the next one that transforms quickly; at least 16."""
    from scipy.fft import next_fast_len

    return max(16, 2 * int(next_fast_len(max(1, round(secs * rate_hz / 2)), real=True)))


def window_values(kind: str, window: int) -> NDArray[np.float32]:
    """The periodic window of a kind of `WINDOWS`, float32 (window,)."""
    if kind == "hann":
        return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    from scipy.signal import get_window

    return np.asarray(get_window(kind, window, fftbins=True), np.float32)


def full_scale(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power of each bin of the transform, windowed by `weights`, of a sine of amplitude 1 on its centre.

    (Of the one-sided amplitude spectrum: magnitudes doubled but for 0 Hz and the Nyquist frequency, over the window's
    sum.)
    """
    amplitudes = np.full(len(weights) // 2 + 1, float(weights.sum(dtype=np.float64)) / 2)
    amplitudes[[0, -1]] *= 2
    return amplitudes**2


def power_spectra(samples: NDArray[np.float32], weights: NDArray[np.float32], hop: int) -> NDArray[np.float32]:
    """Squared magnitudes of the transforms of consecutive windows.

    Parameters
    ----------
    samples : float32 (channels, n), n >= the length of a window
        Several channels are mixed by the mean of their power, in which nothing cancels. Row k of the output is
        the window that begins at k * hop.
    weights : float32 (window,), an even number of values
    hop : samples

    Returns
    -------
    float32 ((n - window) // hop + 1, window // 2 + 1)
    """
    from scipy import fft

    window = len(weights)
    power = np.zeros(((samples.shape[1] - window) // hop + 1, window // 2 + 1), np.float32)
    for channel in samples:
        windows = np.lib.stride_tricks.sliding_window_view(channel, window)[::hop] * weights
        spectrum = fft.rfft(windows, axis=1, overwrite_x=True, workers=min(2, os.cpu_count() or 1))
        power += np.square(spectrum.real)
        power += np.square(spectrum.imag)
    power /= np.float32(len(samples))
    return power


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The spectrum of a stretch of sound.

    Parameters
    ----------
    frequencies_hz : float64 (bins,)
    decibels : float32 (bins,), relative to a sine of amplitude 1, at least `FLOOR_DB`
    """

    frequencies_hz: NDArray[np.float64]
    decibels: NDArray[np.float32]

    def peak(self) -> tuple[float, float]:
        """Frequency in hertz and level in decibels of its highest point, refined by the parabola through its bins."""
        at = int(self.decibels.argmax())
        step = float(self.frequencies_hz[1]) if len(self.frequencies_hz) > 1 else 0.0
        if not 0 < at < len(self.decibels) - 1:
            return float(self.frequencies_hz[at]), float(self.decibels[at])
        before, here, after = (float(value) for value in self.decibels[at - 1 : at + 2])
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend < 0 else 0.0
        return (at + shift) * step, here - 0.25 * (before - after) * shift


def one_spectrum(samples: NDArray[np.float32], rate_hz: int, kind: str) -> Spectrum:
    """Spectrum of a stretch float32 (channels, n) under one window of its whole length; n >= 1."""
    length = samples.shape[1]
    weights = window_values(kind, length) if length > 1 else np.ones(1, np.float32)
    padded = max(2 * length, 2 * LEAST_BINS)
    weighted = np.zeros((len(samples), padded), np.float32)
    weighted[:, :length] = samples * weights
    power = power_spectra(weighted, np.ones(padded, np.float32), padded)[0]
    # Of a window of ones, but with the sum of the weights.
    unit = full_scale(np.pad(weights, (0, padded - length)))
    return Spectrum(np.arange(padded // 2 + 1, dtype=np.float64) * (rate_hz / padded), decibels_of(power / unit))


def decibels_of(power: NDArray[np.floating]) -> NDArray[np.float32]:
    """Decibels of powers relative to 1, at least `FLOOR_DB`, float32."""
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (FLOOR_DB / 10))), np.float32)


def average_spectrum(
    read: Callable[[int, int], Waveform],
    start: int,
    stop: int,
    rate_hz: int,
    *,
    window: int,
    kind: str,
    channel: int | None = None,
) -> Iterator[tuple[Spectrum, int, float]]:
    """Spectrum of the samples `start`..`stop`, by Welch's method: the mean power of windows that overlap by half.

    Welch, "The Use of Fast Fourier Transform for the Estimation of Power Spectra", IEEE Trans. Audio Electroacoust.
    1967. A stretch that is shorter than `window` is one window.

    Parameters
    ----------
    read : reader of sound
    window : samples, even
    channel : index (the last one where there are fewer), or None for the mean power of all

    Yields
    ------
    The mean so far, the number of windows in it, and the part of the stretch that is read
    """
    if stop - start < window:
        yield one_spectrum(_finite(read(start, stop).samples, channel), rate_hz, kind), 1, 1.0
        return
    hop = window // 2
    weights = window_values(kind, window)
    unit = full_scale(weights)
    frequencies_hz = np.arange(window // 2 + 1, dtype=np.float64) * (rate_hz / window)
    total = np.zeros(window // 2 + 1)
    count = (stop - start - window) // hop + 1
    per_step = max(1, AVERAGED_SAMPLES // hop)
    for first in range(0, count, per_step):
        last = min(first + per_step, count)
        samples = _finite(read(start + first * hop, start + (last - 1) * hop + window).samples, channel)
        if samples.shape[1] < window:
            return
        total += power_spectra(samples, weights, hop).sum(0, dtype=np.float64)
        yield Spectrum(frequencies_hz, decibels_of(total / (last * unit))), last, last / count


def _finite(samples: NDArray[np.float32], channel: int | None) -> NDArray[np.float32]:
    if channel is not None:
        samples = samples[[min(channel, len(samples) - 1)]]
    return samples if np.isfinite(samples).all() else np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
