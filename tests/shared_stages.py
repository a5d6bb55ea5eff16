"""Two analyses, of two models, on one trunk: what a shared stage has to carry through the program."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import TRUNK, Inputs, Stage
from cvstudio.models.spec import ModelSpec, SharedTrunk
from cvstudio.results.classification import Labels
from cvstudio.weights.declaration import Weights

TASK = "classify"
MEANS = SharedTrunk("channel means")


@dataclass
class Runs:
    """What the trunk was run for: the model, and the mean of the red channel of the picture. It takes `secs`."""

    of: list[tuple[str, float]] = field(default_factory=list)
    secs: float = 0.0

    def __len__(self) -> int:
        return len(self.of)


RUNS = Runs()


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


def _labels(texts: tuple[str, ...], shares: Any, inputs: Inputs) -> Labels:
    probabilities = np.asarray(shares, np.float32)
    order = np.argsort(-probabilities, kind="stable")
    size = inputs.samples["picture"].size
    return Labels(order.astype(np.int64), probabilities[order], texts, size, source=inputs.source)


def run_colour(inputs: Inputs, params: Any, progress: Any) -> Iterator[Labels]:
    """Which channel there is most of."""
    yield _labels(inputs.network.labels, inputs.previous / max(inputs.previous.sum(), 1e-6), inputs)


def run_light(inputs: Inputs, params: Any, progress: Any) -> Iterator[Labels]:
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
        result=Labels,
        task=TASK,
        needs=frozenset({"means"}),
        default_model=model,
        order=order,
    )


COLOUR = _analysis("colour", "mean-colour", run_colour, 910)
LIGHT = _analysis("light", "mean-light", run_light, 911)
ANALYSES_OF_IT = (COLOUR, LIGHT)


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
