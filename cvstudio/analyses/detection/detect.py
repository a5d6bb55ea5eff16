"""Object detection: candidates of the network, and live suppression and selection after it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.detection._tracking import Tracking
from cvstudio.analyses.slicing import SliceParams, predicted
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.boxes import nms
from cvstudio.data.tiles import Tile
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.results.joined import join_detections


@dataclass(frozen=True)
class SuppressParams:
    """Parameters of non-maximum suppression."""

    iou: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Overlap (IoU)",
            "Of two boxes that overlap more than this, only the more confident one is kept.",
            "Lower it where one object has several boxes, raise it where neighbouring objects lose theirs; 1 "
            "keeps all.",
        ),
    ] = 0.5
    class_wise: Annotated[
        bool,
        Doc(
            "Per class",
            "Boxes of different classes never suppress each other.",
            "Switch it off where one object is found as two classes.",
            more=True,
        ),
    ] = True


@dataclass(frozen=True)
class SelectParams:
    """Selection of the boxes that are shown."""

    score: Annotated[
        float,
        Range(0, 1, step=0.01, from_model="score"),
        Doc(
            "Minimum confidence",
            "Hides results with a lower confidence.",
            "Lower it until false alarms appear, then raise it a little.",
        ),
    ] = 0.4
    classes: Annotated[
        tuple[str, ...],
        Choices(from_model="labels"),
        Doc(
            "Classes", "Shows only these classes; none selected shows all.", "Try one class, then lower the confidence."
        ),
    ] = ()
    max_count: Annotated[
        int,
        Range(1, MAX_CANDIDATES, step=1),
        Doc(
            "Maximum results",
            "Shows at most this many, the most confident first.",
            "Try 1 to see the model's best guess.",
            more=True,
        ),
    ] = 300


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[Detections]:
    """Stage: picture -> candidates of the network, with their source; in slices, successively more of them."""
    image = inputs.samples["picture"]

    def join(found: Sequence[tuple[Tile, Detections]]) -> Detections:
        return join_detections(found, image.size)

    for detections in predicted(inputs.network, image, params, progress, join, trunk=inputs.trunk, kept=inputs.parts):
        yield dataclasses.replace(detections, source=inputs.source)


def suppress(inputs: Inputs, params: SuppressParams, progress: Progress) -> Iterator[Detections]:
    """Stage: greedy non-maximum suppression of candidates of every score.

    It runs before the threshold so that the score slider does not repeat it: suppression of a box depends on better
    boxes only, so the order of both makes no difference.
    """
    detections: Detections = inputs.previous
    yield detections.take(
        nms(detections.boxes, detections.scores, detections.classes if params.class_wise else None, params.iou)
    )


def select(inputs: Inputs, params: SelectParams, progress: Progress) -> Iterator[Detections]:
    """Stage: selection by score, class and count. Raises ParamsError for a class that the model does not know."""
    detections: Detections = inputs.previous
    shown = detections.scores >= params.score
    if params.classes:
        unknown = [name for name in params.classes if name not in detections.labels]
        if unknown:
            raise ParamsError(f"This model has no class '{unknown[0]}'; it has: {', '.join(detections.labels)}.")
        shown &= np.isin(detections.classes, [detections.labels.index(name) for name in params.classes])
    yield dataclasses.replace(detections.take(np.flatnonzero(shown)[: params.max_count]), candidates=detections)


ANALYSES.register(
    Analysis(
        key="detect",
        title="Object detection",
        summary="Finds objects, and draws a box around each with its class and score.",
        action="Find objects",
        icon="scan-search",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage(
                "predict",
                predict,
                NoParams,
                where="accelerator",
                uses_network=True,
                on_trunk=True,
                beside_model=SliceParams,
            ),
            Stage("suppress", suppress, SuppressParams, where="main"),
            Stage("select", select, SelectParams, where="main"),
        ),
        temporal=Tracking("suppress"),
        result=Detections,
        order=10,
        task="detect",
        default_model="pyramid-lite0",
        samples={"picture": "street"},
        keywords=(
            "object detection",
            "detection",
            "detector",
            "bounding box",
            "confidence",
            "score threshold",
            "localization",
            "객체 검출",
            "물체 검출",
            "객체 탐지",
            "바운딩 박스",
            "tracking",
            "object tracking",
            "multi-object tracking",
            "ByteTrack",
            "객체 추적",
            "sliced inference",
            "SAHI",
            "tiles",
            "slices",
            "small objects",
            "large pictures",
            "타일",
            "작은 물체",
            "count objects",
            "people counter",
            "traffic counter",
            "counting line",
            "line crossing",
            "counting zone",
            "dwell time",
            "개수 세기",
            "통행량",
            "체류 시간",
        ),
    )
)
