"""Candidates of the embedded detectors, whose cells answer boxes, classes and mask coefficients."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cvstudio.data.boxes import iou_with
from cvstudio.data.geometry import Rect, Size
from cvstudio.models.runtime.explainable import ScoredCandidates
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks

SAME_BOX = 0.85
"""Overlap (IoU) from which on two boxes are taken for those of one thing, of whichever classes."""

SURE = 0.3
"""Least score of a detection that takes away other names of the same thing."""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    class CellOutputs(Protocol):
        """Outputs of a network for a batch, as `cvstudio.models.shared.pyramid.Raw` has them. Coefficients beyond the
        prototypes are those of `box_forms`."""

        @property
        def distances(self) -> Tensor: ...
        @property
        def coefficients(self) -> Tensor: ...
        @property
        def prototypes(self) -> Tensor: ...


def candidates_of(
    all_scores: Tensor,
    raw: CellOutputs,
    size: tuple[int, int],
    scale: tuple[float, float],
    labels: tuple[str, ...],
    picture_size: Size,
) -> Detections:
    """Candidates above `FLOOR` of the first picture of a batch, with masks.

    Parameters
    ----------
    all_scores : (cells, classes), 0..1, of that picture
    raw : outputs of the network
    size : height and width of the input
    scale : in x and y: pixels of the input per pixel of the picture
    labels : names of the classes of `all_scores`
    picture_size : of the result
    """
    from cvstudio.models.shared.pyramid import PROTOTYPE_STRIDE, decode, places

    scores = all_scores.flatten()
    best_indices = scores.topk(min(MAX_CANDIDATES, len(scores))).indices
    best_indices = best_indices[scores[best_indices] >= FLOOR]
    rows, classes = best_indices // len(labels), best_indices % len(labels)
    centres, strides = places(*size, scores.device)
    boxes = decode(raw.distances[0][rows], centres[rows], strides[rows]).cpu().numpy()
    coefficients = raw.coefficients[0][rows].cpu().numpy()
    prototypes = raw.prototypes[0].cpu().numpy()
    if coefficients.shape[1] > len(prototypes):
        prototypes, coefficients = box_forms(prototypes, coefficients, (boxes / PROTOTYPE_STRIDE).astype(np.float32))
    best_scores = scores[best_indices].cpu().numpy()
    class_indices = classes.cpu().numpy()
    x_scale, y_scale = scale
    boxes = boxes / np.array([x_scale, y_scale, x_scale, y_scale], np.float32)
    boxes = np.clip(boxes, 0, np.array([*picture_size, *picture_size], np.float32)).astype(np.float32)
    prototype_scale = (x_scale / PROTOTYPE_STRIDE, y_scale / PROTOTYPE_STRIDE)
    return Detections(
        boxes,
        best_scores,
        class_indices,
        labels,
        np.arange(len(best_scores), dtype=np.int64),
        picture_size,
        masks=PrototypeMasks(prototypes, coefficients, prototype_scale),
    )


def scored_cells(
    scores: Tensor, raw: CellOutputs, size: tuple[int, int], scale: tuple[float, float]
) -> ScoredCandidates:
    """Every cell of the first picture of a batch with each class, as `ScoredCandidates`.

    Parameters
    ----------
    scores : (cells, classes), 0..1
    raw, size, scale : as in `candidates_of`
    """
    from cvstudio.models.shared.pyramid import decode, places

    cells, count = scores.shape
    boxes = decode(raw.distances[0].detach(), *places(*size, scores.device)).cpu().numpy()
    boxes = (boxes / np.array([*scale, *scale])).astype(np.float32)
    return ScoredCandidates(
        np.repeat(boxes, count, axis=0),
        scores.flatten(),
        np.tile(np.arange(count), cells),
        Rect(0.0, 0.0, size[1] / scale[0], size[0] / scale[1]),
        size,
    )


def without_second_names(candidates: Detections, names: Sequence[str]) -> Detections:
    """Candidates, scores descending, without those that name a thing a second time.

    These are boxes of another of the classes `names` that overlap a better one by `SAME_BOX` or more. Only one with a
    score of `SURE` or more takes others away, so that of what is doubtful all names are left.
    """
    rows = np.flatnonzero(np.isin(candidates.classes, [candidates.labels.index(name) for name in names]))
    kept = np.ones(len(candidates), bool)
    for place, row in enumerate(rows[candidates.scores[rows] >= SURE]):
        later = rows[place + 1 :]
        if kept[row] and len(later):
            doubled = iou_with(candidates.boxes[row], candidates.boxes[later]) >= SAME_BOX
            kept[later[doubled & (candidates.classes[later] != candidates.classes[row])]] = False
    if kept.all():
        return candidates
    left = candidates.take(np.flatnonzero(kept))
    return dataclasses.replace(left, ids=np.arange(len(left), dtype=np.int64))


def box_forms(
    prototypes: NDArray[np.float32], coefficients: NDArray[np.float32], boxes: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Quadratic forms in the boxes as combinations of 1, x, y, x² and y², which all boxes share.

    Parameters
    ----------
    prototypes : (k, h, w)
    coefficients : (n, k + 5)
        The last five are of 1, u, v, u² and v², where u and v are -1 and 1 at the sides of the box.
    boxes : (n, 4) in cells of the prototypes

    Returns
    -------
    prototypes float32 (k + 5, h, w) and coefficients float32 (n, k + 5) of them
    """
    count, height, width = prototypes.shape
    # In fractions of the map: float32 holds their squares exactly enough.
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    shared = np.stack([np.ones_like(x), x, y, x * x, y * y]).astype(np.float32)
    left, top, right, bottom = (boxes / np.array([width, height, width, height])).astype(np.float64).T
    sides_x, sides_y = np.maximum(right - left, 1e-6), np.maximum(bottom - top, 1e-6)
    a, b = 2 / sides_x, -(left + right) / sides_x
    c, d = 2 / sides_y, -(top + bottom) / sides_y
    one, u, v, uu, vv = coefficients[:, count:].astype(np.float64).T
    form = np.stack(
        [
            one + u * b + v * d + uu * b * b + vv * d * d,
            u * a + 2 * uu * a * b,
            v * c + 2 * vv * c * d,
            uu * a * a,
            vv * c * c,
        ],
        axis=1,
    )
    return (
        np.concatenate([prototypes, shared]),
        np.concatenate([coefficients[:, :count], form.astype(np.float32)], axis=1),
    )
