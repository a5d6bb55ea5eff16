"""Average precision of boxes that are in memory, for the figures of a training; `cvstudio.evaluation` computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import pairwise_iou
from cvstudio.evaluation import average_precision as coco
from cvstudio.evaluation.matching import by_preference, greedy
from cvstudio.evaluation.overlaps import OverlapsBuilder, PictureObjects

MAX_DETECTIONS = coco.OBJECT_COUNTS[-1]
"""Largest number of detections counted for each picture and class, the best first."""


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """Boxes of one picture: float32 (n, 4) x1, y1, x2, y2; classes int64 (n,); scores float32 (n,), of predictions."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]


def _overlaps(boxes: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    return pairwise_iou(boxes.astype(np.float64), truth.astype(np.float64))


def match(boxes: NDArray[np.float32], truth: NDArray[np.float32], iou: float) -> NDArray[np.int64]:
    """Match predicted `boxes` (best score first) to `truth`: int64 (n,), the row in `truth`, -1 for none.

    A box takes the unmatched one with the largest IoU, if that is at least `iou`.
    """
    overlaps = _overlaps(boxes, truth)
    rows, columns = (index.astype(np.int32) for index in np.nonzero(overlaps >= iou))
    order = by_preference(rows, columns, overlaps[rows, columns], np.zeros(len(rows), bool))
    return greedy(rows[order], columns[order], len(boxes), np.zeros(len(truth), bool)).astype(np.int64)


def average_precision(
    predictions: Sequence[ImageBoxes], truth: Sequence[ImageBoxes], n_classes: int, *, iou: float = 0.5
) -> NDArray[np.float64]:
    """Average precision of each class, float64 (n_classes,) in 0..1, NaN for a class without a box in `truth`.

    `predictions` and `truth` are one for each picture, in the same order. Precision is made monotone and sampled at
    101 recalls.
    """
    builder = OverlapsBuilder(n_classes)
    for predicted, labelled in zip(predictions, truth, strict=True):
        nothing = np.zeros(len(labelled.boxes), bool)
        areas = (np.prod(side.boxes[:, 2:] - side.boxes[:, :2], axis=1) for side in (labelled, predicted))
        builder.add(
            PictureObjects(
                labelled.classes.astype(np.int32),
                next(areas).astype(np.float64),
                nothing,
                nothing,
                predicted.classes.astype(np.int32),
                predicted.scores,
                next(areas).astype(np.float64),
                _overlaps(predicted.boxes, labelled.boxes),
            )
        )
    measured = coco.average_precision(
        builder.build(), thresholds=np.array([iou]), areas=coco.AREAS[:1], counts=(MAX_DETECTIONS,)
    )
    values: NDArray[np.float64] = measured.precision[0, :, :, 0].mean(axis=0)
    return values
