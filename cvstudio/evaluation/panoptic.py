"""Panoptic quality.

Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4; crowds and pixels that nobody labelled are
treated as in its authors' program, panopticapi, but that it looks at the last crowd of each class in a picture alone,
as COCO has no more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import check_arrays, readonly

MATCH_IOU = 0.5
"""IoU that a matched segment exceeds; no two segments of one picture can both exceed it with the same segment."""

_FACTOR = 1 << 32


class Quality(NamedTuple):
    """Panoptic quality, and its factors: mean IoU of the matched segments (segmentation quality), and F1 of the
    segments (recognition quality)."""

    pq: float
    sq: float
    rq: float


@dataclass(frozen=True, eq=False)
class Segments:
    """Non-overlapping segments of one picture.

    Parameters
    ----------
    numbers : int32 (H, W), the segment of each pixel, from 1; 0 where there is none
    classes : int32 (n,), category of the segments 1..n; -1 for one that is left out
    crowds : bool (n,), whether a true segment stands for a group
    scores : float32 (n,), of predicted segments, descending: each has the pixels that those before it leave; None for
        segments that have none, which count at any score
    """

    numbers: NDArray[np.int32]
    classes: NDArray[np.int32]
    crowds: NDArray[np.bool_]
    scores: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = (len(self.classes),)
        shape = self.numbers.shape
        check_arrays(self, {"numbers": (np.int32, shape), "classes": (np.int32, n), "crowds": (np.bool_, n)})
        if self.scores is not None:
            check_arrays(self, {"scores": (np.float32, n)})


@dataclass(frozen=True, eq=False)
class PanopticScores:
    """Matched and unmatched segments of a set by class.

    Parameters
    ----------
    ious : float64 (K,), sum of the IoU of the matched segments
    matched, wrong, missed : int64 (K,), numbers of matched, unmatched predicted and unmatched true segments
    pictures : float32 (pictures,), quality of each picture over its classes; NaN for one without segments
    """

    ious: NDArray[np.float64]
    matched: NDArray[np.int64]
    wrong: NDArray[np.int64]
    missed: NDArray[np.int64]
    pictures: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("ious", "matched", "wrong", "missed", "pictures"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def of_class(self, kind: int) -> Quality | None:
        """Quality of one class; None for a class that is neither labelled nor predicted."""
        return _quality(float(self.ious[kind]), int(self.matched[kind]), int(self.wrong[kind]), int(self.missed[kind]))

    def mean(self, classes: Sequence[int] | None = None) -> Quality | None:
        """Mean over `classes`, by default all, that occur; None where none does."""
        chosen = range(len(self.ious)) if classes is None else classes
        present = [quality for kind in chosen if (quality := self.of_class(kind)) is not None]
        if not present:
            return None
        pq, sq, rq = np.mean(np.array(present), axis=0).tolist()
        return Quality(pq, sq, rq)

    def worst_first(self) -> NDArray[np.intp]:
        """Numbers of the pictures whose quality is below 1, the smallest first."""
        order = np.argsort(self.pictures, kind="stable")  # NaN comes last
        return order[self.pictures[order] < 1]


def _quality(iou: float, matched: int, wrong: int, missed: int) -> Quality | None:
    if matched + wrong + missed == 0:
        return None
    weight = matched + 0.5 * wrong + 0.5 * missed
    return Quality(iou / weight, iou / matched if matched else 0.0, matched / weight)


@dataclass(frozen=True, eq=False)
class PanopticSegments:
    """The segments of a set, from which the scores at any threshold follow: whether a predicted segment matches does
    not depend on those with lower scores, as they get the pixels that it leaves.

    Parameters
    ----------
    n_categories, n_pictures : numbers of categories and pictures
    true : int32 (t, 2), picture and category of each true segment that is no crowd
    matched : int32 (m, 2), picture and category of each predicted segment that matches a true one
    ious, matched_scores : float64 and float32 (m,), their IoU and score
    wrong : int32 (w, 2), picture and category of each other predicted segment that counts
    wrong_scores : float32 (w,)
    """

    n_categories: int
    n_pictures: int
    true: NDArray[np.int32]
    matched: NDArray[np.int32]
    ious: NDArray[np.float64]
    matched_scores: NDArray[np.float32]
    wrong: NDArray[np.int32]
    wrong_scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("true", "matched", "ious", "matched_scores", "wrong", "wrong_scores"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def at(self, score: float) -> PanopticScores:
        """The scores of the predicted segments whose score is at least `score`."""
        shown = self.matched_scores >= np.float32(score)
        matched, ious = self.matched[shown], self.ious[shown]
        wrong = self.wrong[self.wrong_scores >= np.float32(score)]
        n = self.n_categories
        found, mistaken, all_true = (
            np.bincount(side[:, 1], minlength=n).astype(np.int64) for side in (matched, wrong, self.true)
        )
        sums = np.bincount(matched[:, 1], ious, minlength=n).astype(np.float64)
        return PanopticScores(sums, found, mistaken, all_true - found, self._of_pictures(matched, ious, wrong))

    def _of_pictures(
        self, matched: NDArray[np.int32], ious: NDArray[np.float64], wrong: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        sides = (self.true, matched, wrong)
        keys = np.concatenate([side[:, 0].astype(np.int64) * self.n_categories + side[:, 1] for side in sides])
        present, places = np.unique(keys, return_inverse=True)
        sums = np.bincount(places[len(self.true) : len(self.true) + len(matched)], ious, minlength=len(present))
        # The weight of a class: of each matched pair its true and its predicted segment, half of each other segment.
        qualities = sums / (0.5 * np.bincount(places, minlength=len(present)))
        pictures = present // self.n_categories
        counts = np.bincount(pictures, minlength=self.n_pictures)
        totals = np.bincount(pictures, qualities, minlength=self.n_pictures)
        return np.where(counts > 0, totals / np.maximum(counts, 1), np.nan).astype(np.float32)


class PanopticBuilder:
    """Compares the segments of a set, picture by picture."""

    def __init__(self, n_categories: int) -> None:
        self._n_categories = n_categories
        self._n_pictures = 0
        self._true: list[tuple[int, int]] = []
        self._matched: list[tuple[int, int, float, float]] = []
        self._wrong: list[tuple[int, int, float]] = []

    def add(self, truth: Segments, predicted: Segments) -> None:
        """Add the next picture; both maps are of the same size."""
        pairs, overlaps = np.unique(
            truth.numbers.ravel().astype(np.int64) * _FACTOR + predicted.numbers.ravel(), return_counts=True
        )
        true_of, found_of = (pairs // _FACTOR).tolist(), (pairs % _FACTOR).tolist()
        shared = dict(zip(zip(true_of, found_of, strict=True), overlaps.tolist(), strict=True))
        true_areas, found_areas = (
            np.bincount(side.numbers.ravel(), minlength=len(side.classes) + 1).tolist() for side in (truth, predicted)
        )
        true_classes, found_classes = [-1, *truth.classes.tolist()], [-1, *predicted.classes.tolist()]
        crowds = [False, *truth.crowds.tolist()]
        always = [math.inf] * len(predicted.classes)
        scores = [math.inf, *(always if predicted.scores is None else predicted.scores.tolist())]
        picture = self._n_pictures
        self._n_pictures += 1
        matched = set()
        for (true, found), overlap in shared.items():
            kind = true_classes[true]
            if not true or not found or crowds[true] or kind < 0 or kind != found_classes[found]:
                continue
            union = true_areas[true] + found_areas[found] - overlap - shared.get((0, found), 0)
            iou = overlap / union
            if iou > MATCH_IOU:
                self._matched.append((picture, kind, iou, scores[found]))
                matched.add(found)
        crowds_of: dict[int, list[int]] = {}
        for true in range(1, len(true_classes)):
            kind = true_classes[true]
            if kind < 0 or not true_areas[true]:
                continue
            if crowds[true]:
                crowds_of.setdefault(kind, []).append(true)
            else:
                self._true.append((picture, kind))
        for found in range(1, len(found_classes)):
            kind = found_classes[found]
            if kind < 0 or found in matched or not found_areas[found]:
                continue
            excused = sum(shared.get((true, found), 0) for true in (0, *crowds_of.get(kind, ())))
            if excused / found_areas[found] <= 0.5:
                self._wrong.append((picture, kind, scores[found]))

    def build(self) -> PanopticSegments:
        """All that was added so far."""
        matched = np.array(self._matched, np.float64).reshape(-1, 4)
        wrong = np.array(self._wrong, np.float64).reshape(-1, 3)
        return PanopticSegments(
            self._n_categories,
            self._n_pictures,
            np.array(self._true, np.int32).reshape(-1, 2),
            matched[:, :2].astype(np.int32),
            matched[:, 2],
            matched[:, 3].astype(np.float32),
            wrong[:, :2].astype(np.int32),
            wrong[:, 2].astype(np.float32),
        )
