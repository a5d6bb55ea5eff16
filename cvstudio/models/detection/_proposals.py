"""Looking into torchvision's detectors with anchors: what they say before and after their last step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cvstudio.models.shared.coco import LABELS
from cvstudio.results.proposals import Level, Proposals

if TYPE_CHECKING:
    from torch import Tensor


class Regions(NamedTuple):
    """What a network says of its regions, in pixels of the batch.

    anchors (n, 4); maps : (rows, columns) of each level; before, after (m, 4); promise, scores (m,); outputs int64
    (m,), of the likeliest class; two_stages : whether `proposal_boxes` are proposals
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
    """The score and the output of the likeliest class of each row of `scores` (m, outputs), of those that have a
    label."""
    known = scores.masked_fill(label_of < 0, -1.0)
    best, outputs = known.max(dim=-1)
    return best, outputs


def to_picture(
    found: Regions, per_place: Sequence[int], label_of: Tensor, batch_size: tuple[int, int], size: Any
) -> Proposals:
    """`found` in pixels of a picture of `size`, which is `batch_size` (height, width) large in the batch."""
    across, down = size.width / batch_size[1], size.height / batch_size[0]

    def moved(boxes: Tensor) -> Any:
        scaled = boxes.float().cpu().numpy() * np.array([across, down, across, down], np.float32)
        return scaled.astype(np.float32)

    levels, first = [], 0
    anchors = moved(found.anchors)
    for (rows, columns), count in zip(found.maps, per_place, strict=True):
        here = anchors[first : first + rows * columns * count].reshape(rows, columns, count, 4)
        levels.append(Level(rows, columns, count, _middle(here[0, 0, 0]), _stride(here), first))
        first += rows * columns * count
    return Proposals(
        anchors,
        tuple(levels),
        moved(found.proposal_boxes),
        found.objectness.float().cpu().numpy(),
        moved(found.refined_boxes),
        found.scores.float().cpu().numpy(),
        label_of[found.outputs].cpu().numpy().astype(np.int64),
        LABELS,
        size,
        found.two_stages,
    )


def _middle(box: Any) -> tuple[float, float]:
    return float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2


def _stride(boxes: Any) -> tuple[float, float]:
    """x, y from one place to the next; infinite where there is only one."""
    x, y = _middle(boxes[0, 0, 0])
    right = _middle(boxes[0, 1, 0])[0] - x if boxes.shape[1] > 1 else float("inf")
    down = _middle(boxes[1, 0, 0])[1] - y if boxes.shape[0] > 1 else float("inf")
    return right, down
