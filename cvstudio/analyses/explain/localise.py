"""Weakly supervised localisation: boxes around the evidence in a heat map of a classifier, which never saw a box.

Source: Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, section 3.2: the box around
the largest connected part of the map above 20 % of its maximum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap

FINE = 256
"""Least number of rows and columns to which a coarse map is enlarged before its threshold."""


@dataclass(frozen=True)
class LocaliseParams:
    """What becomes a box."""

    evidence: Annotated[
        float,
        Range(0.02, 0.98),
        Doc("Evidence", "Least value inside of a box, as a share of the map's maximum.", "The paper takes .2."),
    ] = 0.2
    boxes: Annotated[
        int,
        Range(1, 20, step=1),
        Doc("Most boxes", "Number of connected parts of the map that become boxes.", "1 as in the paper."),
    ] = 1


def run_boxes(inputs: Inputs, params: LocaliseParams, progress: Progress) -> Iterator[Detections]:
    """Stage: heat map -> boxes around its connected parts above a share of its maximum."""
    heat: HeatMap = inputs.samples["map"]
    boxes, shares = evidence_boxes(heat, params.evidence)
    boxes, shares = boxes[: params.boxes], shares[: params.boxes]
    yield Detections(
        boxes,
        shares,
        np.zeros(len(boxes), np.int64),
        (heat.label or "evidence",),
        np.arange(len(boxes)),
        heat.size,
        "share",
        inputs.source,
    )


def evidence_boxes(heat: HeatMap, evidence: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes around the connected parts of a map above the share `evidence` of its maximum.

    Returns
    -------
    boxes : float32 (n, 4), x1, y1, x2, y2 in image pixels, the largest part first; none where nothing is positive
    shares : float32 (n,), share of each part in all positive evidence
    """
    import cv2

    high = float(heat.values.max())
    if high <= 0:
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
    height, width = heat.values.shape
    factor = max(1, -(-FINE // min(height, width)))
    values = np.asarray(
        cv2.resize(heat.values, (width * factor, height * factor), interpolation=cv2.INTER_LINEAR), np.float32
    )
    count, parts, statistics, _ = cv2.connectedComponentsWithStats((values >= evidence * high).astype(np.uint8))
    positive = np.maximum(values, 0)
    sums = np.bincount(parts.ravel(), weights=positive.ravel(), minlength=count)[1:]
    left, top, wide, tall, areas = statistics[1:].T.astype(np.float64)
    x_scale, y_scale = heat.rect.width / values.shape[1], heat.rect.height / values.shape[0]
    x, y = heat.rect.x + left * x_scale, heat.rect.y + top * y_scale
    boxes = np.stack([x, y, x + wide * x_scale, y + tall * y_scale], axis=1).astype(np.float32)
    order = np.lexsort((-areas, -sums))
    return boxes[order], (sums[order] / positive.sum()).astype(np.float32)


ANALYSES.register(
    Analysis(
        key="localise",
        title="Weakly supervised localisation",
        summary="Draws boxes around the evidence in a heat map of a classifier.",
        action="Box what a classifier looks at",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO, Slot("map", "Heat map", frozenset({HeatMap}))),
        stages=(Stage("boxes", run_boxes, LocaliseParams),),
        result=Detections,
        order=28,
        samples={"picture": "coffee"},
        on_start_page=False,
        keywords=(
            *("weakly supervised", "localization", "localisation", "CAM", "box", "bounding box", "heat map"),
            *("약한 지도 학습", "약지도 위치 추정", "바운딩 박스"),
        ),
    )
)
