"""Evaluation of the embedded separator on mixtures of speakers that it has never heard."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.sound_measures import best_assignment, si_sdr
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS
from cvstudio.training.separator import data as speech_data

MODEL = "conv-tasnet-small"
MIXTURES, SECS, SEED = 200, 6.0, 7
"""Mixtures of the test, the seconds of each, and the seed that draws them."""

NOISE_DB = 10.0
"""Speech above noise in the noisy mixtures."""

CLOSE = 4.0
"""Two voices whose median pitches differ by fewer semitones are close, as those of one sex mostly are."""

RESAMPLES = 1000


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Settings of the model: it has none."""
    return {}


def evaluate(
    data: Path, weights: Path | None, settings: Mapping[str, Any] | None, limit: int | None, progress: Progress
) -> Mapping[str, float]:
    """Improvements of SI-SDR in dB, their 90 % interval, and seconds of work for a second of sound."""
    network = MODELS[MODEL].load("cpu", weights)
    paths = speech_data.split(data).test
    mixtures = speech_data.fixed_mixtures(paths, min(limit or MIXTURES, MIXTURES), SECS, SEED)
    rng = np.random.default_rng(SEED)
    gains, noisy_gains, apart = np.zeros((3, len(mixtures)))
    secs = 0.0
    for number, (mixture, sources) in enumerate(mixtures):
        progress(number / len(mixtures), f"mixture {number + 1} of {len(mixtures)}")
        began = time.perf_counter()
        stems = network.separate(mixture, progress)
        secs += time.perf_counter() - began
        gains[number] = improvement(mixture, sources, stems)
        noise = pink_noise(rng, len(mixture)) * np.float32(speech_data.LEVEL * 10 ** (-NOISE_DB / 20))
        noisy_gains[number] = improvement(mixture + noise, sources, network.separate(mixture + noise, progress))
        apart[number] = abs(12 * np.log2(pitch(sources[0]) / pitch(sources[1])))
    low, high = np.quantile(rng.choice(gains, (RESAMPLES, len(gains))).mean(1), (0.05, 0.95))
    close = apart < CLOSE
    figures = {
        "mixtures": float(len(mixtures)),
        "speakers": float(len(paths)),
        "SI-SDR improvement": float(gains.mean()),
        "SI-SDR improvement from": float(low),
        "SI-SDR improvement to": float(high),
        "SI-SDR improvement in noise": float(noisy_gains.mean()),
        "share above 5 dB": float((gains > 5).mean()),
        "seconds for a second": secs / (len(mixtures) * SECS),
    }
    parts = {"close in pitch": close, "apart in pitch": ~close}
    return figures | {
        f"SI-SDR improvement, {name}": float(gains[chosen].mean()) for name, chosen in parts.items() if chosen.any()
    }


def improvement(mixture: NDArray[np.float32], sources: NDArray[np.float32], stems: NDArray[np.float32]) -> float:
    """Mean SI-SDR of the stems (2, n) that are assigned to the sources (2, n), above that of the mixture (n,), in dB.

    A silent stem counts as no better than the mixture.
    """
    before = np.array([si_sdr(source, mixture) for source in sources])
    after = best_assignment(sources, stems).values
    return float(np.where(np.isfinite(after), after - before, 0.0).mean())


def pink_noise(rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
    """Noise float32 (samples,) whose power falls by 3 dB an octave, at a root mean square of 1."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return speech_data.unit_level(np.fft.irfft(spectrum, samples).astype(np.float32))


def pitch(speech: NDArray[np.float32]) -> float:
    """Median pitch of a voice in Hz, from the autocorrelation of its louder half of windows of 40 ms."""
    rate = speech_data.RATE
    window = round(0.04 * rate)
    windows = speech[: len(speech) // window * window].reshape(-1, window).astype(np.float64)
    energy = (windows**2).sum(1)
    windows = windows[energy >= np.median(energy)]
    spectra = np.fft.rfft(windows - windows.mean(1, keepdims=True), 2 * window)
    correlation = np.fft.irfft(np.abs(spectra) ** 2)[:, :window]
    shortest, longest = rate // 400, rate // 60
    lags = correlation[:, shortest:longest].argmax(1) + shortest
    return float(np.median(rate / lags))
