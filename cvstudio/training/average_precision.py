"""Average precision of a detector, as defined by COCO.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the definitions of its evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import pairwise_iou

MAX_DETECTIONS = 100
"""Largest number of detections counted for each picture and class, the best first."""

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """Boxes of one picture: float32 (n, 4) x1, y1, x2, y2; classes int64 (n,); scores float32 (n,), of predictions."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]


def match(boxes: NDArray[np.float32], truth: NDArray[np.float32], iou: float) -> NDArray[np.int64]:
    """Match predicted `boxes` (best score first) to `truth`: int64 (n,), the row in `truth`, -1 for none.

    A box takes the unmatched one with the largest IoU, if that is at least `iou`.
    """
    overlap = pairwise_iou(boxes.astype(np.float64), truth.astype(np.float64))
    free = np.ones(len(truth), bool)
    rows = np.full(len(boxes), -1, np.int64)
    for index in range(len(boxes)):
        if free.any():
            row = int(np.where(free, overlap[index], -1).argmax())
            if overlap[index, row] >= iou:
                rows[index], free[row] = row, False
    return rows


def average_precision(
    predictions: Sequence[ImageBoxes], truth: Sequence[ImageBoxes], n_classes: int, *, iou: float = 0.5
) -> NDArray[np.float64]:
    """Average precision of each class, float64 (n_classes,) in 0..1, NaN for a class without a box in `truth`.

    `predictions` and `truth` are one for each picture, in the same order. Precision is made monotone and sampled at
    101 recalls.
    """
    result = np.full(n_classes, np.nan)
    for kind in range(n_classes):
        scores, hits, total = [], [], 0
        for predicted, labelled in zip(predictions, truth, strict=True):
            rows = np.flatnonzero(predicted.classes == kind)
            rows = rows[np.argsort(-predicted.scores[rows], kind="stable")][:MAX_DETECTIONS]
            true_boxes = labelled.boxes[labelled.classes == kind]
            total += len(true_boxes)
            scores.append(predicted.scores[rows])
            hits.append(match(predicted.boxes[rows], true_boxes, iou) >= 0)
        if total == 0:
            continue
        order = np.argsort(-np.concatenate(scores), kind="stable")
        true_positives = np.concatenate(hits)[order].cumsum()
        recall = true_positives / total
        precision = np.maximum.accumulate((true_positives / np.arange(1, len(order) + 1))[::-1])[::-1]
        indices = np.searchsorted(recall, RECALLS, side="left")
        result[kind] = np.append(precision, 0.0)[indices].mean()
    return result
