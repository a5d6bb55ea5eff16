"""Two analyses, of two models, on one trunk, and one with key frames: what shared stages have to carry through."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import TRUNK, Inputs, Stage, every_nth
from cvstudio.foundation.params import Doc, Range
from cvstudio.models.spec import ModelSpec, SharedTrunk
from cvstudio.results.classification import Classification
from cvstudio.weights.declaration import Weights

TASK = "classify"
MEANS = SharedTrunk("channel means")


@dataclass
class Runs:
    """What a shared stage was run for: the trunk for a model, and the mean of the red channel of the picture. It takes
    `secs`."""

    of: list[tuple[str | int, float]] = field(default_factory=list)
    secs: float = 0.0

    def __len__(self) -> int:
        return len(self.of)


RUNS = Runs()
KEYS = Runs()
"""What the stage of key frames was run for: every how many frames there is one, and its grey."""


class MeanNetwork:
    """Its trunk says the mean of each channel, 0..1."""

    labels = ("red", "green", "blue")

    def __init__(self, key: str) -> None:
        self.key = key

    def trunk_features(self, image: Any, params: Any, progress: Any) -> np.ndarray:
        means = image.rgb8.reshape(-1, 3).mean(axis=0) / 255
        RUNS.of.append((self.key, float(means[0])))
        time.sleep(RUNS.secs)
        means.flags.writeable = False
        return means


def _labels(texts: tuple[str, ...], shares: Any, inputs: Inputs) -> Classification:
    probabilities = np.asarray(shares, np.float32)
    order = np.argsort(-probabilities, kind="stable")
    size = inputs.samples["picture"].size
    return Classification(order.astype(np.int64), probabilities[order], texts, size, source=inputs.source)


def run_colour(inputs: Inputs, params: Any, progress: Any) -> Iterator[Classification]:
    """Which channel there is most of."""
    yield _labels(inputs.network.labels, inputs.previous / max(inputs.previous.sum(), 1e-6), inputs)


def run_light(inputs: Inputs, params: Any, progress: Any) -> Iterator[Classification]:
    """Whether it is light or dark."""
    light = float(inputs.previous.mean())
    yield _labels(("light", "dark"), (light, 1 - light), inputs)


def _analysis(key: str, model: str, run: Any, order: int) -> Analysis:
    return Analysis(
        key=key,
        title=key.title(),
        summary="Looks at the mean of each channel.",
        action=key.title(),
        icon="image",
        inputs=(PICTURE_OR_VIDEO,),
        # Both call their own stage the same: what stands behind a shared one is each one's own.
        stages=(TRUNK, Stage("head", run, where="accelerator", uses_network=True)),
        result=Classification,
        task=TASK,
        needs=frozenset({"means"}),
        default_model=model,
        order=order,
    )


@dataclass(frozen=True)
class KeyParams:
    """Which frames are key frames."""

    every: Annotated[int, Range(1, 100), Doc("Every", "How many frames lie from one key frame to the next.")] = 5


def run_key(inputs: Inputs, params: KeyParams, progress: Any) -> Iterator[float]:
    """The grey of the key frame."""
    grey = float(inputs.samples["picture"].rgb8.mean())
    KEYS.of.append((params.every, grey))
    time.sleep(KEYS.secs)
    yield grey


def run_since(inputs: Inputs, params: Any, progress: Any) -> Iterator[Classification]:
    """The numbers of the key frame and of the frame, as `numbered_clip` shows them."""
    key, own = (round(grey / 10) for grey in (inputs.previous, float(inputs.samples["picture"].rgb8.mean())))
    yield _labels((f"{own} after {key}",), (1.0,), inputs)


SINCE = Analysis(
    key="since",
    title="Since",
    summary="Says how long ago the key frame was.",
    action="Count",
    icon="image",
    inputs=(PICTURE_OR_VIDEO,),
    stages=(
        Stage(
            "features",
            run_key,
            KeyParams,
            where="accelerator",
            uses_network=True,
            key_frame=lambda pts, rate, params: every_nth(pts, rate, params.every),
        ),
        Stage("since", run_since, where="accelerator", uses_network=True),
    ),
    result=Classification,
    task=TASK,
    needs=frozenset({"means"}),
    default_model="mean-colour",
    order=912,
)
COLOUR = _analysis("colour", "mean-colour", run_colour, 910)
LIGHT = _analysis("light", "mean-light", run_light, 911)
ANALYSES_OF_IT = (COLOUR, LIGHT, SINCE)


def models(checkpoint: Path) -> tuple[ModelSpec, ...]:
    """The two models, both of one checkpoint."""
    weights = Weights("means", checkpoint.name, "", "", 1, "MIT", "nothing", path=checkpoint)
    return tuple(
        ModelSpec(
            key=key,
            title=key.title(),
            task=TASK,
            family="test",
            paper="",
            year=2026,
            load=lambda device, path, key=key: MeanNetwork(key),
            weights=(weights,),
            capabilities=frozenset({"means", "reentrant"}),
            trunk=MEANS,
        )
        for key in ("mean-colour", "mean-light")
    )
