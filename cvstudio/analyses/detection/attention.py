"""What a detection transformer looks at: the attention of an object query, or of a place of the picture.

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
from cvstudio.data.geometry import View
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Pick, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models.runtime.attention import Attended, AttentionNetwork
from cvstudio.results.detections import Detections
from cvstudio.results.heat_map import HeatMap

OBJECT, PLACE = "object", "place"
LAYERS, HEADS = 6, 8
"""Of every published DETR."""


@dataclass(frozen=True)
class LookParams:
    """Whose attention is shown."""

    at: Annotated[
        tuple[float, float] | None,
        Pick("point", slot="picture"),
        Doc("Look at", "The box, or the place, whose attention is shown.", "Click on a box."),
    ] = None
    of: Annotated[
        str,
        Choices((OBJECT, PLACE), titles=("an object query (decoder)", "a place (encoder)")),
        Doc(
            "Attention of",
            "An object query looks for its box's thing; a place looks for what belongs to it.",
            "Take a place on one of two things that touch: the encoder often parts them already.",
        ),
    ] = OBJECT
    score: Annotated[
        float,
        Range(0, 1, step=0.01),
        Doc("Score", "Draws only boxes that the model is so sure of.", "Lower it to see what other queries look at."),
    ] = 0.7
    layer: Annotated[
        int,
        Range(1, LAYERS, step=1),
        Doc("Layer", "Of the decoder or the encoder; the last one decides.", "Go through them from the first."),
    ] = LAYERS
    head: Annotated[
        str,
        Choices(("mean", *(str(number) for number in range(1, HEADS + 1)))),
        Doc("Head", "One of those that look side by side, or the mean of all.", "Each has its own corner of a box."),
    ] = "mean"


def run_attend(inputs: Inputs, params: Any, progress: Progress) -> Iterator[Attended]:
    """Stage: picture -> candidates, and what each layer's attention compares."""
    network: AttentionNetwork = inputs.network
    yield network.attend(inputs.samples["picture"], params, progress)


def nearest_row(found: Detections, at: tuple[float, float] | None) -> int:
    """The row that a click at x, y means: the smallest box around it, else the nearest one; the likeliest without."""
    if at is None:
        return 0
    low, high = found.boxes[:, :2], found.boxes[:, 2:]
    beside = np.maximum(np.maximum(low - at, np.asarray(at) - high), 0)
    return int(np.lexsort((np.prod(high - low, axis=1), np.hypot(*beside.T)))[0])


def place_at(found: Attended, at: tuple[float, float] | None) -> int:
    """The number of the place under x, y of the picture, row by row; the one in the middle without."""
    rows, columns = found.grid
    width, height = found.detections.size
    x, y = at if at is not None else (width / 2, height / 2)
    row = min(max(int(y / height * rows), 0), rows - 1)
    column = min(max(int(x / width * columns), 0), columns - 1)
    return row * columns + column


def run_show(inputs: Inputs, params: LookParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: what is compared -> one map. Raises ParamsError for a layer or head that the network lacks."""
    found: Attended = inputs.previous
    of_object = params.of == OBJECT
    layers = found.objects if of_object else found.places
    if params.layer > len(layers):
        raise ParamsError(f"This network has {len(layers)} layers, and layer {params.layer} was asked for.")
    if params.head != "mean" and int(params.head) > found.heads:
        raise ParamsError(f"This network has {found.heads} heads, and head {params.head} was asked for.")
    shown = found.detections.take(np.flatnonzero(found.detections.scores >= params.score))
    label, probability, chosen = "", float("nan"), None
    if of_object:
        # Where nothing is sure enough, the likeliest is looked at all the same.
        offered = shown if len(shown) else found.detections
        if not len(offered):
            raise ParamsError("Every object query means a class that this model has no name for; try another picture.")
        row = nearest_row(offered, params.at)
        label, probability, chosen = offered.label(row), float(offered.scores[row]), int(offered.ids[row])
        if not len(shown):
            shown = offered.take([row])
    query = chosen if chosen is not None else place_at(found, params.at)
    weights = layers[params.layer - 1].weights(query, found.heads)
    values = weights.mean(axis=0) if params.head == "mean" else weights[int(params.head) - 1]
    rows, columns = found.grid
    what = f"query {query}" if of_object else f"place {query % columns}, {query // columns}"
    heads = f"mean of {found.heads} heads" if params.head == "mean" else f"head {params.head}"
    part = "decoder" if of_object else "encoder"
    yield HeatMap(
        values.reshape(rows, columns).astype(np.float32),
        View.whole(found.detections.size).rect,
        found.detections.size,
        0.0,
        float(values.max()),
        label,
        probability,
        f"Attention of {what}, layer {params.layer} of the {part}, {heads}, {columns} × {rows} places",
        inputs.source,
        shown,
        chosen,
        None if of_object else place_centre(found, query),
    )


def place_centre(found: Attended, place: int) -> tuple[float, float]:
    """The middle of a place, x, y in image pixels."""
    rows, columns = found.grid
    width, height = found.detections.size
    return (place % columns + 0.5) * width / columns, (place // columns + 0.5) * height / rows


def pick(found: Attended, x: float, y: float) -> Mapping[str, Any]:
    """What a click sets."""
    return {"at": (x, y)}


ANALYSES.register(
    Analysis(
        key="attention",
        title="Attention of DETR",
        summary="Shows what an object query of a detection transformer looks at: click on a box.",
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
