"""Semantic segmentation: intersection over union of each class, and the part of the pixels that are right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays
from cvstudio.data.labels import NO_CLASS
from cvstudio.evaluation.confusion import ConfusionMatrix


@dataclass(frozen=True, eq=False)
class SemanticScores:
    """Pixels of a set by true and predicted class.

    Parameters
    ----------
    counts : int64 (K, K + 1)
        Rows are true classes, columns predicted ones; the last column is everything else: no class, or one that the
        set does not have. Pixels without a true class are not counted.
    accuracies : float32 (pictures,), the part of the labelled pixels of each picture that are right; NaN without any
    """

    counts: NDArray[np.int64]
    accuracies: NDArray[np.float32]

    def __post_init__(self) -> None:
        n_classes = len(self.counts)
        expected = {"counts": (np.int64, (n_classes, n_classes + 1)), "accuracies": (np.float32, self.accuracies.shape)}
        check_arrays(self, expected)

    @property
    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each class, float64 (K,); NaN for a class that is neither labelled nor
        predicted."""
        square = self.counts[:, :-1]
        right = np.diag(square).astype(np.float64)
        union = self.counts.sum(axis=1) + square.sum(axis=0) - right
        return _parts(right, union)

    def mean_iou(self) -> float:
        """Mean of `iou` (mIoU) over the classes that occur; NaN where none does."""
        present = self.iou[~np.isnan(self.iou)]
        return float(present.mean()) if present.size else float("nan")

    def class_accuracy(self) -> NDArray[np.float64]:
        """Part of the pixels of each true class that are right, float64 (K,); NaN for a class without pixels."""
        totals = self.counts.sum(axis=1)
        right = np.diag(self.counts[:, :-1]).astype(np.float64)
        return _parts(right, totals)

    def pixel_accuracy(self) -> float:
        """Part of the labelled pixels that are right; NaN without any."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts[:, :-1]) / total) if total else float("nan")

    def confusion(self, names: tuple[str, ...]) -> ConfusionMatrix:
        """Pixels by true and predicted class; everything else is in the last column."""
        return ConfusionMatrix(np.pad(self.counts, ((0, 1), (0, 0))), names)

    def worst_first(self) -> NDArray[np.intp]:
        """Numbers of the pictures that have a wrong pixel, those with the smallest part of right pixels first."""
        order = np.argsort(self.accuracies, kind="stable")  # NaN comes last
        return order[self.accuracies[order] < 1]


def _parts(right: NDArray[np.float64], whole: NDArray[np.number]) -> NDArray[np.float64]:
    """`right` / `whole`, NaN where there is nothing."""
    parts: NDArray[np.float64] = np.full(len(right), np.nan)
    np.divide(right, whole, out=parts, where=whole > 0)
    return parts


class SemanticBuilder:
    """Counts the pixels of a set, picture by picture."""

    def __init__(self, n_categories: int) -> None:
        self._counts = np.zeros((n_categories, n_categories + 1), np.int64)
        self._accuracies: list[float] = []

    def add(self, truth: NDArray[np.int32], predicted: NDArray[np.int32]) -> None:
        """Add the next picture.

        Parameters
        ----------
        truth, predicted : int32 (H, W)
            Index of the category; `NO_CLASS` where there is none.
        """
        n = len(self._counts)
        labelled = truth != NO_CLASS
        true_classes = truth[labelled].astype(np.int64)
        found = predicted[labelled].astype(np.int64)
        found[(found < 0) | (found >= n)] = n
        counts = np.bincount(true_classes * (n + 1) + found, minlength=n * (n + 1)).reshape(n, n + 1)
        self._counts += counts
        total = len(true_classes)
        self._accuracies.append(float(np.trace(counts[:, :n]) / total) if total else float("nan"))

    def build(self) -> SemanticScores:
        """All that was added so far."""
        return SemanticScores(self._counts.copy(), np.array(self._accuracies, np.float32))
