"""Average precision and recall of a detector, as COCO's own evaluation has them.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; the digits are those of pycocotools, without
its lists of dictionaries in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.evaluation.matching import by_preference, greedy
from cvstudio.evaluation.overlaps import ObjectOverlaps

IOU_THRESHOLDS = readonly(np.linspace(0.5, 0.95, 10))
"""Overlaps over which AP is the mean."""

RECALLS = readonly(np.linspace(0, 1, 101))
"""Recalls at which precision is sampled."""

_ALMOST_ONE = 1 - 1e-10


@dataclass(frozen=True)
class AreaRange:
    """A range of areas of objects in pixels, both ends included."""

    name: str
    least: float
    most: float


AREAS = (
    AreaRange("all", 0, 1e5**2),
    AreaRange("small", 0, 32**2),
    AreaRange("medium", 32**2, 96**2),
    AreaRange("large", 96**2, 1e5**2),
)
OBJECT_COUNTS = (1, 10, 100)
"""Numbers of detections of a class in a picture that are counted, for average recall; the last also for precision."""

KEYPOINT_AREAS = (AREAS[0], AREAS[2], AREAS[3])
KEYPOINT_COUNTS = (20,)
"""COCO's ranges and number of detections for key points."""


@dataclass(frozen=True, eq=False)
class AveragePrecision:
    """Average precision and recall by overlap, class, area and number of detections.

    Parameters
    ----------
    precision : float64 (T, 101, K, A)
        Precision at `RECALLS`, made monotone; NaN for a class without a true object of that area.
    recall : float64 (T, K, A, M), the largest recall; NaN as above
    thresholds : float64 (T,), overlap from which a detection counts as right
    areas : the A ranges of areas
    counts : the M numbers of detections; precision is that of the last
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    thresholds: NDArray[np.float64]
    areas: tuple[AreaRange, ...] = AREAS
    counts: tuple[int, ...] = OBJECT_COUNTS

    def __post_init__(self) -> None:
        for name in ("precision", "recall", "thresholds"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def ap(self, *, iou: float | None = None, area: str = "all", classes: Sequence[int] | None = None) -> float:
        """Mean precision over recalls, classes and thresholds; NaN where no class has a true object.

        Parameters
        ----------
        iou : one of `thresholds`; None is the mean over all
        area : name of one of `areas`
        classes : indices of the classes; None is all
        """
        chosen = self.precision[self._at(iou)][:, :, :, self._area(area)]
        return _mean(chosen if classes is None else chosen[:, :, list(classes)])

    def ar(
        self,
        *,
        iou: float | None = None,
        area: str = "all",
        count: int | None = None,
        classes: Sequence[int] | None = None,
    ) -> float:
        """Mean of the largest recall with at most `count` detections of a class in a picture, as `ap`."""
        place = self.counts.index(count) if count is not None else -1
        chosen = self.recall[self._at(iou)][:, :, self._area(area), place]
        return _mean(chosen if classes is None else chosen[:, list(classes)])

    def summary(self, classes: Sequence[int] | None = None) -> dict[str, float]:
        """COCO's figures by name, in its order: AP, AP50, AP75, AP by area, AR by number of detections and by area."""
        areas = [area.name for area in self.areas[1:]]
        figures = {
            "AP": self.ap(classes=classes),
            "AP50": self.ap(iou=0.5, classes=classes),
            "AP75": self.ap(iou=0.75, classes=classes),
            **{f"AP {area}": self.ap(area=area, classes=classes) for area in areas},
            **{f"AR@{count}": self.ar(count=count, classes=classes) for count in self.counts},
        }
        if self.counts == KEYPOINT_COUNTS:
            figures |= {"AR50": self.ar(iou=0.5, classes=classes), "AR75": self.ar(iou=0.75, classes=classes)}
        return figures | {f"AR {area}": self.ar(area=area, classes=classes) for area in areas}

    def _at(self, iou: float | None) -> NDArray[np.intp]:
        if iou is None:
            return np.arange(len(self.thresholds))
        places = np.flatnonzero(np.isclose(self.thresholds, iou))
        if not len(places):
            raise ValueError(f"expected one of the overlaps {self.thresholds.tolist()}, found {iou}")
        return places

    def _area(self, name: str) -> int:
        return [area.name for area in self.areas].index(name)


def _mean(values: NDArray[np.float64]) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else float("nan")


@dataclass(frozen=True, eq=False)
class Matches:
    """Matched detections at one overlap, in the order of `ObjectOverlaps.predictions`.

    Parameters
    ----------
    columns : int32 (n,), the true object of each detection; -1 for none
    ignored : bool (n,), whether the detection counts neither as right nor as wrong
    positives : bool (m,), true objects that count
    """

    columns: NDArray[np.int32]
    ignored: NDArray[np.bool_]
    positives: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Detections that count as right, bool (n,)."""
        right: NDArray[np.bool_] = (self.columns >= 0) & ~self.ignored
        return right


def matches(objects: ObjectOverlaps, iou: float, area: AreaRange = AREAS[0], *, most: int = 100) -> Matches:
    """Match detections to true objects of their class, as COCO's evaluation does: a detection takes the one with the
    largest overlap of at least `iou` that no better detection has, and one that is ignored only where there is no
    other.

    Parameters
    ----------
    area : true objects of other areas are ignored, and so are unmatched detections of other areas
    most : detections of a class in a picture that are counted, the best ones; the others are ignored
    """
    return _matches(objects, iou, area, _ranks(objects) < most)


def _matches(objects: ObjectOverlaps, iou: float, area: AreaRange, counted: NDArray[np.bool_]) -> Matches:
    truth, predictions = objects.truth, objects.predictions
    left_out = truth.ignored | (truth.areas < area.least) | (truth.areas > area.most)
    candidates = objects.same_class() & (objects.values >= min(iou, _ALMOST_ONE)) & counted[objects.rows]
    rows, columns = objects.rows[candidates], objects.columns[candidates]
    order = by_preference(rows, columns, objects.values[candidates], left_out[columns])
    matched = greedy(rows[order], columns[order], len(predictions), truth.crowds)
    outside = (predictions.areas < area.least) | (predictions.areas > area.most)
    is_matched = matched >= 0
    ignored = np.where(is_matched, left_out[matched] if len(truth) else False, outside) | ~counted
    return Matches(matched, ignored.astype(bool), ~left_out)


def _ranks(objects: ObjectOverlaps) -> NDArray[np.int64]:
    """Place of each detection among those of its class in its picture, from 0, int64 (n,)."""
    predictions = objects.predictions
    order = np.lexsort((predictions.classes, predictions.pictures))
    keys = predictions.pictures[order].astype(np.int64) * objects.n_categories + predictions.classes[order]
    places = np.arange(len(order))
    first = np.maximum.accumulate(np.where(np.diff(keys, prepend=-1) != 0, places, 0)) if len(order) else places
    ranks = np.empty(len(order), np.int64)
    ranks[order] = places - first
    return ranks


def average_precision(
    objects: ObjectOverlaps,
    *,
    thresholds: NDArray[np.float64] = IOU_THRESHOLDS,
    areas: tuple[AreaRange, ...] = AREAS,
    counts: tuple[int, ...] = OBJECT_COUNTS,
) -> AveragePrecision:
    """Average precision and recall of all classes."""
    truth, predictions = objects.truth, objects.predictions
    n_classes, n_areas = objects.n_categories, len(areas)
    precision = np.full((len(thresholds), len(RECALLS), n_classes, n_areas), np.nan)
    recall = np.full((len(thresholds), n_classes, n_areas, len(counts)), np.nan)
    ranks = _ranks(objects)
    counted = ranks < counts[-1]
    # The best first; of equal scores those of earlier pictures, as in COCO's evaluation.
    by_score = np.argsort(-predictions.scores, kind="stable")
    by_class = by_score[np.argsort(predictions.classes[by_score], kind="stable")]
    bounds = np.searchsorted(predictions.classes[by_class], np.arange(n_classes + 1))
    for area_index, area in enumerate(areas):
        for place, iou in enumerate(thresholds.tolist()):
            found = _matches(objects, iou, area, counted)
            right, wrong = found.right, (found.columns < 0) & ~found.ignored
            totals = np.bincount(truth.classes[found.positives], minlength=n_classes)
            for kind in np.flatnonzero(totals).tolist():
                rows = by_class[bounds[kind] : bounds[kind + 1]]
                for count_index, count in enumerate(counts):
                    within = rows[ranks[rows] < count]
                    hits = right[within].cumsum().astype(np.float64)
                    recalls = hits / totals[kind]
                    recall[place, kind, area_index, count_index] = recalls[-1] if len(recalls) else 0
                    if count_index == len(counts) - 1:
                        values = hits / (wrong[within].cumsum() + hits + np.spacing(1))
                        precision[place, :, kind, area_index] = sampled(values, recalls)
    return AveragePrecision(precision, recall, thresholds, areas, counts)


def sampled(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """Precision at `RECALLS`, float64 (101,), of a curve with ascending `recall`, made monotone; 0 beyond its end."""
    monotone = np.maximum.accumulate(precision[::-1])[::-1]
    values: NDArray[np.float64] = np.append(monotone, 0.0)[np.searchsorted(recall, RECALLS, side="left")]
    return values
