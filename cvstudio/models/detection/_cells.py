"""Candidates of the embedded detectors, whose cells answer boxes, classes and mask coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cvstudio.data.geometry import Size
from cvstudio.models.shared.candidates import FLOOR
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.results.masks import PrototypeMasks

if TYPE_CHECKING:
    from cvstudio.models.shared.pyramid import Raw


def candidates_of(
    raw: Raw, size: tuple[int, int], scale: tuple[float, float], labels: tuple[str, ...], picture_size: Size
) -> Detections:
    """Candidates above `FLOOR` of the first picture of a batch, with masks.

    Parameters
    ----------
    raw : outputs of the network
    size : height and width of the input
    scale : in x and y: pixels of the input per pixel of the picture
    labels : names of the classes of `raw.logits`
    picture_size : of the result
    """
    from cvstudio.models.shared.pyramid import PROTOTYPE_STRIDE, decode, places

    scores = raw.logits[0].sigmoid().flatten()
    best_indices = scores.topk(min(MAX_CANDIDATES, len(scores))).indices
    best_indices = best_indices[scores[best_indices] >= FLOOR]
    rows, classes = best_indices // len(labels), best_indices % len(labels)
    centres, strides = places(*size, raw.logits.device)
    boxes = decode(raw.distances[0][rows], centres[rows], strides[rows]).cpu().numpy()
    coefficients = raw.coefficients[0][rows].cpu().numpy()
    prototypes = raw.prototypes[0].cpu().numpy()
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
