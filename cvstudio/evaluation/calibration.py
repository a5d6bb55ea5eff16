"""Calibration: whether a model is right as often as it says.

Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays

BINS = 15
"""Bins of equal width in which confidence and accuracy are compared."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """The reliability diagram: confidence and accuracy by bin of confidence.

    Parameters
    ----------
    counts : int64 (bins,), predictions in each bin of equal width; a bin includes its upper end
    confidence, accuracy : float64 (bins,), means in each bin; NaN in an empty one
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    def __post_init__(self) -> None:
        bins = self.counts.shape
        expected = dict.fromkeys(("confidence", "accuracy"), (np.float64, bins))
        check_arrays(self, {"counts": (np.int64, bins), **expected})

    def error(self) -> float:
        """Expected calibration error (ECE) 0..1: the mean gap of confidence and accuracy; NaN without predictions."""
        total = int(self.counts.sum())
        if not total:
            return float("nan")
        filled = self.counts > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float((self.counts[filled] / total * gaps).sum())


def reliability(confidence: NDArray[np.floating], right: NDArray[np.bool_], *, bins: int = BINS) -> Reliability:
    """The reliability diagram of predictions.

    Parameters
    ----------
    confidence : float 0..1 (n,)
    right : bool (n,)
    """
    bin_of = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(bin_of, minlength=bins)

    def means(values: NDArray[np.floating] | NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.bincount(bin_of, weights=values, minlength=bins)
        mean: NDArray[np.float64] = np.full(bins, np.nan)
        np.divide(sums, counts, out=mean, where=counts > 0)
        return mean

    return Reliability(counts, means(confidence), means(right))
