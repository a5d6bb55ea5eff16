"""Keypoint detection: named points of persons or other objects, with a threshold after the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.params import Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.keypoints import Keypoints


@dataclass(frozen=True)
class PointParams:
    """Threshold of the keypoints."""

    certainty: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Threshold",
            "Hides points whose heat map has a lower peak than this.",
            "Lower it until false points appear, then raise it a little.",
        ),
    ] = 0.3


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[Keypoints]:
    """Stage: picture -> keypoints of the network, with their source."""
    keypoints: Keypoints = inputs.network.predict(inputs.samples["picture"], params, progress)
    yield dataclasses.replace(keypoints, source=inputs.source)


def select(inputs: Inputs, params: PointParams, progress: Progress) -> Iterator[Keypoints]:
    """Stage: keypoints -> the same keypoints with a threshold."""
    yield dataclasses.replace(inputs.previous, threshold=params.certainty)


ANALYSES.register(
    Analysis(
        key="keypoints",
        title="Keypoint detection",
        summary="Marks the joints of people, or other named points, with your own network.",
        action="Find key points",
        icon="scan-face",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True),
            Stage("select", select, PointParams, where="main"),
        ),
        result=Keypoints,
        order=40,
        task="keypoints",
        samples={"picture": "cat"},
        keywords=(
            "key points",
            "pose estimation",
            "landmarks",
            "heat map",
            "skeleton",
            "SimplePose",
            "own model",
            "키포인트 검출",
            "자세 추정",
        ),
    )
)
