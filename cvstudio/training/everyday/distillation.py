"""Distillation of a detector at every cell of its grid.

The class scores of each cell learn the teacher's (Hinton et al., "Distilling the Knowledge in a Neural Network", 2014,
in the binary form of a detector), places on which both agree counting less (Li et al., "Generalized Focal Loss",
NeurIPS 2020, equation 5); boxes learn the teacher's where it is sure, weighted by its score. Boxes that people drew go
before both, at the cells that `cvstudio.training.detector_loss.assign` selects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.training.detector_loss import assign
from cvstudio.training.detector_views import Target
from cvstudio.training.everyday.teacher import CELLS, N_CLASSES, DenseTargets

if TYPE_CHECKING:
    from torch import Tensor

FOCUS = 1.0
"""Exponent of the distance between student's and teacher's score in the class loss."""


@dataclass(frozen=True, eq=False)
class DenseBatch:
    """Targets of a batch: scores float (n, cells, classes) 0..1; boxes (n, cells, 4); weights (n, cells) of the boxes;
    drawn: boxes and classes by people, for each view."""

    scores: Tensor
    boxes: Tensor
    weights: Tensor
    drawn: list[tuple[NDArray[np.float32], NDArray[np.int64]]]


def collate(
    targets: Sequence[DenseTargets],
    drawn: list[tuple[NDArray[np.float32], NDArray[np.int64]]],
    device: str,
    n_classes: int = N_CLASSES,
) -> DenseBatch:
    """Dense tensors from sparse targets."""
    import torch

    n = len(targets)
    scores = np.zeros((n, CELLS * n_classes), np.float32)
    boxes, weights = np.zeros((n, CELLS, 4), np.float32), np.zeros((n, CELLS), np.float32)
    for index, target in enumerate(targets):
        scores[index, target.entries] = target.scores
        boxes[index, target.cells] = target.boxes
        weights[index, target.cells] = scores[index].reshape(CELLS, n_classes)[target.cells].max(axis=1, initial=0)
    return DenseBatch(
        torch.from_numpy(scores.reshape(n, CELLS, n_classes)).to(device),
        torch.from_numpy(boxes).to(device),
        torch.from_numpy(weights).to(device),
        drawn,
    )


def dense_losses(
    logits: Tensor, decoded: Tensor, centres: Tensor, strides: Tensor, batch: DenseBatch
) -> dict[str, Tensor]:
    """Class and box loss of a batch, by name.

    `logits` (n, cells, classes); `decoded` (n, cells, 4), boxes in input pixels; `centres` and `strides` as
    `cvstudio.models.shared.pyramid.places` returns them.
    """
    import torch
    from torch.nn import functional
    from torchvision.ops import complete_box_iou_loss

    probability = logits.detach().sigmoid()
    scores, boxes, weights = batch.scores, batch.boxes, batch.weights
    for index, (drawn_boxes, drawn_classes) in enumerate(batch.drawn):
        if not len(drawn_boxes):
            continue
        ones = np.ones(len(drawn_boxes), np.float32)
        none = np.zeros((len(drawn_boxes), 0, 0), np.uint8)
        target = Target(drawn_boxes, drawn_classes, ones, none, ones * 0)
        assigned = assign(probability[index], decoded[index].detach(), centres, strides, target)
        cells = torch.nonzero(assigned.rows >= 0).flatten()
        rows = assigned.rows[cells]
        values = assigned.target_scores[cells]
        classes = torch.from_numpy(drawn_classes).to(rows.device)[rows]
        scores[index, cells, classes] = torch.maximum(scores[index, cells, classes], values)
        # Also where the teacher is surer: people's boxes are tighter.
        boxes[index, cells] = torch.from_numpy(drawn_boxes).to(rows.device)[rows]
        weights[index, cells] = torch.maximum(weights[index, cells], values)
    total = weights.sum().clamp_min(1.0)
    weight = (probability - scores).abs().pow(FOCUS)
    cross_entropy = functional.binary_cross_entropy_with_logits(logits, scores, weight=weight, reduction="sum")
    view, cell = torch.nonzero(weights > 0, as_tuple=True)
    box_losses = complete_box_iou_loss(decoded[view, cell], boxes[view, cell], reduction="none")
    return {"class": cross_entropy / total, "box": (box_losses * weights[view, cell]).sum() / total}
