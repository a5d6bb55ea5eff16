"""Measures of separated sound against its true sources, in decibels."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.errors import UserError

FILTER_LENGTH = 512
"""Taps of the distortion filter that `sdr` allows, as in BSS Eval."""

Signal = NDArray[np.floating]
Measure = Callable[[Signal, Signal], float]


def si_sdr(source: Signal, estimate: Signal) -> float:
    """Scale-invariant signal-to-distortion ratio in dB of an estimate (n,) of a source (n,), without their means.

    Le Roux et al., "SDR - Half-Baked or Well Done?", ICASSP 2019. Infinite for a perfect estimate, minus infinity for
    one without any of the source, NaN where either is silent.
    """
    source, estimate = _checked(source, estimate)
    if not len(source):
        return float("nan")
    source, estimate = source - source.mean(), estimate - estimate.mean()
    power = float(source @ source) * float(estimate @ estimate)
    if not power:
        return float("nan")
    return _ratio_db(float(source @ estimate) ** 2 / power)


def sdr(source: Signal, estimate: Signal) -> float:
    """Signal-to-distortion ratio in dB of BSS Eval: what a filter of `FILTER_LENGTH` taps makes of the source counts
    as signal.

    Vincent, Gribonval and Févotte, "Performance Measurement in Blind Audio Source Separation", IEEE TASLP 2006, as
    solved by Scheibler, "SDR - Medium Rare with Fast Computations", ICASSP 2022. NaN where either signal is silent.
    """
    from scipy import fft
    from scipy.linalg import LinAlgError, solve_toeplitz

    source, estimate = _checked(source, estimate)
    norms = float(np.sqrt(source @ source)), float(np.sqrt(estimate @ estimate))
    if not norms[0] or not norms[1]:
        return float("nan")
    # No lag of the correlations may meet another one at the other end of the spectrum.
    size = fft.next_fast_len(len(source) + max(len(source), FILTER_LENGTH) - 1, real=True)
    spectrum, other = fft.rfft(source / norms[0], size), fft.rfft(estimate / norms[1], size)
    correlation = fft.irfft(np.abs(spectrum) ** 2, size)[:FILTER_LENGTH]
    projection = fft.irfft(spectrum.conj() * other, size)[:FILTER_LENGTH]
    try:
        taps = solve_toeplitz(correlation, projection)
    except LinAlgError:
        # A source of a few sines: many filters explain it, of which any serves.
        taps = np.linalg.lstsq(_toeplitz(correlation), projection, rcond=None)[0]
    return _ratio_db(float(projection @ taps))


class Scores(NamedTuple):
    """Measures of separated sources.

    values : float64 (sources,), of each true source with the estimate that is assigned to it
    order : number of that estimate, by source
    """

    values: NDArray[np.float64]
    order: tuple[int, ...]


def best_assignment(sources: Signal, estimates: Signal, measure: Measure = si_sdr) -> Scores:
    """Assign estimates (m, n) to sources (k, n), m >= k, so that the mean of `measure` is largest.

    Silent sources and estimates count as the worst pairs; their value is NaN.
    """
    from scipy.optimize import linear_sum_assignment

    if len(estimates) < len(sources):
        raise UserError(
            f"Expected an estimate of each of {len(sources)} sources, found {len(estimates)}; choose a model with "
            f"more outputs."
        )
    values = np.array([[measure(source, estimate) for estimate in estimates] for source in sources])
    rows, columns = linear_sum_assignment(np.nan_to_num(values, nan=-1e3, posinf=1e3, neginf=-1e3), maximize=True)
    return Scores(values[rows, columns], tuple(int(column) for column in columns))


def _checked(source: Signal, estimate: Signal) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if source.ndim != 1 or source.shape != estimate.shape:
        raise UserError(
            f"Expected two sounds of one channel and one length, found {source.shape} and {estimate.shape} samples; "
            f"cut them to the same length."
        )
    return source.astype(np.float64), estimate.astype(np.float64)


def _ratio_db(share: float) -> float:
    """Decibels of signal to distortion, from the signal's `share` of the power, 0..1."""
    if share <= 0:
        return float("-inf")
    return float("inf") if share >= 1 else float(10 * np.log10(share / (1 - share)))


def _toeplitz(column: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.arange(len(column))
    matrix: NDArray[np.float64] = column[np.abs(places[:, None] - places)]
    return matrix
