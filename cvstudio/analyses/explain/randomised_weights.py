"""Randomised-weights check: whether a map depends on what the network has learnt, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.explain._explained_class import ClassParams, explained_class
from cvstudio.analyses.explain._sanity import (
    GRAD_CAM,
    METHODS,
    last_maps_of,
    map_of,
    randomised_cascade,
    rank_correlation,
)
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.results.classification import Logits
from cvstudio.results.explain.curves import ScoreCurves


@dataclass(frozen=True)
class RandomisedParams(ClassParams):
    """Which maps are compared."""

    method: Annotated[
        str,
        Choices(METHODS),
        Doc(
            "Method",
            "Whose maps are compared.",
            "Guided backpropagation hardly changes: it shows the picture rather than the network.",
        ),
    ] = GRAD_CAM
    most: Annotated[
        int,
        Range(1, 200, step=1),
        Doc("Layers", "How many layers become random at most, one after the other from the last.", "12 show the fall."),
    ] = 12
    seed: Annotated[int, Range(0, 9999, step=1), Doc("Seed", "Of the random weights.", more=True)] = 0


def run_randomised(inputs: Inputs, params: RandomisedParams, progress: Progress) -> Iterator[ScoreCurves]:
    """Stage: picture -> similarity of the map to itself as more and more layers are random, longer from yield to yield.

    Raises
    ------
    ParamsError
        The network has no such class, or no feature maps.
    """
    import torch

    network, image = inputs.network, inputs.samples["picture"]
    pixels, _ = network.preprocess(image)
    with torch.no_grad():
        logits = network.model(pixels)[0].float().cpu().numpy()
    explained = explained_class(params, Logits(logits, tuple(network.labels), image.size), network.temperature)
    layer = last_maps_of(network.model, pixels) if params.method == GRAD_CAM else ""
    if params.method == GRAD_CAM and not layer:
        raise ParamsError("Grad-CAM expects a network with feature maps, but this one has none; choose the gradient.")
    learnt = map_of(network.model, pixels, explained, params.method, layer)
    names, similarities = ["none"], [1.0]
    for number, (name, changed) in enumerate(randomised_cascade(network.model, params.seed), 1):
        progress(number / params.most, f"{number} layers")
        names.append(name)
        similarities.append(rank_correlation(learnt, map_of(changed, pixels, explained, params.method, layer)))
        yield _result(names, similarities, params.method, explained.label)
        if number == params.most:
            return


def _result(names: list[str], similarities: list[float], method: str, label: str) -> ScoreCurves:
    values = np.array([similarities], np.float32)
    return ScoreCurves(
        np.arange(len(names), dtype=np.float64),
        (f"Similarity of {method}",),
        values,
        "Random from the last layer to",
        "Rank correlation",
        min(-0.2, float(values.min())),
        1.0,
        f"{method} of {label}: {similarities[-1]:.2f} with {len(names) - 1} random layers",
        tuple(names),
    )


ANALYSES.register(
    Analysis(
        key="randomised-weights",
        title="Randomised-weights check",
        summary="Plots how a map changes as the network's layers become random, from the last to the first.",
        action="Test whether a map depends on the network",
        icon="focus",
        inputs=(Slot("picture", "Picture", frozenset({MediaKind.IMAGE})),),
        canvas_slot=None,
        stages=(Stage("cascade", run_randomised, RandomisedParams, where="accelerator", uses_network=True, long=True),),
        result=ScoreCurves,
        needs=frozenset({"gradients", "hooks"}),
        order=32,
        task="classify",
        default_model="efficientnet-lite0",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("sanity check", "randomised weights", "model parameter randomization", "cascading", "saliency"),
            *("faithfulness", "Spearman", "무작위 가중치 검사", "건전성 검사"),
        ),
    )
)
