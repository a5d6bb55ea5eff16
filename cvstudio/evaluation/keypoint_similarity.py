"""Object keypoint similarity (OKS), the overlap of key points, as COCO's own evaluation has it.

Source: https://cocodataset.org/#keypoints-eval; Ronchi and Perona, "Benchmarking and Error Diagnosis in Multi-Instance
Pose Estimation", ICCV 2017, section 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COCO_SIGMAS = (
    np.array([0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89])
    / 10.0
)
"""How far people who label disagree about each of COCO's 17 points, as a part of the object's size."""

SIGMA = 0.05
"""The same for points of other sets, where nobody has measured it: as of COCO's wrists and shoulders."""


def sigmas(n_points: int) -> NDArray[np.float64]:
    """COCO's tolerances for 17 points, `SIGMA` for any other number, float64 (k,)."""
    return COCO_SIGMAS if n_points == len(COCO_SIGMAS) else np.full(n_points, SIGMA)


def keypoint_similarity(
    points: NDArray[np.floating],
    truth: NDArray[np.floating],
    boxes: NDArray[np.float64],
    areas: NDArray[np.float64],
) -> NDArray[np.float64]:
    """OKS 0..1 of each prediction with each true object, float64 (n, m).

    Parameters
    ----------
    points : float (n, k, 2), x, y
    truth : float (m, k, 3), x, y and visibility; points of visibility 0 do not count
    boxes : float64 (m, 4), x, y, width, height of the true objects
    areas : float64 (m,), of the true objects
    """
    similarity = np.zeros((len(points), len(truth)))
    variances = (sigmas(truth.shape[1]) * 2) ** 2 if truth.ndim == 3 else np.zeros(0)
    found = points.astype(np.float64)
    for column, (labelled, box, area) in enumerate(zip(truth.astype(np.float64), boxes, areas, strict=True)):
        visible = labelled[:, 2] > 0
        if visible.any():
            offsets = found - labelled[None, :, :2]
        else:
            # An object without points: how far the prediction reaches out of twice its box.
            low, high = box[:2] - box[2:], box[:2] + box[2:] * 2
            offsets = np.maximum(0, low - found) + np.maximum(0, found - high)
            visible = np.ones(len(labelled), bool)
        errors = (offsets**2).sum(axis=2) / variances / (area + np.spacing(1)) / 2
        similarity[:, column] = np.exp(-errors[:, visible]).sum(axis=1) / visible.sum()
    return similarity
