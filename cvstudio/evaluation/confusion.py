"""Confusion matrix of a detector: which class is taken for which, what is missed, and what is found in nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.evaluation.matching import by_preference, greedy
from cvstudio.evaluation.overlaps import ObjectOverlaps


@dataclass(frozen=True, eq=False)
class ConfusionMatrix:
    """Numbers of objects by true and predicted class.

    Parameters
    ----------
    counts : int64 (K + 1, K + 1)
        Rows are true classes, columns predicted ones. The last row is the background, of which objects are predicted
        that are not there; the last column holds the true objects that are missed.
    names : names of the K classes
    """

    counts: NDArray[np.int64]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        side = len(self.names) + 1
        if self.counts.dtype != np.int64 or self.counts.shape != (side, side):
            raise ValueError(f"expected counts as int64 ({side}, {side}), found {self.counts.dtype}")
        object.__setattr__(self, "counts", readonly(self.counts))

    def fractions(self) -> NDArray[np.float64]:
        """`counts` as parts of each row, float64 0..1 (K + 1, K + 1); 0 in an empty row."""
        values: NDArray[np.float64] = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        return values

    def occurring(self) -> NDArray[np.intp]:
        """Indices of the classes that occur in a row or a column, ascending."""
        occurs = self.counts[:-1].sum(axis=1) + self.counts[:, :-1].sum(axis=0)
        return np.flatnonzero(occurs)


@dataclass(frozen=True, eq=False)
class ClassPairs:
    """Matches of detections to true objects of any class, at one overlap.

    Parameters
    ----------
    columns : int32 (n,), the true object of each detection; -1 for none
    """

    objects: ObjectOverlaps
    columns: NDArray[np.int32]

    def matrix(self, score: float, names: tuple[str, ...]) -> ConfusionMatrix:
        """The confusion matrix with the detections of at least `score`."""
        counts = np.zeros((len(names) + 1, len(names) + 1), np.int64)
        true, predicted, _ = self.entries(score)
        np.add.at(counts, (true, predicted), 1)  # -1 is the last row or column
        return ConfusionMatrix(counts, names)

    def entries(self, score: float) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """What the matrix counts with the detections of at least `score`: true class, -1 for the background, predicted
        class, -1 for what is missed, and picture; each int32 (n,)."""
        truth, predictions = self.objects.truth, self.objects.predictions
        shown = predictions.scores >= np.float32(score)
        matched = shown & (self.columns >= 0)
        counting = matched.copy()
        counting[matched] = ~truth.ignored[self.columns[matched]]
        rows = self.columns[counting]
        alone = shown & ~matched
        missed = ~truth.ignored
        missed[rows] = False
        nothing, nobody = (np.full(int(kind.sum()), -1, np.int32) for kind in (alone, missed))
        return (
            np.concatenate([truth.classes[rows], nothing, truth.classes[missed]]),
            np.concatenate([predictions.classes[counting], predictions.classes[alone], nobody]),
            np.concatenate([predictions.pictures[counting], predictions.pictures[alone], truth.pictures[missed]]),
        )


def class_pairs(objects: ObjectOverlaps, iou: float) -> ClassPairs:
    """Match detections to true objects: the best first, each to one of its own class, or else of any other."""
    candidates = objects.values >= iou
    rows, columns = objects.rows[candidates], objects.columns[candidates]
    # Of its own class first, ignored ones last: crowds of another class excuse nothing.
    same = objects.same_class()[candidates]
    ignored = objects.truth.ignored[columns]
    usable = same | ~ignored
    rows, columns, same, ignored = rows[usable], columns[usable], same[usable], ignored[usable]
    order = by_preference(rows, columns, objects.values[candidates][usable] + 2.0 * (same & ~ignored), ignored)
    matched = greedy(rows[order], columns[order], len(objects.predictions), objects.truth.crowds)
    return ClassPairs(objects, matched)
