"""Scales of frequency: linear, logarithmic and mel, and the names of notes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Scale = Literal["linear", "log", "mel"]

LOWEST_HZ = 20.0
"""Lower end of the logarithmic scale."""

_LINEAR_HZ, _LINEAR_MELS = 1000.0, 15.0
"""The mel scale is linear up to here (Slaney, "Auditory Toolbox", 1998), with 200 Hz for 3 mels."""

_MELS_PER_LOG = 27.0 / math.log(6.4)

_NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")


@overload
def position(scale: Scale, hertz: float) -> float: ...
@overload
def position(scale: Scale, hertz: NDArray[np.floating]) -> NDArray[np.float64]: ...
def position(scale: Scale, hertz: float | NDArray[np.floating]) -> float | NDArray[np.float64]:
    """Place of a frequency on a scale: hertz, octaves (log2 of hertz from `LOWEST_HZ` on), or mels (Slaney)."""
    values = np.asarray(hertz, np.float64)
    if scale == "log":
        placed = np.log2(np.maximum(values, LOWEST_HZ))
    elif scale == "mel":
        high = _LINEAR_MELS + np.log(np.maximum(values, _LINEAR_HZ) / _LINEAR_HZ) * _MELS_PER_LOG
        placed = np.where(values < _LINEAR_HZ, values * (_LINEAR_MELS / _LINEAR_HZ), high)
    else:
        placed = values
    return placed if isinstance(hertz, np.ndarray) else float(placed)


@overload
def frequency(scale: Scale, place: float) -> float: ...
@overload
def frequency(scale: Scale, place: NDArray[np.floating]) -> NDArray[np.float64]: ...
def frequency(scale: Scale, place: float | NDArray[np.floating]) -> float | NDArray[np.float64]:
    """Frequency in hertz at a place of a scale; the inverse of `position`."""
    values = np.asarray(place, np.float64)
    if scale == "log":
        hertz = np.exp2(values)
    elif scale == "mel":
        high = _LINEAR_HZ * np.exp((np.maximum(values, _LINEAR_MELS) - _LINEAR_MELS) / _MELS_PER_LOG)
        hertz = np.where(values < _LINEAR_MELS, values * (_LINEAR_HZ / _LINEAR_MELS), high)
    else:
        hertz = values
    return hertz if isinstance(place, np.ndarray) else float(hertz)


def note(hertz: float) -> str:
    """Nearest note of equal temperament (A4 is 440 Hz) and the difference in cents: "A4 +12 ct"; empty below 8 Hz."""
    if not 8 <= hertz < math.inf:
        return ""
    semitones = 69 + 12 * math.log2(hertz / 440)
    nearest = round(semitones)
    return f"{_NOTES[nearest % 12]}{nearest // 12 - 1} {round((semitones - nearest) * 100):+d} ct"
