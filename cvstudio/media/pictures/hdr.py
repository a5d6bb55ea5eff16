"""Signals of high dynamic range and of wide gamuts as sRGB (ITU-R BT.2100, BT.2390)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.srgb import encode_srgb

# Codes of ISO/IEC 23091-2.
PQ, HLG = 16, 18
BT709, BT2020, P3_D65 = 1, 9, 12
HIGH_RANGES = {PQ: "PQ", HLG: "HLG"}
"""Transfer functions of high dynamic range and their names."""
WIDE_GAMUTS = {BT2020: "BT.2020", P3_D65: "P3"}
"""Primaries of gamuts that are wider than that of sRGB, and their names."""

WHITE_NITS = 203.0
"""Luminance in cd/m² that is shown as white: the reference white of HDR television (ITU-R BT.2408)."""
PEAK_NITS = 1000.0
"""Luminance from which on high dynamic range is clipped: the nominal peak of HLG (ITU-R BT.2100)."""

_STEPS = 49
"""Entries of a colour table along each axis."""
_WHITE_XY = (0.3127, 0.3290)
_PRIMARIES_XY = {
    BT709: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    BT2020: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    P3_D65: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}


@functools.lru_cache(maxsize=4)
def color_table(transfer: int, primaries: int) -> str:
    """Text of the .cube file with the sRGB values of `_STEPS` values of each channel; red varies fastest."""
    steps = np.linspace(0.0, 1.0, _STEPS)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    colors = to_srgb(np.stack([red, green, blue], -1).reshape(-1, 3), transfer, primaries)
    rows = "%.5f %.5f %.5f\n" * len(colors) % tuple(colors.ravel().tolist())
    return f"LUT_3D_SIZE {_STEPS}\n{rows}"


def to_srgb(signal: NDArray[np.float64], transfer: int, primaries: int) -> NDArray[np.float64]:
    """The sRGB values of an R'G'B' signal of high dynamic range or of a wide gamut; colours that sRGB does not have are
    below 0 or above 1, as interpolation needs it.

    Parameters
    ----------
    signal : float (n, 3), 0..1
    transfer : 16 (PQ) or 18 (HLG); otherwise standard dynamic range, whose greys stay
    primaries : 9 (BT.2020), 12 (P3 with the white D65) or 1 (BT.709); BT.2020 for any other
    """
    if transfer in HIGH_RANGES:
        nits = _pq_nits(signal) if transfer == PQ else _hlg_nits(signal)
        light = _tone_mapped(nits) / WHITE_NITS
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    linear = light @ _to_bt709(primaries if primaries in _PRIMARIES_XY else BT2020).T
    return np.asarray(np.sign(linear) * encode_srgb(np.abs(linear)))


def _to_bt709(primaries: int) -> NDArray[np.float64]:
    """Matrix from linear light with `primaries` to linear light with those of BT.709 and sRGB."""

    def to_xyz(code: int) -> NDArray[np.float64]:
        columns = np.array([(x / y, 1.0, (1 - x - y) / y) for x, y in _PRIMARIES_XY[code]]).T
        x, y = _WHITE_XY
        return columns * np.linalg.solve(columns, np.array([x / y, 1.0, (1 - x - y) / y]))

    return np.asarray(np.linalg.solve(to_xyz(BT709), to_xyz(primaries)))


def _pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in cd/m² of the perceptual quantiser (SMPTE ST 2084)."""
    power = signal ** (32 / 2523)
    ratio = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
    return np.asarray(10_000 * ratio ** (16_384 / 2610))


def _pq_signal(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of `_pq_nits`."""
    power = (nits / 10_000) ** (2610 / 16_384)
    return np.asarray(((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32))


def _hlg_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance in cd/m² of hybrid log-gamma on a display of `PEAK_NITS` (ITU-R BT.2100, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(PEAK_NITS * luminance[:, None] ** 0.2 * scene)


def _tone_mapped(nits: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB in cd/m² up to `PEAK_NITS` mapped to at most `WHITE_NITS` (ITU-R BT.2390, 5.4.1), without a shift of hue.

    The curve leaves everything below its knee at 88 cd/m² as it is. The largest channel decides about all three.
    """
    peak, white = _pq_signal(np.array(PEAK_NITS)), _pq_signal(np.array(WHITE_NITS))
    largest = np.minimum(nits.max(axis=1), PEAK_NITS)
    relative, limit = _pq_signal(largest) / peak, white / peak
    knee = 1.5 * limit - 0.5
    t = np.clip((relative - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    mapped = _pq_nits(np.where(relative < knee, relative, spline) * peak)
    gain = np.divide(mapped, nits.max(axis=1), out=np.zeros_like(mapped), where=largest > 0)
    return np.asarray(nits * gain[:, None])
