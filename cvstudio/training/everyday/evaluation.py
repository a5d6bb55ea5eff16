"""Evaluation and calibration of the default detector, run as the program's own model with NMS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.evaluation.average_precision import sampled
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.coco import LABELS
from cvstudio.results.detections import Detections
from cvstudio.training import sets
from cvstudio.training.average_precision import MAX_DETECTIONS, ImageBoxes, match
from cvstudio.training.everyday import data as everyday_data
from cvstudio.training.everyday.data import Photograph
from cvstudio.training.everyday.teacher import DenseTeacher
from cvstudio.training.figures import coco128
from cvstudio.training.figures.coco128 import LabelledPhoto
from cvstudio.training.figures.detection_figures import (
    MATCH_IOU,
    best_score,
    detections_of,
    false_boxes,
    mask_ious,
    missed_boxes,
)
from cvstudio.weights.embedded import settings_of

LEAST_PRECISION = 0.15
"""AP50 on the held-out photographs below which a class is left out of the labels."""

LEAST_TRUTH = 1
"""Fewest true boxes of a class in the held-out photographs to judge it by."""

MOST_FALSE = 0.4
"""Largest number of false boxes per held-out photograph at the default score."""

FREQUENT = 30
"""Boxes in the training photographs from which on a class counts as one that the data carries."""

RESAMPLES = 200

WORST = 10
ERRORS = "errors in"
"""Beginning of the figures of the `WORST` photographs: boxes missed, of the classes that are answered, and false ones
at the default score."""


def _coco_classes(detections: Detections) -> NDArray[np.int64]:
    numbers = np.array([LABELS.index(label) if label in LABELS else -1 for label in detections.labels], np.int64)
    return np.asarray(numbers[detections.classes], np.int64)


def _boxes_of(detections: Detections) -> ImageBoxes:
    return ImageBoxes(detections.boxes, _coco_classes(detections), detections.scores)


@dataclass(frozen=True, eq=False)
class ClassHits:
    """Detections of one class in all pictures, best first: picture int64 (n,), hit bool (n,); and true boxes of the
    class in each picture, int64 (pictures,)."""

    pictures: NDArray[np.int64]
    hits: NDArray[np.bool_]
    truth: NDArray[np.int64]

    def precision(self, repeats: NDArray[np.int64]) -> float:
        """Average precision with each picture counted `repeats` times; NaN without a true box."""
        total = int((self.truth * repeats).sum())
        if total == 0:
            return float("nan")
        weights = repeats[self.pictures]
        positives = (self.hits * weights).cumsum()
        precision = positives / np.maximum(weights.cumsum(), 1)
        return float(sampled(precision, positives / total).mean())


def class_hits(predictions: Sequence[ImageBoxes], truth: Sequence[ImageBoxes]) -> list[ClassHits]:
    """Hits of each of COCO's classes, so that resampled pictures need no new matching."""
    result = []
    for kind in range(len(LABELS)):
        pictures, scores, hits, totals = [], [], [], []
        for number, (predicted, labelled) in enumerate(zip(predictions, truth, strict=True)):
            rows = np.flatnonzero(predicted.classes == kind)
            rows = rows[np.argsort(-predicted.scores[rows], kind="stable")][:MAX_DETECTIONS]
            true_boxes = labelled.boxes[labelled.classes == kind]
            totals.append(len(true_boxes))
            pictures.append(np.full(len(rows), number))
            scores.append(predicted.scores[rows])
            hits.append(match(predicted.boxes[rows], true_boxes, MATCH_IOU) >= 0)
        order = np.argsort(-np.concatenate(scores), kind="stable")
        result.append(
            ClassHits(
                np.concatenate(pictures)[order].astype(np.int64),
                np.concatenate(hits)[order].astype(bool),
                np.array(totals, np.int64),
            )
        )
    return result


def bootstrap(hits: Sequence[ClassHits], classes: Sequence[int], *, seed: int = 0) -> tuple[float, float]:
    """Interval of 90 % of the mean of the classes' average precisions over resampled pictures.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile interval).
    """
    rng = np.random.default_rng(seed)
    count = len(hits[0].truth)
    means = []
    for _ in range(RESAMPLES):
        repeats = np.bincount(rng.integers(count, size=count), minlength=count).astype(np.int64)
        values = np.array([hits[kind].precision(repeats) for kind in classes])
        if not np.isnan(values).all():
            means.append(np.nanmean(values))
    low, high = np.quantile(means, (0.05, 0.95))
    return float(low), float(high)


def _network(weights: Path | None, settings: Mapping[str, Any]) -> Any:
    from cvstudio.models import MODELS

    network: Any = MODELS["pyramid-lite0"].load("cpu", weights)
    if "classes" in settings:
        network.restrict(tuple(settings["classes"]))
    return network


def held_out_truth(photographs: Sequence[Photograph], teacher: DenseTeacher, progress: Progress) -> list[LabelledPhoto]:
    """Held-out photographs with their true boxes."""
    photos = []
    for number, photograph in enumerate(photographs):
        progress(number / len(photographs), "the teacher looks at held-out photographs")
        view, scale = everyday_data.labelled_view(photograph, teacher)
        truth = ImageBoxes(view.boxes / np.float32(scale), view.classes, np.ones(len(view.boxes), np.float32))
        photos.append(LabelledPhoto(Image(sets.decode(photograph.content)), truth, {}))
    return photos


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size, classes that are known well enough, and the default score, from the held-out photographs.

    The default score is the one with the best F1 of those with at most `MOST_FALSE` false boxes per photograph.
    """
    from cvstudio.models.detection.pyramid_lite import SIZE

    teacher = DenseTeacher(data / everyday_data.FILES[-1])
    training, held_out = everyday_data.photographs(data, None)
    photos = held_out_truth(held_out, teacher, progress)
    network = _network(weights, {})
    predictions = []
    for number, photo in enumerate(photos):
        progress(number / len(photos), "looking at held-out photographs")
        predictions.append(_boxes_of(detections_of(network, photo.image, progress)))
    hits = class_hits(predictions, [photo.truth for photo in photos])
    ones = np.ones(len(photos), np.int64)
    known = [
        kind
        for kind, of_class in enumerate(hits)
        if of_class.truth.sum() >= LEAST_TRUTH and of_class.precision(ones) >= LEAST_PRECISION
    ]
    counts = everyday_data.kept_counts(weights.parent, training, teacher, progress).sum(axis=0)
    score = best_score(predictions, [photo.truth for photo in photos], known, most_false=MOST_FALSE)
    return {
        "size": SIZE,
        "score": score,
        "classes": [LABELS[kind] for kind in known],
        "frequent": [label for label, count in zip(LABELS, counts, strict=True) if count >= FREQUENT],
    }


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on `coco128`, which was neither trained on nor used for choosing. See `TrainingRecipe`."""
    settings = settings_of("pyramid-lite0", settings, score=0.4, frequent=LABELS)
    network = _network(weights, settings)
    photos = coco128.photographs(data, limit, progress)
    known = [LABELS.index(label) for label in network.labels]
    predictions, ious, wrong, shown = [], [], 0, 0
    errors: dict[str, int] = {}
    for number, photo in enumerate(photos):
        progress(number / len(photos), "looking at coco128")
        detections = detections_of(network, photo.image, progress)
        predictions.append(_boxes_of(detections))
        sure = _boxes_of(detections.take(detections.scores >= settings["score"]))
        false = false_boxes(sure, photo.truth)
        errors[photo.name] = false + missed_boxes(sure, photo.truth, known)
        wrong += false
        shown += len(sure.scores)
        ious += mask_ious(detections, _coco_classes(detections), photo)
    truth = [photo.truth for photo in photos]
    hits = class_hits(predictions, truth)
    ones = np.ones(len(photos), np.int64)
    precision = np.array([of_class.precision(ones) for of_class in hits])
    present = np.flatnonzero(~np.isnan(precision))
    frequent = [int(kind) for kind in present if LABELS[kind] in settings["frequent"]]
    figures = {
        "coco128 AP50 person": float(precision[0]),
        "coco128 frequent classes": float(len(frequent)),
        "coco128 frequent mAP50": float(precision[frequent].mean()) if frequent else float("nan"),
        "coco128 classes": float(len(present)),
        "coco128 mAP50": float(precision[present].mean()),
        "false boxes per picture": wrong / len(photos),
        "boxes per picture": shown / len(photos),
    }
    for name, classes in (("person", [0]), ("frequent", frequent), ("all", present.tolist())):
        low, high = bootstrap(hits, classes)
        figures |= {f"{name} from": low, f"{name} to": high}
    if ious:
        figures |= {"coco128 mask IoU": float(np.mean(ious)), "coco128 masks": float(len(ious))}
    worst = sorted(errors, key=lambda name: (-errors[name], name))[:WORST]
    return figures | {f"{ERRORS} {name}": float(errors[name]) for name in worst}
