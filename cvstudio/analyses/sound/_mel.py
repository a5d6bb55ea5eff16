"""Triangular filters on the mel scale, and the cosine transform of their decibels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.sound.frequency_scale import frequency, position
from cvstudio.foundation.errors import ParamsError

LEAST_POWER = 1e-10
"""Power below which a band counts as silent, in the decibels of cepstral coefficients."""


@dataclass(frozen=True, eq=False)
class MelFilters:
    """Triangular filters whose corners are evenly spaced in mels.

    Parameters
    ----------
    weights : float64 (bands, bins), with a peak of 1
    limits_hz : lower limit of the first band and upper limit of the last
    """

    weights: NDArray[np.float64]
    limits_hz: tuple[float, float]

    def of_equal_area(self) -> NDArray[np.float64]:
        """The filters with an area of 1 each, as of cepstral coefficients (Slaney's norm), float64 (bands, bins)."""
        return self.weights * (2 / (self._corners()[2:] - self._corners()[:-2]))[:, None]

    def _corners(self) -> NDArray[np.float64]:
        return corners(self.limits_hz, len(self.weights))


def corners(limits_hz: tuple[float, float], bands: int) -> NDArray[np.float64]:
    """Lower limit, centre of each band, and upper limit in hertz, float64 (`bands` + 2,)."""
    low, high = (position("mel", hertz) for hertz in limits_hz)
    return frequency("mel", np.linspace(low, high, bands + 2))


def mel_filters(rate_hz: int, window: int, bands: int, limits_hz: tuple[float, float]) -> MelFilters:
    """Filters for the bins of windows of `window` samples.

    limits_hz : the upper one is lowered to the Nyquist frequency

    Raises
    ------
    ParamsError
        Nothing is left between the limits.
    """
    low, high = limits_hz[0], min(limits_hz[1], rate_hz / 2)
    if low >= high:
        raise ParamsError(
            f"The bands expect a lowest frequency below {rate_hz / 2:,.0f} Hz, half of the sample rate, found "
            f"{low:,.0f} Hz; lower it."
        )
    edges = corners((low, high), bands)[:, None]
    hertz = np.arange(window // 2 + 1) * (rate_hz / window)
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return MelFilters(np.maximum(0, np.minimum(rising, falling)), (low, high))


def cepstra(power: NDArray[np.float32], filters: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Mel-frequency cepstral coefficients float32 (columns, count) of power spectra float32 (columns, bins).

    The first `count` coefficients of the orthonormal DCT-II of the bands' decibels, as Davis and Mermelstein,
    "Comparison of Parametric Representations for Monosyllabic Word Recognition", IEEE TASSP 1980, and librosa.

    filters : float32 (bands, bins)
    """
    from scipy import fft

    decibels = 10 * np.log10(np.maximum(power @ filters.T, np.float32(LEAST_POWER)))
    return np.asarray(fft.dct(decibels, axis=1, norm="ortho")[:, :count], np.float32)


def deltas(coefficients: NDArray[np.float32], order: int, width: int = 9) -> NDArray[np.float32]:
    """Derivative over time, of first or second order, of coefficients float32 (n, columns): the slope, or curvature,
    of the parabola (line) that fits `width` columns best.

    Fewer columns than `width` are fitted with what there is; where that is fewer than three they are 0.
    """
    from scipy.signal import savgol_filter

    columns = coefficients.shape[1]
    width = min(width, columns - 1 + columns % 2)
    if width < 3:
        return np.zeros_like(coefficients)
    slopes = savgol_filter(coefficients, width, polyorder=order, deriv=order, axis=1, mode="interp")
    return np.asarray(slopes, np.float32)
