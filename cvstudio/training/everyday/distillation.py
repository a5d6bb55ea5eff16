"""Losses by which the student learns the teacher's fused maps and its outputs at every cell.

Sources: Chen et al., "Knowledge Distillation with the Reused Teacher Classifier", CVPR 2022 (equation 3, the maps in
front of a head that is the teacher's); Hinton et al., "Distilling the Knowledge in a Neural Network", 2014, in the
binary form of a detector; Li et al., "Generalized Focal Loss", NeurIPS 2020 (equation 5: cells on which both agree
count less); Zheng et al., "Distance-IoU Loss", AAAI 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cvstudio.training.everyday.teacher import SIZE, STRIDES

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.training.everyday.chunks import DenseBatch

BACKGROUND = 0.1
"""Weight in the loss of the maps of a cell where the teacher sees nothing; where it is sure of a thing it is 1 more."""


def output_losses(objectness: Tensor, classes: Tensor, boxes: Tensor, batch: DenseBatch) -> dict[str, Tensor]:
    """Losses of the outputs by name: "object", "class" and "box".

    `objectness` (n, cells, 1) and `classes` (n, cells, classes) are logits; `boxes` (n, cells, 4) in input pixels.
    """
    from torch.nn import functional
    from torchvision.ops import complete_box_iou_loss

    logits = objectness[..., 0]
    total = batch.objectness.sum().clamp_min(1.0)
    focus = (logits.detach().sigmoid() - batch.objectness).abs()
    of_object = functional.binary_cross_entropy_with_logits(logits, batch.objectness, weight=focus, reduction="sum")
    weights = batch.objectness[batch.view, batch.cell]
    of_class = functional.binary_cross_entropy_with_logits(
        classes[batch.view, batch.cell], batch.classes, reduction="none"
    )
    of_box = complete_box_iou_loss(boxes[batch.view, batch.cell], batch.boxes, reduction="none")
    return {
        "object": of_object / total,
        "class": (of_class.sum(dim=1) * weights).sum() / total,
        "box": (of_box * weights).sum() / total,
    }


def map_loss(maps: list[Tensor], batch: DenseBatch, deviations: list[Tensor]) -> Tensor:
    """Mean square of the difference from the teacher's maps, in standard deviations of each channel, over the levels.

    `deviations` (channels,) of each level.
    """
    import torch

    sizes = [(SIZE // stride) ** 2 for stride in STRIDES]
    weights = torch.split(batch.objectness + BACKGROUND, sizes, dim=1)
    total = maps[0].new_zeros(())
    for own, taught, weight, deviation in zip(maps, batch.taught, weights, deviations, strict=True):
        difference = (own - taught) / deviation[:, None, None]
        of_cells = difference.square().mean(dim=1).flatten(1)
        total = total + (of_cells * weight).sum() / weight.sum()
    return total / len(maps)
