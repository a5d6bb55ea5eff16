"""Occlusion: how much the score of a class drops where a part of the picture is covered.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.explain._baseline import BASELINES, MEAN_COLOUR, baseline
from cvstudio.analyses.explain._explained_class import ClassParams, explained_class, suggested_classes
from cvstudio.analyses.explain._occlude import Occlusions, occlude
from cvstudio.analyses.explain._without_gradients import coverable
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Logits
from cvstudio.results.heat_map import HeatMap


@dataclass(frozen=True)
class OccludeParams:
    """What is covered."""

    window: Annotated[
        int,
        Range(4, 128, step=4, unit="px"),
        Doc("Window", "Side of the square that is covered, in pixels of the network's input.", "Try 32 and 64."),
    ] = 32
    stride: Annotated[
        int,
        Range(2, 64, step=2, unit="px"),
        Doc(
            "Stride", "Distance between two windows; half of it takes four times as long.", "Half the window is usual."
        ),
    ] = 16
    fill: Annotated[
        str,
        Choices(BASELINES),
        Doc("Covered with", "What stands in the window.", "A blurred picture has no new edges.", more=True),
    ] = MEAN_COLOUR


@dataclass(frozen=True)
class DropParams(ClassParams):
    """Class whose score drops."""

    positive: Annotated[
        bool,
        Doc(
            "Positive evidence only",
            "Hides where the score rises when it is covered.",
            "Switch it off to see what makes the network doubt.",
        ),
    ] = True


@dataclass(frozen=True, eq=False)
class OccludedLogits:
    """Logits of the whole picture and behind each covered window.

    Parameters
    ----------
    whole : of the whole picture; its labels and size are those of the others
    rough, fine : what came so far; `fine` is complete in the last output
    input_size : (height, width) of the network's input
    rect : what it shows of the picture, in image pixels
    temperature : divides the logits before they become probabilities
    about : method in a few words
    """

    whole: Logits
    rough: Occlusions
    fine: Occlusions
    input_size: tuple[int, int]
    rect: Rect
    temperature: float
    about: str


def run_occlusions(inputs: Inputs, params: OccludeParams, progress: Progress) -> Iterator[OccludedLogits]:
    """Stage: picture -> logits behind each window, more from yield to yield."""
    network, image = coverable(inputs.network), inputs.samples["picture"]
    pixels, rect = network.preprocess(image)
    with network.computing():
        logits = network.forward(pixels)[0].float().cpu().numpy()
    whole = Logits(logits, tuple(network.labels), image.size)
    fill = baseline(network, pixels, params.fill)
    size = int(pixels.shape[2]), int(pixels.shape[3])
    for rough, fine in occlude(network, pixels, fill, params.window, params.stride, progress):
        about = f"Occlusion, {len(fine.windows) or len(rough.windows)} windows of {params.window} px"
        yield OccludedLogits(whole, rough, fine, size, rect, network.temperature, about)


def run_drops(inputs: Inputs, params: DropParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: logits behind each window -> mean drop of the score of a class at each pixel."""
    occluded: OccludedLogits = inputs.previous
    explained = explained_class(params, occluded.whole, occluded.temperature)
    score = float(explained.score(occluded.whole.values))
    values = np.full(occluded.input_size, np.nan, np.float32)
    for occlusions in (occluded.fine, occluded.rough):
        if len(occlusions.windows):
            drops = occlusions.drops(explained.score(occlusions.logits), score, occluded.input_size)
            values = np.where(np.isnan(values), drops, values)
    # Under no window yet: no drop is known.
    values = np.nan_to_num(values, nan=0.0)
    if params.positive:
        values = np.maximum(values, 0)
    low = 0.0 if params.positive else float(values.min())
    yield HeatMap(
        values,
        occluded.rect,
        occluded.whole.size,
        low,
        max(float(values.max()), low),
        explained.label,
        explained.probability,
        occluded.about,
        inputs.source,
    )


def occlusion_facts(occluded: OccludedLogits, values: Mapping[str, Any]) -> InputFacts:
    """The classes that the network finds most likely in this picture."""
    return InputFacts(suggested=suggested_classes(occluded.whole.values, occluded.whole.labels))


ANALYSES.register(
    Analysis(
        key="occlusion",
        title="Occlusion map",
        summary="Covers one part of a picture after another and shows where that lowers the score of a class.",
        action="Cover parts and see what is missed",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("occlude", run_occlusions, OccludeParams, where="accelerator", uses_network=True),
            Stage("drops", run_drops, DropParams, where="main"),
        ),
        result=HeatMap,
        input_facts=occlusion_facts,
        needs=frozenset({"logits"}),
        order=27,
        task="classify",
        default_model="efficientnet-lite0",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("occlusion", "perturbation", "ablation", "sensitivity", "explain", "why", "heat map", "covering"),
            *("가림 민감도", "가림 분석", "오클루전", "판단 근거"),
        ),
    )
)
