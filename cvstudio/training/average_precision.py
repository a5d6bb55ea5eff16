"""How good a detector is: average precision, as COCO counts it.

Source: Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and the definitions of its evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import pairwise_iou

MAX_DETECTIONS = 100
"""Of a picture and class that are counted, the best first."""

RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """Boxes of one picture: boxes float32 (n, 4), classes int64 (n,), scores float32 (n,); labels have no scores."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]


def match(boxes: NDArray[np.float32], truth: NDArray[np.float32], iou: float) -> NDArray[np.int64]:
    """Row of `truth` that each of `boxes` (best score first) finds, -1 for none; each is found once.

    A box takes the one that it overlaps most among those still free, if by `iou` or more.
    """
    overlap = pairwise_iou(boxes.astype(np.float64), truth.astype(np.float64))
    free = np.ones(len(truth), bool)
    rows = np.full(len(boxes), -1, np.int64)
    for number in range(len(boxes)):
        if free.any():
            row = int(np.where(free, overlap[number], -1).argmax())
            if overlap[number, row] >= iou:
                rows[number], free[row] = row, False
    return rows


def average_precision(
    found: Sequence[ImageBoxes], truth: Sequence[ImageBoxes], n_classes: int, *, iou: float = 0.5
) -> NDArray[np.float64]:
    """Average precision 0..1 of each class (n_classes,), NaN for a class without a single box in `truth`.

    `found` and `truth` are by picture, in the same order. Precision is made monotone and read at 101 recalls.
    """
    result = np.full(n_classes, np.nan)
    for kind in range(n_classes):
        scores, hits, total = [], [], 0
        for one, true in zip(found, truth, strict=True):
            mine = np.flatnonzero(one.classes == kind)
            mine = mine[np.argsort(-one.scores[mine], kind="stable")][:MAX_DETECTIONS]
            wanted = true.boxes[true.classes == kind]
            total += len(wanted)
            scores.append(one.scores[mine])
            hits.append(match(one.boxes[mine], wanted, iou) >= 0)
        if total == 0:
            continue
        order = np.argsort(-np.concatenate(scores), kind="stable")
        right = np.concatenate(hits)[order].cumsum()
        recall = right / total
        precision = np.maximum.accumulate((right / np.arange(1, len(order) + 1))[::-1])[::-1]
        places = np.searchsorted(recall, RECALLS, side="left")
        result[kind] = np.append(precision, 0.0)[places].mean()
    return result
