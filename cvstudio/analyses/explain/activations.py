"""Activations: the feature maps of any layer, all of them as a grid and one over the picture.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014; Yosinski et al.,
"Understanding Neural Networks Through Deep Visualization", 2015 (the deep visualization toolbox).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.explain.grad_cam import LayerActivations, run_activations
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.activation_maps import ActivationMaps

MOST_UNITS = 65_536


@dataclass(frozen=True)
class UnitParams:
    """Layer, and the unit that is drawn over the picture."""

    layer: Annotated[
        str,
        Choices(from_model="layers", empty="last maps"),
        Doc("Layer", "Shows the feature maps of this layer.", "Early layers see edges, late ones parts of objects."),
    ] = ""
    unit: Annotated[
        int,
        Range(0, MOST_UNITS, step=1, from_input="picture"),
        Doc("Unit", "The feature map that is drawn over the picture.", "Click a tile in the results."),
    ] = 0
    order: Annotated[
        str,
        Choices(("number", "mean", "maximum")),
        Doc("Order", "Lists the units by number, by the mean or by the maximum of their maps, the largest first."),
    ] = "number"


def run_unit(inputs: Inputs, params: UnitParams, progress: Progress) -> Iterator[ActivationMaps]:
    """Stage: activations of all layers -> maps of one layer. Raises ParamsError for an unknown layer."""
    layers: LayerActivations = inputs.previous
    maps = layer_maps(layers, params.layer)
    measures = {"mean": lambda: maps.mean(axis=(1, 2)), "maximum": lambda: maps.max(axis=(1, 2))}
    measure = measures.get(params.order)
    order = np.arange(len(maps)) if measure is None else np.argsort(-measure(), kind="stable")
    name = params.layer or list(layers.activations.maps)[-1]
    # A layer with fewer units shows its last one, until another is chosen.
    unit = min(params.unit, len(maps) - 1)
    yield ActivationMaps(maps, layers.activations.rect, layers.size, name, unit, order, inputs.source)


def layer_maps(layers: LayerActivations, name: str) -> NDArray[np.float32]:
    """Feature maps float32 (k, h, w) of a layer, by default the last one. Raises ParamsError for an unknown name."""
    maps = layers.activations.maps
    name = name or list(maps)[-1]
    if name not in maps:
        raise ParamsError(f"This network has no layer '{name}'; it has: {', '.join(maps)}.")
    return maps[name]


def unit_facts(layers: LayerActivations, values: Mapping[str, Any]) -> InputFacts:
    """The units that the layer has."""
    count = len(layer_maps(layers, values.get("layer", "")))
    return InputFacts({"unit": Range(0, count - 1, step=1)})


ANALYSES.register(
    Analysis(
        key="activations",
        title="Activations",
        summary="Shows how each unit of a layer responds to a picture.",
        action="See inside a layer",
        icon="layout-grid",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("activations", run_activations, NoParams, where="accelerator", uses_network=True),
            Stage("unit", run_unit, UnitParams, where="main"),
        ),
        result=ActivationMaps,
        input_facts=unit_facts,
        needs=frozenset({"maps"}),
        order=29,
        task="classify",
        default_model="efficientnet-lite0",
        step_parameter="unit",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("activations", "feature maps", "units", "channels", "neurons", "layers", "filters", "deep visualization"),
            *("활성화", "특징 맵", "뉴런", "채널", "은닉층"),
        ),
    )
)
