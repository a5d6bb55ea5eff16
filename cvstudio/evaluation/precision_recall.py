"""Precision and recall of a detector over its score threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays
from cvstudio.evaluation.average_precision import Matches
from cvstudio.evaluation.overlaps import ObjectOverlaps


class OperatingPoint(NamedTuple):
    """The figures at one score: that, precision, recall and their harmonic mean, and the counts behind them."""

    score: float
    precision: float
    recall: float
    f1: float
    right: int
    wrong: int
    missed: int


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall as a function of the score threshold.

    Parameters
    ----------
    scores : float32 (n,), descending
    right, wrong : int64 (n,), number of right and of wrong detections down to each score
    total : number of true objects
    """

    scores: NDArray[np.float32]
    right: NDArray[np.int64]
    wrong: NDArray[np.int64]
    total: int

    def __post_init__(self) -> None:
        n = (len(self.scores),)
        check_arrays(self, {"scores": (np.float32, n), "right": (np.int64, n), "wrong": (np.int64, n)})

    @property
    def precision(self) -> NDArray[np.float64]:
        """Part of the detections that are right, float64 (n,)."""
        values: NDArray[np.float64] = self.right / np.maximum(self.right + self.wrong, 1)
        return values

    @property
    def recall(self) -> NDArray[np.float64]:
        """Part of the true objects that are found, float64 (n,)."""
        values: NDArray[np.float64] = self.right / max(self.total, 1)
        return values

    def at(self, score: float) -> OperatingPoint:
        """The point with the detections of at least `score`; precision is NaN without any."""
        # Compared in float32, as the scores are.
        count = int(np.searchsorted(-self.scores, -np.float32(score), side="right"))
        right, wrong = (int(self.right[count - 1]), int(self.wrong[count - 1])) if count else (0, 0)
        precision = right / (right + wrong) if right + wrong else float("nan")
        f1 = 2 * right / (right + wrong + self.total) if right else 0.0
        return OperatingPoint(
            score, precision, right / self.total if self.total else 0.0, f1, right, wrong, self.total - right
        )

    def best(self) -> OperatingPoint:
        """The point with the largest F1; at a score of 1 where nothing is right."""
        f1 = 2 * self.right / np.maximum(self.right + self.wrong + self.total, 1)
        return self.at(float(self.scores[int(f1.argmax())]) if len(f1) and f1.max() > 0 else 1.0)


def precision_recall(objects: ObjectOverlaps, found: Matches, kind: int | None = None) -> PrecisionRecall:
    """The curve of the class `kind`, or of the detections of all classes together.

    Parameters
    ----------
    found : the matches at one overlap, from `matches`
    """
    chosen = ~found.ignored
    positives = found.positives
    if kind is not None:
        chosen = chosen & (objects.predictions.classes == kind)
        positives = positives & (objects.truth.classes == kind)
    scores, right = objects.predictions.scores[chosen], found.right[chosen]
    order = np.argsort(-scores, kind="stable")
    right = right[order]
    return PrecisionRecall(scores[order], right.cumsum(), (~right).cumsum(), int(positives.sum()))
