"""Signals of high dynamic range as light and back (ITU-R BT.2100)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Codes of ISO/IEC 23091-2.
PQ, HLG = 16, 18
HIGH_RANGES = {PQ: "PQ", HLG: "HLG"}
"""Transfer functions of high dynamic range and their names."""

WHITE_NITS = 203.0
"""Luminance in cd/m² that is shown as white: the reference white of HDR television (ITU-R BT.2408)."""
PEAK_NITS = 1000.0
"""Nominal peak in cd/m² of HLG (ITU-R BT.2100)."""

_BRIGHTEST_NITS = 10_000.0
_M1, _M2 = 2610 / 16_384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_LUMA = np.array([0.2627, 0.6780, 0.0593])


def nits_of(signal: NDArray[np.floating], transfer: int) -> NDArray[np.floating]:
    """Luminance in cd/m² of each channel of a signal.

    Parameters
    ----------
    signal : float (..., 3) R'G'B', 0..1
    transfer : 16 (PQ) or 18 (HLG, on a display of `PEAK_NITS`)

    Returns
    -------
    float (..., 3)
    """
    return pq_nits(signal) if transfer == PQ else _hlg_nits(signal)


def pq_nits(signal: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luminance in cd/m² of the perceptual quantiser (SMPTE ST 2084), of the shape and dtype of `signal`, 0..1."""
    power = signal ** (1 / _M2)
    return np.asarray(_BRIGHTEST_NITS * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1))


def pq_signal(nits: NDArray[np.floating]) -> NDArray[np.floating]:
    """Inverse of `pq_nits`."""
    power = (nits / _BRIGHTEST_NITS) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _hlg_nits(signal: NDArray[np.floating]) -> NDArray[np.floating]:
    """Luminance in cd/m² of hybrid log-gamma (ITU-R BT.2100, table 5)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    luminance = scene @ _LUMA.astype(scene.dtype)
    return np.asarray(PEAK_NITS * luminance[..., None] ** 0.2 * scene)
