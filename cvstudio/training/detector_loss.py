"""Label assignment and losses of the detector.

Sources: Feng et al., "TOOD: Task-aligned One-stage Object Detection", ICCV 2021 (section 3.2: assignment of cells to
boxes, and their target scores); Zhang et al., "VarifocalNet", CVPR 2021 (section 3.3, the class loss); Zheng et al.,
"Distance-IoU Loss", AAAI 2020 (the box loss); Bolya et al., "YOLACT", ICCV 2019 (section 3.4, the mask loss).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cvstudio.training.detector_views import MASK_STRIDE, Target

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.models.shared.pyramid import Raw

TOP = 10
"""Largest number of cells assigned to each box."""

ALPHA, BETA = 0.5, 6.0
"""Exponents of score and IoU in the alignment metric."""

MASKS = 24
"""Largest number of cells of a picture in the mask loss; more cost time and add nothing."""


@dataclass(frozen=True)
class Assigned:
    """Assignment of each cell: `rows` int64 (cells,), its box or -1; `target_scores` float (cells,), 0..1; `ignored`
    bool (cells,), excluded from the loss."""

    rows: Tensor
    target_scores: Tensor
    ignored: Tensor


def assign(scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, target: Target) -> Assigned:
    """Assign cells to boxes by how well they already predict them (task-aligned assignment).

    `scores` (cells, classes) 0..1 and `boxes` (cells, 4) are predictions without gradients; `centres` (cells, 2) and
    `strides` (cells,) in input pixels.
    """
    import torch
    from torchvision.ops import box_iou

    device = scores.device
    count = len(scores)
    rows = torch.full((count,), -1, dtype=torch.long, device=device)
    target_scores = torch.zeros(count, device=device)
    ignored = torch.zeros(count, dtype=torch.bool, device=device)
    true_boxes = torch.from_numpy(target.boxes).to(device)
    if not len(true_boxes):
        return Assigned(rows, target_scores, ignored)
    weights = torch.from_numpy(target.weights).to(device)
    x, y = centres[:, 0, None], centres[:, 1, None]
    margin = torch.minimum(
        torch.minimum(x - true_boxes[:, 0], y - true_boxes[:, 1]),
        torch.minimum(true_boxes[:, 2] - x, true_boxes[:, 3] - y),
    )
    # A box smaller than the grid still gets the finest cell at its centre.
    box_centres = (true_boxes[:, :2] + true_boxes[:, 2:]) / 2
    is_nearest = ((centres[:, None] - box_centres).abs().amax(dim=2) < strides[:, None] / 2) & (strides[:, None] == 8)
    inside = (margin > 0) | is_nearest
    ignored = (inside & (weights == 0)).any(dim=1)
    iou = box_iou(boxes, true_boxes)
    classes = torch.from_numpy(target.classes).to(device)
    alignment = scores[:, classes] ** ALPHA * iou**BETA * inside * (weights > 0)
    # Where no cell overlaps a box yet, the tiny term selects those closest to its centre.
    proximity = ((centres[:, None] - box_centres).square().sum(dim=2) + 1).reciprocal()
    ranking = alignment + 1e-12 * proximity * inside * (weights > 0)
    top = ranking.topk(min(TOP, count), dim=0)
    is_candidate = torch.zeros_like(ranking, dtype=torch.bool).scatter_(0, top.indices, top.values > 0)
    candidate_iou = torch.where(is_candidate, iou + 1e-6, iou.new_zeros(()))
    best_iou, best_row = candidate_iou.max(dim=1)
    is_assigned = best_iou > 0
    rows[is_assigned] = best_row[is_assigned]
    # The target score of a box's best cell is its IoU; those of the others are lower in proportion.
    own_alignment = alignment * torch.nn.functional.one_hot(best_row, len(true_boxes)) * is_assigned[:, None]
    peak = own_alignment.amax(dim=0).clamp_min(1e-12)
    quality = (iou * torch.nn.functional.one_hot(best_row, len(true_boxes)) * is_assigned[:, None]).amax(dim=0)
    target_score = (own_alignment / peak * quality)[torch.arange(count, device=device), best_row]
    target_scores[is_assigned] = (target_score * weights[best_row])[is_assigned]
    return Assigned(rows, target_scores, ignored & ~is_assigned)


def losses(raw: Raw, centres: Tensor, strides: Tensor, decoded: Tensor, targets: list[Target]) -> dict[str, Tensor]:
    """Class, box and mask loss of a batch, by name; `decoded` (n, cells, 4) are the boxes of `raw` in input pixels."""
    import torch
    from torch.nn import functional
    from torchvision.ops import complete_box_iou_loss

    probability = raw.logits.detach().sigmoid()
    assignments = [
        assign(probability[i], decoded[i].detach(), centres, strides, target) for i, target in enumerate(targets)
    ]
    class_targets = torch.zeros_like(raw.logits)
    box_loss, mask_loss = raw.logits.new_zeros(()), raw.logits.new_zeros(())
    mask_count = 0.0
    for i, (assignment, target) in enumerate(zip(assignments, targets, strict=True)):
        cells = torch.nonzero(assignment.rows >= 0).flatten()
        if not len(cells):
            continue
        rows = assignment.rows[cells]
        classes = torch.from_numpy(target.classes).to(rows.device)[rows]
        class_targets[i, cells, classes] = assignment.target_scores[cells]
        true_boxes = torch.from_numpy(target.boxes).to(rows.device)[rows]
        box_losses = complete_box_iou_loss(decoded[i, cells], true_boxes, reduction="none")
        box_loss = box_loss + (box_losses * assignment.target_scores[cells]).sum()
        loss, count = mask_loss_of(raw, i, cells, rows, target, true_boxes)
        mask_loss, mask_count = mask_loss + loss, mask_count + count
    total = class_targets.sum().clamp_min(1.0)
    weight = torch.where(class_targets > 0, class_targets, 0.75 * probability.square())
    weight = weight * ~torch.stack([assignment.ignored for assignment in assignments])[..., None]
    cross_entropy = functional.binary_cross_entropy_with_logits(raw.logits, class_targets, reduction="none")
    return {
        "class": (cross_entropy * weight).sum() / total,
        "box": box_loss / total,
        "mask": mask_loss / max(1.0, mask_count),
    }


def mask_loss_of(
    raw: Raw, i: int, cells: Tensor, rows: Tensor, target: Target, true_boxes: Tensor
) -> tuple[Tensor, float]:
    """Cross entropy of masks within their boxes, as a weighted sum over cells, and the sum of the weights."""
    import torch
    from torch.nn import functional

    weights = torch.from_numpy(target.mask_weights).to(rows.device)[rows]
    with_mask = torch.nonzero(weights > 0).flatten()
    if not len(with_mask):
        return raw.logits.new_zeros(()), 0.0
    if len(with_mask) > MASKS:
        with_mask = with_mask[torch.linspace(0, len(with_mask) - 1, MASKS, device=rows.device).long()]
    prototypes = raw.prototypes[i]
    predicted = torch.einsum("nk,khw->nhw", raw.coefficients[i, cells[with_mask]], prototypes)
    height, width = predicted.shape[-2:]
    true_masks = torch.from_numpy(target.masks[rows[with_mask].cpu().numpy()][:, :height, :width].astype(np.float32))
    true_masks = true_masks.to(rows.device)
    boxes = true_boxes[with_mask] / MASK_STRIDE
    y = torch.arange(height, device=rows.device)[:, None] + 0.5
    x = torch.arange(width, device=rows.device)[None] + 0.5
    x1, y1, x2, y2 = (boxes[:, k, None, None] for k in range(4))
    inside = ((x > x1 - 1) & (x < x2 + 1) & (y > y1 - 1) & (y < y2 + 1)).float()
    cross_entropy = functional.binary_cross_entropy_with_logits(predicted, true_masks, reduction="none") * inside
    mask_losses = cross_entropy.sum(dim=(1, 2)) / inside.sum(dim=(1, 2)).clamp_min(1)
    return (mask_losses * weights[with_mask]).sum(), float(weights[with_mask].sum())
