"""Grad-CAM of a detection: the evidence for the score of one candidate of a detector, before suppression."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.explain._candidate_map import BY_PLACE, METHODS, candidate_maps, row_at
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.boxes import nms
from cvstudio.data.geometry import Rect, View
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.explainable import ScoredDetector
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap


@dataclass(frozen=True)
class ExplainedObjectParams:
    """The detection that is explained."""

    at: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Object", "The detection that is explained, by a point in its box or mask.", "Click on an object."),
    ] = None
    score: Annotated[
        float,
        Range(0, 1, step=0.01, from_model="score"),
        Doc("Minimum confidence", "Draws only boxes with this confidence or more.", "Lower it to ask about others."),
    ] = 0.4
    iou: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Overlap (IoU)",
            "Of two boxes that overlap more than this, only the more confident one is drawn.",
            more=True,
        ),
    ] = 0.5


@dataclass(frozen=True)
class CandidateMapParams:
    """Combination of the feature maps."""

    method: Annotated[
        str,
        Choices(METHODS),
        Doc(
            "Method",
            "Weights each place of the maps by its own gradient (ODAM), or each map by its mean gradient (Grad-CAM).",
            "Grad-CAM also shows other objects of the class.",
        ),
    ] = BY_PLACE
    smoothing: Annotated[
        float,
        Range(0, 4, step=0.25),
        Doc(
            "Smoothing",
            "Blurs the map by a Gaussian of this standard deviation, in places of the map.",
            "0 shows each place.",
        ),
    ] = 0.0
    positive: Annotated[
        bool,
        Doc("Positive evidence only", "Hides what speaks against the object.", "Switch it off to see what disturbs."),
    ] = True


@dataclass(frozen=True, eq=False)
class DetectorCandidates:
    """Candidates of the network, and the `params` of the network that it found them with."""

    detections: Detections
    params: Any


@dataclass(frozen=True, eq=False)
class CandidateEvidence:
    """Evidence for one detection.

    Parameters
    ----------
    shown : detections that are drawn with the map
    chosen : id of the one that is explained; None where nothing is found
    maps : float32 (h, w) over `rect`, by method
    rect : in image pixels
    layer : name of the module whose maps were used
    """

    shown: Detections
    chosen: int | None
    maps: Mapping[str, NDArray[np.float32]]
    rect: Rect
    layer: str


def run_candidates(inputs: Inputs, params: Any, progress: Progress) -> Iterator[DetectorCandidates]:
    """Stage: picture -> candidates of the network."""
    yield DetectorCandidates(inputs.network.predict(inputs.samples["picture"], params, progress), params)


def run_evidence(inputs: Inputs, params: ExplainedObjectParams, progress: Progress) -> Iterator[CandidateEvidence]:
    """Stage: candidates -> evidence for the chosen one; for the best one where none is chosen."""
    candidates: DetectorCandidates = inputs.previous
    network: ScoredDetector = inputs.network
    found = candidates.detections
    found = found.take(nms(found.boxes, found.scores, found.classes, params.iou))
    shown = found.take(np.flatnonzero(found.scores >= params.score))
    # Where every score is below the threshold, the best one is explained all the same.
    selectable = shown if len(shown) else found.take(np.arange(min(1, len(found))))
    image, layer = inputs.samples["picture"], network.feature_layer
    if not len(selectable):
        nothing = {method: np.zeros((1, 1), np.float32) for method in METHODS}
        yield CandidateEvidence(selectable, None, nothing, View.whole(image.size).rect, layer)
        return
    row = 0 if params.at is None else row_at(selectable, params.at)
    maps, scored = candidate_maps(network, image, candidates.params, layer, selectable, row, progress)
    yield CandidateEvidence(selectable, int(selectable.ids[row]), maps, scored.rect, layer)


def run_candidate_map(inputs: Inputs, params: CandidateMapParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: evidence -> heat map."""
    import cv2

    evidence: CandidateEvidence = inputs.previous
    values = evidence.maps[params.method]
    if params.smoothing:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), params.smoothing), np.float32)
    if params.positive:
        values = np.maximum(values, 0)
    low = 0.0 if params.positive else float(values.min())
    height, width = values.shape
    shown = dataclasses.replace(evidence.shown, source=inputs.source)
    label, score = "nothing found", float("nan")
    if evidence.chosen is not None:
        (row,) = np.flatnonzero(shown.ids == evidence.chosen)
        label, score = shown.label(int(row)), float(shown.scores[row])
    yield HeatMap(
        values,
        evidence.rect,
        shown.size,
        low,
        max(float(values.max()), low),
        label,
        score,
        f"{params.method}, {evidence.layer}, {width} × {height} places",
        inputs.source,
        shown,
        evidence.chosen,
    )


def pick(candidates: DetectorCandidates, x: float, y: float) -> Mapping[str, Any]:
    """Parameters that a click at x, y in image pixels sets."""
    return {"at": (x, y)}


ANALYSES.register(
    Analysis(
        key="detection-cam",
        title="Grad-CAM of a detection",
        summary="Shows which parts of a picture are the evidence for one box of a detector: click it.",
        action="Why this detection?",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("candidates", run_candidates, NoParams, where="accelerator", uses_network=True),
            Stage("evidence", run_evidence, ExplainedObjectParams, where="accelerator", uses_network=True),
            Stage("map", run_candidate_map, CandidateMapParams, where="main"),
        ),
        result=HeatMap,
        needs=frozenset({"scores"}),
        order=26,
        task="detect",
        default_model="pyramid-lite0",
        on_start_page=False,
        samples={"picture": "street"},
        keywords=(
            *("Grad-CAM", "ODAM", "D-RISE", "detection", "detector", "object", "box", "mask", "heat map", "explain"),
            *("why", "evidence", "instance", "검출 근거", "판단 근거", "객체 검출 설명"),
        ),
        pick=pick,
    )
)
