"""Non-maximum suppression step by step, on the candidates of any detector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.detection.detect import SuppressParams, predict
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.boxes import iou_with, is_above, nms
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections
from cvstudio.results.suppression import Suppression


@dataclass(frozen=True)
class CandidateParams:
    """Selection of the candidates of suppression."""

    score: Annotated[
        float,
        Range(0, 1, step=0.01, from_model="score"),
        Doc(
            "Minimum confidence",
            "Leaves out candidates with a lower confidence.",
            "Lower it to see how many boxes there really are.",
        ),
    ] = 0.4
    classes: Annotated[
        tuple[str, ...],
        Choices(from_model="labels"),
        Doc("Classes", "Only these classes go in; none selected takes all.", "Try one class in a crowd."),
    ] = ()


@dataclass(frozen=True)
class StepParams:
    """The step that is shown."""

    step: Annotated[
        int,
        Range(0, 2 * MAX_CANDIDATES, step=1, from_input="picture"),
        Doc(
            "Step",
            "0 shows all candidates; then, in turn, the best remaining box is selected and the boxes that "
            "overlap it are suppressed.",
            "Go on with the full stop and back with the comma.",
        ),
    ] = 0


def choose(inputs: Inputs, params: CandidateParams, progress: Progress) -> Iterator[Detections]:
    """Stage: detections -> candidates of suppression, the best first."""
    yield filtered(inputs.previous, params.score, params.classes)


def filtered(detections: Detections, score: float, classes: tuple[str, ...]) -> Detections:
    """Rows of `detections` with at least `score` and of `classes` (all where empty)."""
    selected = detections.scores >= score
    if classes:
        selected &= np.isin(
            detections.classes, [number for number, name in enumerate(detections.labels) if name in classes]
        )
    return detections.take(np.flatnonzero(selected))


def suppress_in_steps(inputs: Inputs, params: SuppressParams, progress: Progress) -> Iterator[Suppression]:
    """Stage: candidates -> all steps of suppression."""
    yield suppression(inputs.previous, params.iou, class_wise=params.class_wise)


def show_step(inputs: Inputs, params: StepParams, progress: Progress) -> Iterator[Suppression]:
    """Stage: suppression up to the chosen step; beyond the last step, the last."""
    steps: Suppression = inputs.previous
    yield steps.at(params.step)


def input_facts(first: Detections, values: Mapping[str, Any]) -> InputFacts:
    """Bounds of the step: as many as suppression takes."""
    candidates = filtered(first, values.get("score", CandidateParams.score), values.get("classes", ()))
    class_wise = values.get("class_wise", SuppressParams.class_wise)
    kept_rows = nms(
        candidates.boxes,
        candidates.scores,
        candidates.classes if class_wise else None,
        values.get("iou", SuppressParams.iou),
    )
    return InputFacts(ranges={"step": Range(0, max(1, 2 * len(kept_rows)), step=1)})


ANALYSES.register(
    Analysis(
        key="suppression",
        title="Non-maximum suppression",
        summary="Steps through NMS, which keeps one of the many boxes on each object.",
        action="Follow boxes being dropped",
        icon="layers",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True, on_trunk=True),
            Stage("choose", choose, CandidateParams, where="main"),
            Stage("walk", suppress_in_steps, SuppressParams, where="pool"),
            Stage("stand", show_step, StepParams, where="main"),
        ),
        result=Suppression,
        order=60,
        task="detect",
        default_model="pyramid-lite0",
        samples={"picture": "street"},
        sample_values={"score": 0.3, "step": 2},
        keywords=(
            *("NMS", "non-maximum suppression", "non-max suppression", "IoU", "intersection over union", "greedy"),
            *("step by step", "overlap", "duplicates", "비최대 억제"),
        ),
        input_facts=input_facts,
        step_parameter="step",
    )
)


def suppression(candidates: Detections, iou: float, *, class_wise: bool) -> Suppression:
    """Record the steps of `cvstudio.data.boxes.nms` on `candidates`, the best first; see `Suppression`."""
    classes = candidates.classes if class_wise else np.zeros(len(candidates), np.int64)
    kept_rows = nms(candidates.boxes, candidates.scores, classes, iou)
    suppressed_by = np.full(len(candidates), -1, np.int64)
    groups = {int(label): np.flatnonzero(classes == label) for label in np.unique(classes)}
    for turn, row in enumerate(kept_rows.tolist()):
        suppressed_by[row] = turn
        rows = groups[int(classes[row])]
        rows = rows[suppressed_by[rows] < 0]
        suppressed_by[rows[is_above(iou_with(candidates.boxes[row], candidates.boxes[rows]), iou)]] = turn
        # Later boxes of the class are compared with the remaining rows only.
        groups[int(classes[row])] = rows[suppressed_by[rows] < 0]
    # No earlier box has suppressed a kept one, which sets its own entry at its turn.
    return Suppression(candidates, kept_rows, suppressed_by, iou, class_wise)
