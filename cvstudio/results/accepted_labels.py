"""Predictions accepted as labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cvstudio.data.boxes import pairwise_iou
from cvstudio.data.label_editing import clipped, with_added
from cvstudio.data.label_masks import cut
from cvstudio.data.labels import Annotation, Category, PictureLabels
from cvstudio.results.detections import Detections
from cvstudio.results.masks import edges

SAME_IOU = 0.9
"""A prediction whose box has this IoU or more with that of a label is the same object, whatever its class: who has
given the object another class does not want the prediction back."""


@dataclass(frozen=True, eq=False)
class Accepted:
    """Labels with the predictions that were accepted.

    Parameters
    ----------
    labels : of the picture, those from before and the new ones
    categories : the classes, those from before and the new ones
    added : number of new labels
    known : number of predictions that were labelled already
    """

    labels: PictureLabels
    categories: tuple[Category, ...]
    added: int
    known: int


def accept(
    labels: PictureLabels,
    categories: Sequence[Category],
    predictions: Detections,
    score: float,
    *,
    ids: Collection[int] | None = None,
) -> Accepted:
    """Take predictions over as labels, by the name of their class; one that the set does not have is added to it.

    Names are compared without regard to case where none is equal. Masks come with their boxes, and what reaches beyond
    the picture is clipped.

    Parameters
    ----------
    predictions : on the same picture
    score : the lowest score that is accepted
    ids : of the only predictions that are accepted; None for all
    """
    rows, known = _rows(labels, predictions, score, ids)
    grown = list(categories)
    # The first of equal names counts.
    names = {category.name: number for number, category in reversed([*enumerate(grown)])}
    folded = {category.name.casefold(): number for number, category in reversed([*enumerate(grown)])}
    annotations = []
    for row in rows:
        name = predictions.label(row)
        number = names.get(name, folded.get(name.casefold()))
        if number is None:
            number = names[name] = folded[name.casefold()] = len(grown)
            grown.append(Category(name))
        annotations.append(_annotation(predictions, row, number))
    new = clipped(PictureLabels(annotations=tuple(annotations)), predictions.size).annotations
    accepted = replace(with_added(labels, *new), size=labels.size or predictions.size)
    return Accepted(accepted, tuple(grown), len(new), known)


def count_accepted(labels: PictureLabels, predictions: Detections, score: float) -> int:
    """Number of predictions that `accept` would add."""
    return len(_rows(labels, predictions, score, None)[0])


def _rows(
    labels: PictureLabels, predictions: Detections, score: float, ids: Collection[int] | None
) -> tuple[list[int], int]:
    """Rows of the predictions that are wanted and not labelled yet, and the number of those that are labelled."""
    wanted = predictions.scores >= score
    if ids is not None:
        wanted &= np.isin(predictions.ids, list(ids))
    # Nothing of these lies on the picture.
    size, (x1, y1, x2, y2) = predictions.size, predictions.boxes.T
    wanted &= (np.maximum(x1, 0) < np.minimum(x2, size.width)) & (np.maximum(y1, 0) < np.minimum(y2, size.height))
    rows = np.flatnonzero(wanted)
    boxes = np.array([annotation.box for annotation in labels.annotations], np.float32).reshape(-1, 4)
    known = (pairwise_iou(predictions.boxes[rows], boxes) >= SAME_IOU).any(axis=1)
    return rows[~known].tolist(), int(known.sum())


def _annotation(predictions: Detections, row: int, category: int) -> Annotation:
    x1, y1, x2, y2 = predictions.boxes[row].tolist()
    mask = None
    if predictions.masks is not None:
        left, top, right, bottom = edges(predictions.boxes[row], 1.0)
        left, top = max(left, 0), max(top, 0)
        right, bottom = min(right, predictions.size.width), min(bottom, predictions.size.height)
        mask = cut(predictions.masks.window(row, predictions.boxes[row], 1.0, left, top, right, bottom), left, top)
    return Annotation(category, (x1, y1, x2, y2), mask=mask)
