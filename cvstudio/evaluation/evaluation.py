"""The result of an evaluation: a model's figures on a labelled set, at any score and overlap."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.labels import Category, LeftOut
from cvstudio.evaluation.average_precision import (
    AREAS,
    KEYPOINT_AREAS,
    KEYPOINT_COUNTS,
    OBJECT_COUNTS,
    AveragePrecision,
    Matches,
    average_precision,
    matches,
)
from cvstudio.evaluation.class_mapping import ClassMapping
from cvstudio.evaluation.classification import ClassificationScores
from cvstudio.evaluation.comparers import FORM_TITLES, KEYPOINTS
from cvstudio.evaluation.confusion import ClassPairs, ConfusionMatrix, class_pairs
from cvstudio.evaluation.error_kinds import DetectionErrors, ErrorKind, detection_errors
from cvstudio.evaluation.overlaps import ObjectOverlaps
from cvstudio.evaluation.panoptic import PanopticScores, PanopticSegments
from cvstudio.evaluation.precision_recall import PrecisionRecall, precision_recall
from cvstudio.evaluation.semantic import SemanticScores
from cvstudio.evaluation.worst import PictureCounts, picture_counts

TOP = (1, 5)
"""Numbers of answers to a picture of which one has to be right."""

KEPT = 8
"""Overlaps whose matches are kept, so that the score slider need not match again."""


class ObjectFigures:
    """Figures of detected objects at any score and overlap, each computed when it is asked for.

    Parameters
    ----------
    form : what their overlap is measured by: `BOXES`, `MASKS` or `KEYPOINTS`
    overlaps : the objects
    names : names of the classes
    """

    def __init__(self, form: str, overlaps: ObjectOverlaps, names: tuple[str, ...]) -> None:
        self.form = form
        self.overlaps = overlaps
        self.names = names
        # Of this object alone, so that nothing outlives it.
        self.matches = functools.lru_cache(KEPT)(self._matches)
        self.pairs = functools.lru_cache(KEPT)(self._pairs)
        self.errors = functools.lru_cache(KEPT)(self._errors)
        self.costs = functools.lru_cache(KEPT)(self._costs)

    @functools.cached_property
    def average_precision(self) -> AveragePrecision:
        """COCO's average precision and recall."""
        points = self.form == KEYPOINTS
        return average_precision(
            self.overlaps,
            areas=KEYPOINT_AREAS if points else AREAS,
            counts=KEYPOINT_COUNTS if points else OBJECT_COUNTS,
        )

    @functools.cached_property
    def class_counts(self) -> NDArray[np.int64]:
        """Number of true objects of each class that count, int64 (K,)."""
        truth = self.overlaps.truth
        return np.bincount(truth.classes[~truth.ignored], minlength=len(self.names))

    def _matches(self, iou: float) -> Matches:
        return matches(self.overlaps, iou)

    def _pairs(self, iou: float) -> ClassPairs:
        return class_pairs(self.overlaps, iou)

    def _errors(self, iou: float) -> DetectionErrors:
        return detection_errors(self.overlaps, iou)

    def _costs(self, iou: float) -> Mapping[ErrorKind, float]:
        costs: dict[ErrorKind, float] = self.errors(iou).costs()
        return costs

    def prepare(self, iou: float) -> None:
        """Match at an overlap, which takes a second for ten thousand pictures: any score is quick afterwards."""
        _ = self.average_precision
        self.matches(iou)
        self.pairs(iou)
        self.costs(iou)

    def curve(self, iou: float, kind: int | None = None) -> PrecisionRecall:
        """Precision and recall of one class, or of the detections of all."""
        return precision_recall(self.overlaps, self.matches(iou), kind)

    def confusion(self, iou: float, score: float) -> ConfusionMatrix:
        """The confusion matrix with the detections of at least `score`."""
        matrix: ConfusionMatrix = self.pairs(iou).matrix(score, self.names)
        return matrix

    def in_cell(self, iou: float, score: float, true: int, predicted: int) -> NDArray[np.int64]:
        """How much of a cell of `confusion` each picture has, int64 (pictures,); -1 is the last row or column."""
        rows, columns, pictures = self.pairs(iou).entries(score)
        chosen = pictures[(rows == true) & (columns == predicted)]
        return np.bincount(chosen, minlength=self.overlaps.n_pictures)

    def counts(self, iou: float, score: float) -> PictureCounts:
        """Right, wrong and missed objects of each picture with the detections of at least `score`."""
        return picture_counts(self.overlaps, self.matches(iou), score)


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A model's figures on a labelled set; what the model or the labels do not have is empty or None.

    Parameters
    ----------
    model, title : key and title of the model
    data : name of the labelled set
    categories : classes of the set
    mapping : which of them each label of the model stands for
    measured : indices of those that were measured
    names : the measured pictures
    pictures : their files
    score : score threshold, by default that of the model
    objects : figures by what the overlap is measured by
    left_out : pictures that were not measured, and why
    times : when those begin that are frames of a video, in seconds; `pictures` has the video
    """

    model: str
    title: str
    data: str
    categories: tuple[Category, ...]
    mapping: ClassMapping
    measured: tuple[int, ...]
    names: tuple[str, ...]
    pictures: Mapping[str, Path]
    score: float
    objects: Mapping[str, ObjectFigures]
    classification: ClassificationScores | None = None
    semantic: SemanticScores | None = None
    segments: PanopticSegments | None = None
    left_out: tuple[LeftOut, ...] = ()
    times: Mapping[str, float] = field(default_factory=dict)

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the classes of the set."""
        return self.mapping.categories

    @property
    def panoptic(self) -> PanopticScores | None:
        """Panoptic quality at the score threshold; None where it is not measured."""
        return self.segments.at(self.score) if self.segments is not None else None

    def things(self, *, things: bool) -> list[int]:
        """Indices of the measured classes that are things, or that are stuff."""
        return [index for index in self.measured if self.categories[index].is_thing is things]

    def summary(self) -> dict[str, float]:
        """All figures that hold for the whole set, by name; NaN for one that has nothing to measure."""
        figures: dict[str, float] = {}
        for form, objects in self.objects.items():
            named = objects.average_precision.summary(self.measured)
            figures |= {f"{FORM_TITLES[form]} {name}": value for name, value in named.items()}
            point = objects.curve(0.5).at(self.score)
            figures |= {
                f"{FORM_TITLES[form]} precision": point.precision,
                f"{FORM_TITLES[form]} recall": point.recall,
                f"{FORM_TITLES[form]} F1": point.f1,
            }
        if self.semantic is not None:
            figures |= {"mIoU": self.semantic.mean_iou(), "Pixel accuracy": self.semantic.pixel_accuracy()}
        panoptic = self.panoptic
        if panoptic is not None:
            groups = {
                "": list(self.measured),
                " things": self.things(things=True),
                " stuff": self.things(things=False),
            }
            for ending, classes in groups.items():
                quality = panoptic.mean(classes)
                if quality is not None:
                    figures |= {
                        f"{name}{ending}": value for name, value in zip(("PQ", "SQ", "RQ"), quality, strict=True)
                    }
        if self.classification is not None:
            scores = self.classification
            figures |= {f"Top-{k}": scores.top(k) for k in TOP}
            figures["Calibration error"] = scores.reliability().error()
        return figures
