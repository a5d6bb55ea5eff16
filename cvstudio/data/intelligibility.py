"""STOI: how well speech is understood, from its correlation with the clean speech in short stretches of bands.

Source: Taal, Hendriks, Heusdens and Jensen, "An Algorithm for Intelligibility Prediction of Time-Frequency Weighted
Noisy Speech", IEEE TASLP 2011.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.resample import resampled
from cvstudio.foundation.errors import UserError

RATE_HZ = 10_000
FRAME, HOP, TRANSFORM = 256, 128, 512
BANDS, LOWEST_HZ = 15, 150.0
"""Third-octave bands, and the centre of the lowest."""

SEGMENT = 30
"""Frames of a stretch: 384 ms."""

LOUD_DB = 40.0
"""Frames of the clean speech that are so far below its loudest one are left out of both signals."""

CLIP_DB = 15.0
"""A band of the processed speech counts at most as if noise were so far above the speech."""

EPS = np.finfo(np.float64).eps


def stoi(clean: NDArray[np.floating], processed: NDArray[np.floating], rate_hz: int) -> float:
    """Short-time objective intelligibility of processed speech (n,), about 0 to 1; larger is better understood.

    Raises
    ------
    UserError
        The signals differ in length, or hold less than 0.4 s of speech.
    """
    if clean.ndim != 1 or clean.shape != processed.shape:
        raise UserError(
            f"Expected clean and processed speech of one channel and one length, found {clean.shape} and "
            f"{processed.shape} samples; cut them to the same length."
        )
    x, y = _without_silence(_at_10k(clean, rate_hz), _at_10k(processed, rate_hz))
    bands_x, bands_y = _bands(x), _bands(y)
    if bands_x.shape[1] < SEGMENT:
        raise UserError(
            "STOI expects at least 0.4 s of speech, found less beside its silence; take a longer recording."
        )
    views = np.lib.stride_tricks.sliding_window_view
    stretches_x, stretches_y = views(bands_x, SEGMENT, 1), views(bands_y, SEGMENT, 1)
    levels = np.linalg.norm(stretches_x, axis=2, keepdims=True)
    scaled = stretches_y * levels / (np.linalg.norm(stretches_y, axis=2, keepdims=True) + EPS)
    clipped = np.minimum(scaled, stretches_x * (1 + 10 ** (CLIP_DB / 20)))
    return float((_unit(stretches_x) * _unit(clipped)).sum(2).mean())


def _unit(stretches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each stretch without its mean, at a norm of 1."""
    centred = stretches - stretches.mean(axis=2, keepdims=True)
    unit: NDArray[np.float64] = centred / (np.linalg.norm(centred, axis=2, keepdims=True) + EPS)
    return unit


def _at_10k(sound: NDArray[np.floating], rate_hz: int) -> NDArray[np.float64]:
    if rate_hz == RATE_HZ:
        return sound.astype(np.float64)
    samples = sound.astype(np.float32)[None]
    at_10k: NDArray[np.floating] = resampled(lambda start, stop: samples[:, start:stop], len(sound), rate_hz, RATE_HZ)[
        0
    ]
    return at_10k.astype(np.float64)


def _window() -> NDArray[np.float64]:
    window: NDArray[np.float64] = np.hanning(FRAME + 2)[1:-1]
    return window


def _frames(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Windowed frames (count, `FRAME`)."""
    sound = np.pad(sound, (0, max(0, FRAME - len(sound))))
    frames: NDArray[np.float64] = np.lib.stride_tricks.sliding_window_view(sound, FRAME)[::HOP] * _window()
    return frames


def _without_silence(
    clean: NDArray[np.float64], processed: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both signals, put together anew from the frames in which the clean one is loud."""
    frames = _frames(clean)
    energies = 20 * np.log10(np.linalg.norm(frames, axis=1) + EPS)
    loud = energies > energies.max() - LOUD_DB
    return _overlapped(frames[loud]), _overlapped(_frames(processed)[loud])


def _overlapped(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of frames that follow each other by half of their length."""
    halves = frames.reshape(len(frames), 2, HOP)
    sound = np.zeros((len(frames) + 1, HOP))
    sound[:-1] += halves[:, 0]
    sound[1:] += halves[:, 1]
    return sound.reshape(-1)


def _bands(sound: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitudes of third-octave bands, float64 (`BANDS`, frames)."""
    # As in the authors' code, a frame that ends with the sound is left out.
    power = np.abs(np.fft.rfft(_frames(sound[:-1]), TRANSFORM, axis=1)) ** 2
    hertz = np.arange(TRANSFORM // 2 + 1) * RATE_HZ / TRANSFORM
    numbers = np.arange(BANDS)
    edges = [LOWEST_HZ * 2 ** ((2 * numbers + side) / 6) for side in (-1, 1)]
    low, high = (np.abs(hertz[None] - edge[:, None]).argmin(1) for edge in edges)
    bins = np.arange(len(hertz))
    members = (bins >= low[:, None]) & (bins < high[:, None])
    amplitudes: NDArray[np.float64] = np.sqrt(members @ power.T)
    return amplitudes
