"""Attention maps of a detection transformer, of an object query or of a place in the picture.

Source: Carion et al., "End-to-End Object Detection with Transformers", ECCV 2020, figures 3 (places of the encoder) and
6 (object queries of the decoder).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.boxes import nearest_box
from cvstudio.data.geometry import View
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.attention import Attended, AttentionNetwork
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap

OBJECT, PLACE = "object", "place"
LAYERS, HEADS = 6, 8
"""Number of layers and of heads of every published DETR."""


@dataclass(frozen=True)
class LookParams:
    """Selection of the attention map."""

    at: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Look at", "The box, or the position, whose attention is shown.", "Click on a box."),
    ] = None
    of: Annotated[
        str,
        Choices((OBJECT, PLACE), titles=("an object query (decoder)", "a position (encoder)")),
        Doc(
            "Attention of",
            "An object query attends to the object of its box; a position attends to what belongs to it.",
            "Choose a position on one of two touching objects: the encoder often separates them already.",
        ),
    ] = OBJECT
    score: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc(
            "Minimum confidence",
            "Draws only boxes with this confidence or more.",
            "Lower it to see what other queries attend to.",
        ),
    ] = 0.7
    layer: Annotated[
        int,
        Range(1, LAYERS, step=1),
        Doc("Layer", "Of the decoder or the encoder; the last one decides.", "Go through them from the first."),
    ] = LAYERS
    head: Annotated[
        str,
        Choices(("mean", *(str(number) for number in range(1, HEADS + 1)))),
        Doc(
            "Head",
            "One of the parallel attention heads, or the mean of all.",
            "Each often attends to its own corner of a box.",
        ),
    ] = "mean"


def run_attend(inputs: Inputs, params: Any, progress: Progress) -> Iterator[Attended]:
    """Stage: picture -> candidates, and queries and keys of the attention of each layer."""
    network: AttentionNetwork = inputs.network
    yield network.attend(inputs.samples["picture"], params, progress)


def nearest_row(detections: Detections, at: tuple[float, float] | None) -> int:
    """Row of the smallest box around `at` (x, y), else of the nearest box; 0, the most probable, where `at` is None."""
    if at is None:
        return 0
    return nearest_box(detections.boxes, *at)


def place_at(attended: Attended, at: tuple[float, float] | None) -> int:
    """Row-major index of the grid cell at `at` (x, y) in image pixels; of the centre where `at` is None."""
    rows, columns = attended.grid
    width, height = attended.detections.size
    x, y = at if at is not None else (width / 2, height / 2)
    row = min(max(int(y / height * rows), 0), rows - 1)
    column = min(max(int(x / width * columns), 0), columns - 1)
    return row * columns + column


def run_show(inputs: Inputs, params: LookParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: queries and keys -> an attention map. Raises ParamsError for a layer or head that the network lacks."""
    attended: Attended = inputs.previous
    of_object = params.of == OBJECT
    layers = attended.objects if of_object else attended.places
    if params.layer > len(layers):
        raise ParamsError(f"This network has {len(layers)} layers, and layer {params.layer} was asked for.")
    if params.head != "mean" and int(params.head) > attended.heads:
        raise ParamsError(f"This network has {attended.heads} heads, and head {params.head} was asked for.")
    shown = attended.detections.take(np.flatnonzero(attended.detections.scores >= params.score))
    label, probability, chosen = "", float("nan"), None
    if of_object:
        # Where every score is below the threshold, the most probable box is shown all the same.
        selectable = shown if len(shown) else attended.detections
        if not len(selectable):
            raise ParamsError("Every object query means a class that this model has no name for; try another picture.")
        row = nearest_row(selectable, params.at)
        label, probability, chosen = selectable.label(row), float(selectable.scores[row]), int(selectable.ids[row])
        if not len(shown):
            shown = selectable.take([row])
    query = chosen if chosen is not None else place_at(attended, params.at)
    weights = layers[params.layer - 1].weights(query, attended.heads)
    values = weights.mean(axis=0) if params.head == "mean" else weights[int(params.head) - 1]
    rows, columns = attended.grid
    subject = f"query {query}" if of_object else f"place {query % columns}, {query // columns}"
    heads = f"mean of {attended.heads} heads" if params.head == "mean" else f"head {params.head}"
    part = "decoder" if of_object else "encoder"
    yield HeatMap(
        values.reshape(rows, columns).astype(np.float32),
        View.whole(attended.detections.size).rect,
        attended.detections.size,
        0.0,
        float(values.max()),
        label,
        probability,
        f"Attention of {subject}, layer {params.layer} of the {part}, {heads}, {columns} × {rows} places",
        inputs.source,
        shown,
        chosen,
        None if of_object else place_centre(attended, query),
    )


def place_centre(attended: Attended, place: int) -> tuple[float, float]:
    """Centre x, y in image pixels of the grid cell with row-major index `place`."""
    rows, columns = attended.grid
    width, height = attended.detections.size
    return (place % columns + 0.5) * width / columns, (place // columns + 0.5) * height / rows


def pick(attended: Attended, x: float, y: float) -> Mapping[str, Any]:
    """Parameters that a click at x, y in image pixels sets."""
    return {"at": (x, y)}


ANALYSES.register(
    Analysis(
        key="attention",
        title="DETR attention",
        summary="Shows what an object query of a detection transformer attends to: click a box.",
        action="See what a transformer looks at",
        icon="crosshair",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("attend", run_attend, NoParams, where="accelerator", uses_network=True),
            Stage("show", run_show, LookParams, where="main"),
        ),
        result=HeatMap,
        order=27,
        task="detect",
        needs=frozenset({"attention"}),
        samples={"picture": "cat"},
        keywords=(
            *("attention", "cross-attention", "self-attention", "attention map", "object query", "transformer"),
            *("encoder", "decoder", "heads", "query key value", "어텐션", "셀프 어텐션"),
        ),
        pick=pick,
    )
)
