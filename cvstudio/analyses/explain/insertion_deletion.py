"""Insertion and deletion: how fast a class goes with the pixels that a map finds important, and comes with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, Slot
from cvstudio.analyses.explain._baseline import BASELINES, MEAN_COLOUR, baseline
from cvstudio.analyses.explain._sanity import on_input, replaced_in_order
from cvstudio.analyses.explain._without_gradients import coverable
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range, listed
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.results.explain.curves import ScoreCurves
from cvstudio.results.heat_map import HeatMap

BLURRED = "blurred picture"


@dataclass(frozen=True)
class InsertionParams:
    """What is removed, and from what."""

    target: Annotated[
        str,
        Choices(from_model="labels", empty="the map's class"),
        Doc("Class", "Follows the probability of this class.", "The map's is usual."),
    ] = ""
    steps: Annotated[
        int,
        Range(5, 224, step=1),
        Doc("Steps", "In how many equal parts the pixels are replaced.", "The paper has 224; 20 show the shape."),
    ] = 20
    deleted_to: Annotated[
        str,
        Choices(BASELINES),
        Doc("Deleted to", "What stands where pixels were deleted.", "The mean colour adds no edges of its own."),
    ] = MEAN_COLOUR
    inserted_on: Annotated[
        str,
        Choices(BASELINES),
        Doc("Inserted on", "What pixels are inserted on.", "The paper takes a blurred picture."),
    ] = BLURRED


def run_insertion_deletion(inputs: Inputs, params: InsertionParams, progress: Progress) -> Iterator[ScoreCurves]:
    """Stage: picture and map -> both curves, beside a shuffled map's. Raises ParamsError for an unknown class."""
    network, heat = coverable(inputs.network), inputs.samples["map"]
    assert isinstance(heat, HeatMap)
    labels = tuple(network.labels)
    name = params.target or heat.label.partition(", not ")[0]
    if name not in labels:
        raise ParamsError(f"This network has no class '{name}'; choose one of its own: {listed(labels, name)}.")
    pixels, shown = network.preprocess(inputs.samples["picture"])
    size = int(pixels.shape[2]), int(pixels.shape[3])
    importance = on_input(heat.values, heat.rect, shown, size)
    # As coarse as the map: single pixels at random would be noise, which destroys any picture.
    shuffled = np.random.default_rng(0).permutation(heat.values.ravel()).reshape(heat.values.shape)
    chance = on_input(shuffled, heat.rect, shown, size)
    index = labels.index(name)

    def probability(batch: Any) -> Any:
        with network.computing():
            shares = (network.forward(batch).float() / network.temperature).softmax(dim=1)[:, index]
        return shares.double().cpu().numpy()

    gone, begun = baseline(network, pixels, params.deleted_to), baseline(network, pixels, params.inserted_on)
    runs = (
        ("Insertion", begun, pixels, importance),
        ("Deletion", pixels, gone, importance),
        ("Insertion at random", begun, pixels, chance),
        ("Deletion at random", pixels, gone, chance),
    )
    curves = []
    for _, first, last, order in runs:
        *_, scores = replaced_in_order(probability, first, last, order, params.steps, progress)
        curves.append(np.asarray(scores, np.float32))
    result = ScoreCurves(
        np.linspace(0, 100, params.steps + 1),
        tuple(title for title, *_ in runs),
        np.stack(curves),
        "Pixels replaced in %",
        f"Probability of {name}",
        0.0,
        1.0,
        "",
    )
    areas = [f"{area:.3f}" for area in result.areas()]
    summary = f"{name}: insertion {areas[0]} ({areas[2]} at random), deletion {areas[1]} ({areas[3]} at random)"
    yield dataclasses.replace(result, summary=summary)


ANALYSES.register(
    Analysis(
        key="insertion-deletion",
        title="Insertion and deletion",
        summary="Plots how a class goes and comes with the pixels that a heat map finds important.",
        action="Test a heat map on its network",
        icon="focus",
        inputs=(
            Slot("picture", "Picture", frozenset({MediaKind.IMAGE})),
            Slot("map", "Heat map", frozenset({HeatMap})),
        ),
        canvas_slot=None,
        stages=(
            Stage("curves", run_insertion_deletion, InsertionParams, where="accelerator", uses_network=True, long=True),
        ),
        result=ScoreCurves,
        needs=frozenset({"logits"}),
        order=31,
        task="classify",
        default_model="efficientnet-lite0",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("insertion", "deletion", "RISE", "faithfulness", "sanity check", "causal metric", "AUC", "explain"),
            *("삽입 삭제 곡선", "충실도", "건전성 검사"),
        ),
    )
)
