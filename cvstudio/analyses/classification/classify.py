"""Classification of a whole picture, with a temperature and a threshold after the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.params import Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Classification, Logits


@dataclass(frozen=True)
class AnswerParams:
    """Parameters of the decision from logits."""

    threshold: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Unknown below",
            "Below this probability of the most likely class, the answer is: unknown.",
            "Raise it until pictures of other objects are no longer named.",
        ),
    ] = 0.5
    temperature: Annotated[
        float,
        Range(0.1, 5, step=0.05),
        Doc(
            "Temperature",
            "Divides the logits before the softmax; the order of the classes stays the same.",
            "Raise it where the model is overconfident; the default was calibrated.",
            more=True,
        ),
    ] = 1.0
    count: Annotated[
        int,
        Range(1, 20, step=1),
        Doc("Classes shown", "Shows this many of the most likely classes.", "Try 1 for the answer alone."),
    ] = 5


def predict(inputs: Inputs, params: object, progress: Progress) -> Iterator[Logits]:
    """Stage: picture -> logits of the network, with their source."""
    image = inputs.samples["picture"]
    logits: Logits = (
        inputs.network.predict(image, params, progress)
        if inputs.trunk is None
        else inputs.network.predict_from(inputs.trunk, image, params, progress)
    )
    yield dataclasses.replace(logits, source=inputs.source)


def answer(inputs: Inputs, params: AnswerParams, progress: Progress) -> Iterator[Classification]:
    """Stage: logits -> the most probable classes, with probabilities at a temperature.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (section 4.2).
    """
    logits: Logits = inputs.previous
    probabilities = logits.probabilities(params.temperature)
    top_classes = np.argsort(-probabilities, kind="stable")[: params.count]
    scaled = dataclasses.replace(logits, values=logits.values / np.float32(params.temperature))
    yield Classification(
        top_classes.astype(np.int64),
        probabilities[top_classes],
        logits.labels,
        logits.size,
        params.threshold,
        logits.source,
        scaled,
    )


ANALYSES.register(
    Analysis(
        key="classify",
        title="Image classification",
        summary="Names what a picture shows and how certain that is, or says that it is unknown.",
        action="Name what it shows",
        icon="shapes",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("predict", predict, NoParams, where="accelerator", uses_network=True, on_trunk=True),
            Stage("answer", answer, AnswerParams, where="main"),
        ),
        result=Classification,
        order=20,
        task="classify",
        default_model="efficientnet-lite0",
        samples={"picture": "coffee"},
        keywords=(
            "classification",
            "image recognition",
            "softmax",
            "logits",
            "top-5",
            "temperature scaling",
            "calibration",
            "unknown",
            "open set recognition",
            "분류",
            "이미지 분류",
            "소프트맥스",
        ),
    )
)
