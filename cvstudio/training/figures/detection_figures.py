"""What the evaluations of the embedded detectors share: detections after NMS, masks, false boxes, the default score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.training.average_precision import ImageBoxes, match
from cvstudio.training.figures.coco128 import LabelledPhoto

IOU = 0.55
"""Overlap of the non-maximum suppression that the figures of the cards were taken with."""

MATCH_IOU = 0.5

MASK_SCORE = 0.1
"""Score from which the mask of a thing that was found counts."""


def detections_of(network: Any, image: Image, progress: Progress) -> Detections:
    """What the model finds in a picture after NMS, best first."""
    candidates: Detections = network.predict(image, NoParams(), progress)
    return candidates.take(nms(candidates.boxes, candidates.scores, candidates.classes, IOU))


def mask_ious(detections: Detections, classes: NDArray[np.int64], photo: LabelledPhoto) -> list[float]:
    """IoU of the masks of found things with those drawn by people.

    `classes` int64 (n,) of the detections, numbered as those of the photograph.
    """
    ious = []
    is_sure = detections.scores >= MASK_SCORE
    for kind in np.unique(classes[is_sure]):
        rows, true_rows = np.flatnonzero((classes == kind) & is_sure), np.flatnonzero(photo.truth.classes == kind)
        matches = match(detections.boxes[rows], photo.truth.boxes[true_rows], MATCH_IOU)
        for row, matched in zip(rows, matches, strict=True):
            mask = photo.masks.get(int(true_rows[matched])) if matched >= 0 else None
            if mask is not None and detections.masks is not None:
                predicted = detections.masks.full(int(row), detections.boxes[row], detections.size)
                ious.append(float((mask & predicted).sum() / max(1, (mask | predicted).sum())))
    return ious


def false_boxes(detections: ImageBoxes, truth: ImageBoxes) -> int:
    """Boxes that fit no true box of their class."""
    wrong = 0
    for kind in np.unique(detections.classes):
        predicted = detections.boxes[detections.classes == kind]
        wrong += int((match(predicted, truth.boxes[truth.classes == kind], MATCH_IOU) < 0).sum())
    return wrong


def missed_boxes(detections: ImageBoxes, truth: ImageBoxes, kinds: Iterable[int]) -> int:
    """True boxes of `kinds` that no box of their class fits."""
    missed = 0
    for kind in kinds:
        true_boxes = truth.boxes[truth.classes == kind]
        if len(true_boxes):
            predicted = detections.boxes[detections.classes == kind]
            missed += len(true_boxes) - int((match(predicted, true_boxes, MATCH_IOU) >= 0).sum())
    return missed


def best_score(
    predictions: Sequence[ImageBoxes],
    truth: Sequence[ImageBoxes],
    kinds: Iterable[int],
    *,
    most_false: float = float("inf"),
) -> float:
    """The score with the best F1 of `kinds`, of those from which on there are at most `most_false` false boxes per
    picture."""
    scores, hits, total = [], [], 0
    known = tuple(kinds)
    for predicted, labelled in zip(predictions, truth, strict=True):
        for kind in known:
            of_class = predicted.classes == kind
            true_boxes = labelled.boxes[labelled.classes == kind]
            total += len(true_boxes)
            scores.append(predicted.scores[of_class])
            hits.append(match(predicted.boxes[of_class], true_boxes, MATCH_IOU) >= 0)
    values = np.concatenate(scores)
    order = np.argsort(-values, kind="stable")
    positives = np.concatenate(hits)[order].cumsum()
    count = np.arange(1, len(order) + 1)
    f1 = 2 * positives / (count + total)
    f1[count - positives > most_false * len(predictions)] = 0
    return round(float(values[order][f1.argmax()]), 2)
