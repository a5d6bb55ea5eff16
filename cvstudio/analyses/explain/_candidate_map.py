"""Evidence for one candidate of a detector, from the maps of its trunk and the gradient of its score.

Sources: Zhao and Chan, "ODAM: Gradient-based Instance-Specific Visual Explanations for Object Detection", ICLR 2023
(each place of a map weighted by its own gradient, which tells one object from another of its class); Selvaraju et al.,
"Grad-CAM", ICCV 2017 (mean gradients, which do not).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nearest_box
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import ScoredCandidates, ScoredDetector
from cvstudio.models.runtime.layer_outputs import as_maps, cut_outputs
from cvstudio.results.detections import Detections

if TYPE_CHECKING:
    from torch import Tensor

BY_PLACE, BY_MEAN = "Gradient × activation", "Grad-CAM"
METHODS = (BY_PLACE, BY_MEAN)


def row_at(detections: Detections, at: tuple[float, float]) -> int:
    """Row of the detection at (x, y): of those whose mask lies there the one with the smallest box, else the smallest
    box around it, else the nearest one."""
    x, y = at
    rows = [row for row in range(len(detections)) if _mask_covers(detections, row, x, y)]
    if rows:
        return rows[nearest_box(detections.boxes[rows], x, y)]
    return nearest_box(detections.boxes, x, y)


def _mask_covers(detections: Detections, row: int, x: float, y: float) -> bool:
    if detections.masks is None:
        return False
    column, line = int(x), int(y)
    return bool(detections.masks.window(row, detections.boxes[row], 1.0, column, line, column + 1, line + 1).any())


def candidate_row(scored: ScoredCandidates, detections: Detections, row: int) -> int:
    """Row in `scored` of the candidate that became the detection `row`: of its class the one with the nearest box, the
    best of several.

    Raises
    ------
    ParamsError
        No candidate has its class, as another precision than the one that found it does not find it.
    """
    own = np.flatnonzero(scored.classes == detections.classes[row])
    if not len(own):
        raise ParamsError(f"No candidate for '{detections.label(row)}' in full precision; choose another object.")
    boxes = np.clip(scored.boxes[own], 0, np.array([*detections.size, *detections.size], np.float32))
    distances = np.abs(boxes - detections.boxes[row]).max(axis=1)
    scores = scored.scores.detach().cpu().numpy()[own]
    return int(own[np.lexsort((-scores, distances.round(2)))[0]])


def candidate_maps(
    network: ScoredDetector,
    image: Image,
    params: Any,
    layer: str,
    detections: Detections,
    row: int,
    progress: Progress,
) -> tuple[dict[str, NDArray[np.float32]], ScoredCandidates]:
    """Evidence for the detection `row` by method, and the candidates, whose scores are left without gradients.

    Parameters
    ----------
    layer : name of a module; several maps of one, such as a trunk's, are added at the resolution of the finest, each
        place with its share
    params : of the network's `predict`

    Returns
    -------
    float32 (h, w) over `ScoredCandidates.rect` for each of `METHODS`; in units of the score, before the ReLU

    Raises
    ------
    ParamsError
        The layer does not exist, has no feature maps, or the score does not depend on it.
    """
    import torch

    with cut_outputs(network.model, layer) as leaves:
        scored = network.scored(image, params, progress)
        if not leaves or not scored.scores.requires_grad:
            raise ParamsError(f"The layer '{layer}' answers no maps that this score depends on; choose another one.")
        score = scored.scores[candidate_row(scored, detections, row)]
        progress.check()
        gradients = torch.autograd.grad(score, leaves, allow_unused=True)
    layout = as_maps(scored.input_size)
    pairs = [
        (layout(leaf.detach()), layout(gradient))
        for leaf, gradient in zip(leaves, gradients, strict=True)
        if gradient is not None
    ]
    maps = [(leaf[0], gradient[0]) for leaf, gradient in pairs if leaf is not None and gradient is not None]
    if not maps:
        raise ParamsError(f"The layer '{layer}' answers no maps that this score depends on; choose another one.")
    by_place = [(leaf * gradient).sum(dim=0) for leaf, gradient in maps]
    by_mean = [(leaf * gradient.mean(dim=(1, 2), keepdim=True)).sum(dim=0) for leaf, gradient in maps]
    # Without its graph, which holds what the network computed.
    scored = scored._replace(scores=scored.scores.detach())
    return {BY_PLACE: added(by_place), BY_MEAN: added(by_mean)}, scored


def added(maps: Sequence[Tensor]) -> NDArray[np.float32]:
    """Sum of maps (h, w) of several resolutions at the finest, float32; each keeps its total."""
    import cv2

    arrays = [level.float().cpu().numpy() for level in maps]
    height, width = max((level.shape for level in arrays), key=lambda shape: shape[0] * shape[1])
    total = np.zeros((height, width), np.float32)
    for level in arrays:
        wide = level if level.shape == (height, width) else cv2.resize(level, (width, height))
        total += wide * np.float32(level.size / total.size)
    return total
