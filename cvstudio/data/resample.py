"""Resampling of any part of a sound, the same however it is divided into parts."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

SIDE = 10
"""Half the length of the low-pass filter, in samples at the lower rate."""

Read = Callable[[int, int], NDArray[np.float32]]
"""Samples `start`..`stop` (exclusive) of a sound, float32 (channels, n)."""


def resampled_length(samples: int, rate_hz: int, new_rate_hz: int) -> int:
    """Number of samples at `new_rate_hz` that cover `samples` at `rate_hz`."""
    return -(-samples * new_rate_hz // rate_hz)


def resampled(
    read: Read, samples: int, rate_hz: int, new_rate_hz: int, start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Samples `start`..`stop` of a sound at `new_rate_hz`, float32 (channels, n).

    Sample k is at the time k / `new_rate_hz`; the low-pass filter has no delay. Beyond its ends the sound is silent.

    Parameters
    ----------
    read : gives any part of the sound within 0..`samples`
    samples, rate_hz : length and rate of the sound
    stop : by default the end of the sound
    """
    from scipy.signal import resample_poly

    if stop is None:
        stop = resampled_length(samples, rate_hz, new_rate_hz)
    if rate_hz == new_rate_hz:
        return _padded(read, samples, start, stop)
    common = math.gcd(rate_hz, new_rate_hz)
    up, down = new_rate_hz // common, rate_hz // common
    # A whole number of `down` samples before the part, so that its samples fall on the same times.
    margin = math.ceil(SIDE * max(up, down) / up) + 1
    first = (start * down // up - margin) // down * down
    last = (stop - 1) * down // up + 1 + margin
    part = resample_poly(_padded(read, samples, first, last), up, down, axis=1, window=_low_pass(up, down))
    begin = start - first * up // down
    return np.ascontiguousarray(part[:, begin : begin + stop - start], np.float32)


def _padded(read: Read, samples: int, start: int, stop: int) -> NDArray[np.float32]:
    """Samples `start`..`stop`, silent outside of the sound."""
    low, high = min(max(start, 0), samples), min(max(stop, 0), samples)
    part = read(low, high)
    return np.pad(part, ((0, 0), (low - start, stop - high))) if (low, high) != (start, stop) else part


@functools.lru_cache(maxsize=16)
def _low_pass(up: int, down: int) -> NDArray[np.float64]:
    """The filter that `scipy.signal.resample_poly` designs by itself, kept for the next part."""
    from scipy.signal import firwin

    most = max(up, down)
    return np.asarray(firwin(2 * SIDE * most + 1, 1 / most, window=("kaiser", 5.0)), np.float64)
