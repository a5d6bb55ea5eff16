"""Conversion of OpenCV's rectangles to candidates."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections


def from_rects(
    rects: NDArray[Any], scores: NDArray[Any], labels: tuple[str, ...], size: Size, score_kind: str
) -> Detections:
    """Candidates of a detector with one class.

    Parameters
    ----------
    rects : (n, 4)
        x, y, width, height in image pixels, in any order, which varies with OpenCV's threads.
    scores : (n,)
    labels, size, score_kind : as in `Detections`

    Returns
    -------
    Detections
        The best `MAX_CANDIDATES`, by descending score, equal ones from the top left.
    """
    x, y, width, height = rects.T
    order = np.lexsort((height, width, x, y, -scores))[:MAX_CANDIDATES]
    boxes = np.stack((x, y, x + width, y + height), axis=1)[order]
    n = len(order)
    return Detections(
        boxes.astype(np.float32),
        scores[order].astype(np.float32),
        np.zeros(n, np.int64),
        labels,
        np.arange(n, dtype=np.int64),
        size,
        score_kind,
    )
