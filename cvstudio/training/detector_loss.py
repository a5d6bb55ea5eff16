"""What the detector is taught at each place of its maps.

Sources: Feng et al., "TOOD: Task-aligned One-stage Object Detection", ICCV 2021 (section 3.2: which places learn a
box, and how sure they should be); Zhang et al., "VarifocalNet", CVPR 2021 (section 3.3, the class loss); Zheng et al.,
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
"""Places that learn each box."""

ALPHA, BETA = 0.5, 6.0
"""Powers of score and IoU in the alignment."""

MASKS = 24
"""Places of a picture that learn their mask; more cost time and teach the same."""


@dataclass(frozen=True)
class Assigned:
    """For each place: row of its box, -1 for none (places,); how sure it should be 0..1 (places,); whether nothing is
    to be learnt there (places,)."""

    rows: Tensor
    sure: Tensor
    ignored: Tensor


def assign(scores: Tensor, boxes: Tensor, centres: Tensor, strides: Tensor, target: Target) -> Assigned:
    """Which box each place learns, by how well it already predicts it.

    `scores` (places, classes) 0..1 and `boxes` (places, 4) are predictions without gradients; `centres` (places, 2);
    `strides` (places,).
    """
    import torch
    from torchvision.ops import box_iou

    device = scores.device
    count = len(scores)
    rows = torch.full((count,), -1, dtype=torch.long, device=device)
    sure = torch.zeros(count, device=device)
    ignored = torch.zeros(count, dtype=torch.bool, device=device)
    given = torch.from_numpy(target.boxes).to(device)
    if not len(given):
        return Assigned(rows, sure, ignored)
    weights = torch.from_numpy(target.weights).to(device)
    x, y = centres[:, 0, None], centres[:, 1, None]
    margin = torch.minimum(
        torch.minimum(x - given[:, 0], y - given[:, 1]), torch.minimum(given[:, 2] - x, given[:, 3] - y)
    )
    # A box smaller than the grid is learnt by the place next to its middle.
    middle = (given[:, :2] + given[:, 2:]) / 2
    near = ((centres[:, None] - middle).abs().amax(dim=2) < strides[:, None] / 2) & (strides[:, None] == 8)
    inside = (margin > 0) | near
    ignored = (inside & (weights == 0)).any(dim=1)
    iou = box_iou(boxes, given)
    classes = torch.from_numpy(target.classes).to(device)
    alignment = scores[:, classes] ** ALPHA * iou**BETA * inside * (weights > 0)
    # Where no place comes near a box yet, the tiny term lets the closest to its middle begin.
    reach = ((centres[:, None] - middle).square().sum(dim=2) + 1).reciprocal()
    order = alignment + 1e-12 * reach * inside * (weights > 0)
    best = order.topk(min(TOP, count), dim=0)
    chosen = torch.zeros_like(order, dtype=torch.bool).scatter_(0, best.indices, best.values > 0)
    claims = torch.where(chosen, iou + 1e-6, iou.new_zeros(()))
    value, row = claims.max(dim=1)
    taken = value > 0
    rows[taken] = row[taken]
    # The best place of each box should be as sure as its box is good, the others less in proportion.
    owned = alignment * torch.nn.functional.one_hot(row, len(given)) * taken[:, None]
    peak = owned.amax(dim=0).clamp_min(1e-12)
    quality = (iou * torch.nn.functional.one_hot(row, len(given)) * taken[:, None]).amax(dim=0)
    share = (owned / peak * quality)[torch.arange(count, device=device), row]
    sure[taken] = (share * weights[row])[taken]
    return Assigned(rows, sure, ignored & ~taken)


def losses(raw: Raw, centres: Tensor, strides: Tensor, decoded: Tensor, targets: list[Target]) -> dict[str, Tensor]:
    """Class, box and mask loss of a batch; `decoded` (n, places, 4) are the boxes of `raw` in input pixels."""
    import torch
    from torch.nn import functional
    from torchvision.ops import complete_box_iou_loss

    probability = raw.logits.detach().sigmoid()
    assigned = [
        assign(probability[i], decoded[i].detach(), centres, strides, target) for i, target in enumerate(targets)
    ]
    wanted = torch.zeros_like(raw.logits)
    box_loss, mask_loss = raw.logits.new_zeros(()), raw.logits.new_zeros(())
    mask_count = 0.0
    for i, (found, target) in enumerate(zip(assigned, targets, strict=True)):
        places = torch.nonzero(found.rows >= 0).flatten()
        if not len(places):
            continue
        rows = found.rows[places]
        classes = torch.from_numpy(target.classes).to(rows.device)[rows]
        wanted[i, places, classes] = found.sure[places]
        given = torch.from_numpy(target.boxes).to(rows.device)[rows]
        each = complete_box_iou_loss(decoded[i, places], given, reduction="none")
        box_loss = box_loss + (each * found.sure[places]).sum()
        loss, count = _mask_loss(raw, i, places, rows, target, given)
        mask_loss, mask_count = mask_loss + loss, mask_count + count
    total = wanted.sum().clamp_min(1.0)
    weight = torch.where(wanted > 0, wanted, 0.75 * probability.square())
    weight = weight * ~torch.stack([found.ignored for found in assigned])[..., None]
    cross = functional.binary_cross_entropy_with_logits(raw.logits, wanted, reduction="none")
    return {
        "class": (cross * weight).sum() / total,
        "box": box_loss / total,
        "mask": mask_loss / max(1.0, mask_count),
    }


def _mask_loss(raw: Raw, i: int, places: Tensor, rows: Tensor, target: Target, given: Tensor) -> tuple[Tensor, float]:
    """Cross entropy within the box, summed over places by their weight, and the sum of the weights."""
    import torch
    from torch.nn import functional

    weights = torch.from_numpy(target.mask_weights).to(rows.device)[rows]
    with_mask = torch.nonzero(weights > 0).flatten()
    if not len(with_mask):
        return raw.logits.new_zeros(()), 0.0
    if len(with_mask) > MASKS:
        with_mask = with_mask[torch.linspace(0, len(with_mask) - 1, MASKS, device=rows.device).long()]
    prototypes = raw.prototypes[i]
    predicted = torch.einsum("nk,khw->nhw", raw.coefficients[i, places[with_mask]], prototypes)
    height, width = predicted.shape[-2:]
    drawn = torch.from_numpy(target.masks[rows[with_mask].cpu().numpy()][:, :height, :width].astype(np.float32))
    drawn = drawn.to(rows.device)
    boxes = given[with_mask] / MASK_STRIDE
    y = torch.arange(height, device=rows.device)[:, None] + 0.5
    x = torch.arange(width, device=rows.device)[None] + 0.5
    x1, y1, x2, y2 = (boxes[:, k, None, None] for k in range(4))
    inside = ((x > x1 - 1) & (x < x2 + 1) & (y > y1 - 1) & (y < y2 + 1)).float()
    cross = functional.binary_cross_entropy_with_logits(predicted, drawn, reduction="none") * inside
    each = cross.sum(dim=(1, 2)) / inside.sum(dim=(1, 2)).clamp_min(1)
    return (each * weights[with_mask]).sum(), float(weights[with_mask].sum())
