"""Signals of high dynamic range and of wide gamuts as sRGB (ITU-R BT.2100, BT.2390)."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.srgb import encode_srgb
from cvstudio.media.pictures.color_code import PRIMARIES, to_bt709
from cvstudio.media.pictures.high_range import HIGH_RANGES, PEAK_NITS, WHITE_NITS, nits_of, pq_nits, pq_signal

BT709, BT2020, P3_D65 = 1, 9, 12
WIDE_GAMUTS = {BT2020: "BT.2020", P3_D65: "P3"}
"""Primaries of gamuts that are wider than that of sRGB, and their names."""

_STEPS = 49
"""Entries of a colour table along each axis."""


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
        light = _tone_mapped(nits_of(signal, transfer)) / WHITE_NITS
    else:
        light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    known = primaries if primaries in (BT709, *WIDE_GAMUTS) else BT2020
    linear = light @ to_bt709(PRIMARIES[known][1]).T
    return np.asarray(np.sign(linear) * encode_srgb(np.abs(linear)))


def _tone_mapped(nits: NDArray[np.floating]) -> NDArray[np.floating]:
    """RGB in cd/m² up to `PEAK_NITS` mapped to at most `WHITE_NITS` (ITU-R BT.2390, 5.4.1), without a shift of hue.

    The curve leaves everything below its knee at 88 cd/m² as it is. The largest channel decides about all three.
    """
    peak, white = pq_signal(np.array(PEAK_NITS)), pq_signal(np.array(WHITE_NITS))
    largest = np.minimum(nits.max(axis=1), PEAK_NITS)
    relative, limit = pq_signal(largest) / peak, white / peak
    knee = 1.5 * limit - 0.5
    t = np.clip((relative - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * limit
    mapped = pq_nits(np.where(relative < knee, relative, spline) * peak)
    gain = np.divide(mapped, nits.max(axis=1), out=np.zeros_like(mapped), where=largest > 0)
    return np.asarray(nits * gain[:, None])
