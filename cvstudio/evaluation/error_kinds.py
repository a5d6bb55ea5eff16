"""Kinds of errors of a detector, how often each occurs, and what each costs.

Source: Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020, 2.2 and 2.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays
from cvstudio.evaluation.average_precision import matches, sampled
from cvstudio.evaluation.overlaps import LEAST_OVERLAP, ObjectOverlaps


class ErrorKind(IntEnum):
    """Why a detection is wrong, or a true object is missed."""

    CLASS = 0
    PLACE = 1
    BOTH = 2
    DUPLICATE = 3
    BACKGROUND = 4
    MISSED = 5


TITLES = {
    ErrorKind.CLASS: "Class",
    ErrorKind.PLACE: "Place",
    ErrorKind.BOTH: "Class and place",
    ErrorKind.DUPLICATE: "Duplicate",
    ErrorKind.BACKGROUND: "Background",
    ErrorKind.MISSED: "Missed",
}
MEANINGS = {
    ErrorKind.CLASS: "It lies on an object of another class.",
    ErrorKind.PLACE: "The class is right, but it overlaps its object too little.",
    ErrorKind.BOTH: "The class is another one, and it overlaps too little.",
    ErrorKind.DUPLICATE: "A better detection has found the object already.",
    ErrorKind.BACKGROUND: "There is no object.",
    ErrorKind.MISSED: "No detection lies on the object, not even a wrong one.",
}

RIGHT = -1
"""Kind of a detection that is right, or that counts neither way."""


@dataclass(frozen=True, eq=False)
class DetectionErrors:
    """The kind of error of each detection at one overlap.

    Parameters
    ----------
    kinds : int8 (n,)
        Of each detection an `ErrorKind`, or `RIGHT`.
    targets : int32 (n,)
        The true object that a detection of kind `CLASS` or `PLACE` lies on; -1 for others.
    columns : int32 (n,)
        The true object that each right detection has; -1 for others.
    counted : bool (n,), whether the detection is right or wrong
    positives : bool (m,), true objects that count
    """

    objects: ObjectOverlaps
    kinds: NDArray[np.int8]
    targets: NDArray[np.int32]
    columns: NDArray[np.int32]
    counted: NDArray[np.bool_]
    positives: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n, m = (len(self.objects.predictions),), (len(self.objects.truth),)
        check_arrays(
            self,
            {
                "kinds": (np.int8, n),
                "targets": (np.int32, n),
                "columns": (np.int32, n),
                "counted": (np.bool_, n),
                "positives": (np.bool_, m),
            },
        )

    def missed(self, score: float = 0.0) -> NDArray[np.bool_]:
        """True objects that no detection of at least `score` has found, nor lies on with the wrong class or place,
        bool (m,)."""
        shown = self.objects.predictions.scores >= np.float32(score)
        missed = self.positives.copy()
        for columns in (self.columns, self.targets):
            missed[columns[shown & (columns >= 0)]] = False
        return missed

    def counts(self, score: float = 0.0) -> dict[ErrorKind, int]:
        """Number of errors of each kind with the detections of at least `score`."""
        shown = self.objects.predictions.scores >= np.float32(score)
        of_kind = np.bincount(self.kinds[shown & (self.kinds >= 0)], minlength=len(ErrorKind)).tolist()
        of_kind[ErrorKind.MISSED] = int(self.missed(score).sum())
        return {kind: of_kind[kind] for kind in ErrorKind}

    def costs(self) -> dict[ErrorKind, float]:
        """Gain in AP at this overlap, 0..1, if all errors of one kind alone were mended; see section 2.3.

        Wrong classes and places are put right, once for each true object, and other wrong detections go; missed
        objects are no longer asked for.
        """
        right = self.columns >= 0
        before = self._ap(self.objects.predictions.classes, right, self.counted)
        return {kind: max(0.0, self._mended(kind) - before) for kind in ErrorKind}

    def _mended(self, kind: ErrorKind) -> float:
        predictions, truth = self.objects.predictions, self.objects.truth
        right = self.columns >= 0
        if kind is ErrorKind.MISSED:
            return self._ap(predictions.classes, right, self.counted, self.positives & ~self.missed())
        wrong = self.kinds == kind
        kept, classes = self.counted & ~wrong, predictions.classes.copy()
        if kind in (ErrorKind.CLASS, ErrorKind.PLACE):
            best = wrong & self._best_of_its_object()
            kept, right = kept | best, right | best
            classes[best] = truth.classes[self.targets[best]]
        return self._ap(classes, right, kept)

    def _best_of_its_object(self) -> NDArray[np.bool_]:
        """Detections with the best score of those whose target is the same, where no right one has it, bool (n,)."""
        free = self.positives.copy()
        free[self.columns[self.columns >= 0]] = False
        rows = np.flatnonzero(self.targets >= 0)
        rows = rows[free[self.targets[rows]]]
        rows = rows[np.argsort(-self.objects.predictions.scores[rows], kind="stable")]
        _, first = np.unique(self.targets[rows], return_index=True)
        best = np.zeros(len(self.targets), bool)
        best[rows[first]] = True
        return best

    def _ap(
        self,
        classes: NDArray[np.int32],
        right: NDArray[np.bool_],
        kept: NDArray[np.bool_],
        positives: NDArray[np.bool_] | None = None,
    ) -> float:
        """Mean over the classes of the average precision of the `kept` detections."""
        positives = self.positives if positives is None else positives
        n_classes = self.objects.n_categories
        totals = np.bincount(self.objects.truth.classes[positives], minlength=n_classes)
        scores = self.objects.predictions.scores
        rows = np.flatnonzero(kept)
        rows = rows[np.lexsort((-scores[rows], classes[rows]))]
        bounds = np.searchsorted(classes[rows], np.arange(n_classes + 1))
        values = []
        for kind in np.flatnonzero(totals).tolist():
            hits = right[rows[bounds[kind] : bounds[kind + 1]]].cumsum().astype(np.float64)
            values.append(float(sampled(hits / np.arange(1, len(hits) + 1), hits / totals[kind]).mean()))
        return float(np.mean(values)) if values else 0.0


def detection_errors(objects: ObjectOverlaps, iou: float = 0.5) -> DetectionErrors:
    """Tell the kind of error of each detection: `iou` is the foreground threshold of the paper, `LEAST_OVERLAP` its
    background threshold."""
    found = matches(objects, iou)
    positives = found.positives
    usable = positives[objects.columns]
    same = objects.same_class() & usable
    other = ~objects.same_class() & usable
    n = len(objects.predictions)
    own_overlap, own_target = _largest(objects, same, n)
    other_overlap, other_target = _largest(objects, other, n)
    wrong = (found.columns < 0) & ~found.ignored
    kinds = np.full(n, RIGHT, np.int8)
    # In the order in which the authors' program asks.
    kinds[wrong] = ErrorKind.BOTH
    kinds[wrong & (np.maximum(own_overlap, other_overlap) <= LEAST_OVERLAP)] = ErrorKind.BACKGROUND
    kinds[wrong & (own_overlap >= iou)] = ErrorKind.DUPLICATE
    is_class = wrong & (other_overlap >= iou)
    kinds[is_class] = ErrorKind.CLASS
    is_place = wrong & (own_overlap >= LEAST_OVERLAP) & (own_overlap < iou)
    kinds[is_place] = ErrorKind.PLACE
    targets = np.where(is_place, own_target, np.where(is_class, other_target, -1)).astype(np.int32)
    columns = np.where(found.right, found.columns, np.int32(-1))
    return DetectionErrors(objects, kinds, targets, columns, ~found.ignored, positives)


def _largest(
    objects: ObjectOverlaps, chosen: NDArray[np.bool_], n: int
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Largest overlap of each detection among the `chosen` pairs, float64 (n,), 0 for none, and its true object, int32
    (n,), -1 for none."""
    rows, columns, values = objects.rows[chosen], objects.columns[chosen], objects.values[chosen]
    order = np.lexsort((columns, -values, rows))
    first, index = np.unique(rows[order], return_index=True)
    overlap, target = np.zeros(n), np.full(n, -1, np.int32)
    overlap[first], target[first] = values[order][index], columns[order][index]
    return overlap, target
