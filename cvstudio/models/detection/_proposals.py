"""Proposals of torchvision's detectors with anchors: boxes before and after the last refinement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cvstudio.models.shared.coco import LABELS
from cvstudio.results.proposals import Level, Proposals

if TYPE_CHECKING:
    from torch import Tensor


class Regions(NamedTuple):
    """Anchors, proposals and refined boxes of one picture, x1, y1, x2, y2 in pixels of the batch.

    anchors (n, 4); maps : (rows, columns) of each level; proposal_boxes, refined_boxes (m, 4); objectness, scores
    (m,), 0..1; outputs int64 (m,), of the most probable class; two_stages : whether `proposal_boxes` are proposals of
    a first stage
    """

    anchors: Tensor
    maps: tuple[tuple[int, int], ...]
    proposal_boxes: Tensor
    objectness: Tensor
    refined_boxes: Tensor
    scores: Tensor
    outputs: Tensor
    two_stages: bool


def map_sizes(features: Sequence[Tensor]) -> tuple[tuple[int, int], ...]:
    """Rows and columns of each map."""
    return tuple((int(level.shape[-2]), int(level.shape[-1])) for level in features)


def likeliest(scores: Tensor, label_of: Tensor) -> tuple[Tensor, Tensor]:
    """Score (m,) and output int64 (m,) of the most probable class in each row of `scores` (m, outputs).

    Outputs without a label are left out.
    """
    labelled_scores = scores.masked_fill(label_of < 0, -1.0)
    best, outputs = labelled_scores.max(dim=-1)
    return best, outputs


def to_picture(
    regions: Regions, per_place: Sequence[int], label_of: Tensor, batch_size: tuple[int, int], size: Any
) -> Proposals:
    """Convert `regions` to pixels of a picture of `size`, which takes `batch_size` (height, width) in the batch."""
    x_scale, y_scale = size.width / batch_size[1], size.height / batch_size[0]

    def scaled_to_picture(boxes: Tensor) -> Any:
        boxes_in_picture = boxes.float().cpu().numpy() * np.array([x_scale, y_scale, x_scale, y_scale], np.float32)
        return boxes_in_picture.astype(np.float32)

    levels, first_anchor = [], 0
    anchors = scaled_to_picture(regions.anchors)
    for (rows, columns), per_cell in zip(regions.maps, per_place, strict=True):
        level_anchors = anchors[first_anchor : first_anchor + rows * columns * per_cell].reshape(
            rows, columns, per_cell, 4
        )
        levels.append(
            Level(rows, columns, per_cell, _centre(level_anchors[0, 0, 0]), _stride(level_anchors), first_anchor)
        )
        first_anchor += rows * columns * per_cell
    return Proposals(
        anchors,
        tuple(levels),
        scaled_to_picture(regions.proposal_boxes),
        regions.objectness.float().cpu().numpy(),
        scaled_to_picture(regions.refined_boxes),
        regions.scores.float().cpu().numpy(),
        label_of[regions.outputs].cpu().numpy().astype(np.int64),
        LABELS,
        size,
        regions.two_stages,
    )


def _centre(box: Any) -> tuple[float, float]:
    return float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2


def _stride(boxes: Any) -> tuple[float, float]:
    """Distance x, y between neighbouring cells; infinite where there is only one."""
    x, y = _centre(boxes[0, 0, 0])
    right = _centre(boxes[0, 1, 0])[0] - x if boxes.shape[1] > 1 else float("inf")
    down = _centre(boxes[1, 0, 0])[1] - y if boxes.shape[0] > 1 else float("inf")
    return right, down
