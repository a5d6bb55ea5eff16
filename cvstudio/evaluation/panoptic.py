"""Panoptic quality.

Source: Kirillov et al., "Panoptic Segmentation", CVPR 2019, section 4; crowds and pixels that nobody labelled are
treated as in its authors' program, panopticapi, but that it looks at the last crowd of each class in a picture alone,
as COCO has no more.
"""

from __future__ import annotations

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
    """

    numbers: NDArray[np.int32]
    classes: NDArray[np.int32]
    crowds: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = (len(self.classes),)
        shape = self.numbers.shape
        check_arrays(self, {"numbers": (np.int32, shape), "classes": (np.int32, n), "crowds": (np.bool_, n)})


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


class PanopticBuilder:
    """Compares the segments of a set, picture by picture."""

    def __init__(self, n_categories: int) -> None:
        self._ious = np.zeros(n_categories)
        self._counts = np.zeros((3, n_categories), np.int64)
        self._pictures: list[float] = []

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
        ious = np.zeros_like(self._ious)
        counts = np.zeros_like(self._counts)
        matched_truth, matched_found = set(), set()
        for (true, found), overlap in shared.items():
            kind = true_classes[true]
            if not true or not found or crowds[true] or kind < 0 or kind != found_classes[found]:
                continue
            union = true_areas[true] + found_areas[found] - overlap - shared.get((0, found), 0)
            iou = overlap / union
            if iou > MATCH_IOU:
                ious[kind] += iou
                counts[0, kind] += 1
                matched_truth.add(true)
                matched_found.add(found)
        crowds_of: dict[int, list[int]] = {}
        for true in range(1, len(true_classes)):
            kind = true_classes[true]
            if kind < 0 or true in matched_truth or not true_areas[true]:
                continue
            if crowds[true]:
                crowds_of.setdefault(kind, []).append(true)
            else:
                counts[2, kind] += 1
        for found in range(1, len(found_classes)):
            kind = found_classes[found]
            if kind < 0 or found in matched_found or not found_areas[found]:
                continue
            excused = sum(shared.get((true, found), 0) for true in (0, *crowds_of.get(kind, ())))
            if excused / found_areas[found] <= 0.5:
                counts[1, kind] += 1
        self._ious += ious
        self._counts += counts
        of_picture = PanopticScores(ious, counts[0], counts[1], counts[2], np.zeros(0, np.float32)).mean()
        self._pictures.append(of_picture.pq if of_picture is not None else float("nan"))

    def build(self) -> PanopticScores:
        """All that was added so far."""
        matched, wrong, missed = self._counts.copy()
        return PanopticScores(self._ious.copy(), matched, wrong, missed, np.array(self._pictures, np.float32))
