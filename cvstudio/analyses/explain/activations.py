"""Activations: the feature maps of any layer, all of them as a grid and one over the picture.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014; Yosinski et al.,
"Understanding Neural Networks Through Deep Visualization", 2015 (the deep visualization toolbox).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.explain._any_layer import Module, module_maps
from cvstudio.analyses.explain.grad_cam import LayerActivations, run_activations
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.activation_maps import ActivationMaps

MOST_UNITS = 65_536


@dataclass(frozen=True)
class ModuleParams:
    """A module beside the layers."""

    module: Module = ""


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


def run_module(inputs: Inputs, params: ModuleParams, progress: Progress) -> Iterator[LayerActivations]:
    """Stage: picture -> activations of all layers, and of a module. Raises ParamsError for an unknown module."""
    (layers,) = run_activations(inputs, params, progress)
    if params.module:
        maps = module_maps(inputs.network, inputs.samples["picture"], params.module, progress)
        everything = dataclasses.replace(layers.activations, maps={**layers.activations.maps, params.module: maps})
        layers = dataclasses.replace(layers, activations=everything, module=params.module)
    yield layers


def run_unit(inputs: Inputs, params: UnitParams, progress: Progress) -> Iterator[ActivationMaps]:
    """Stage: activations of all layers -> maps of one layer. Raises ParamsError for an unknown layer."""
    layers: LayerActivations = inputs.previous
    maps = layer_maps(layers, params.layer)
    measures = {"mean": lambda: maps.mean(axis=(1, 2)), "maximum": lambda: maps.max(axis=(1, 2))}
    measure = measures.get(params.order)
    order = np.arange(len(maps)) if measure is None else np.argsort(-measure(), kind="stable")
    name = layers.module or params.layer or list(layers.activations.maps)[-1]
    # A layer with fewer units shows its last one, until another is chosen.
    unit = min(params.unit, len(maps) - 1)
    yield ActivationMaps(maps, layers.activations.rect, layers.size, name, unit, order, inputs.source)


def layer_maps(layers: LayerActivations, name: str) -> NDArray[np.float32]:
    """Feature maps float32 (k, h, w) of the module, where one is chosen, or of a layer, by default the last one. Raises
    ParamsError for an unknown name."""
    maps = layers.activations.maps
    name = layers.module or name or list(maps)[-1]
    if name not in maps:
        raise ParamsError(f"This network has no layer '{name}'; it has: {', '.join(maps)}.")
    return maps[name]


def unit_facts(layers: LayerActivations, values: Mapping[str, Any]) -> InputFacts:
    """The units that the layer has, and the modules of the network."""
    count = len(layer_maps(layers, values.get("layer", "")))
    return InputFacts({"unit": Range(0, max(1, count - 1), step=1)}, options={"module": layers.modules})


ANALYSES.register(
    Analysis(
        key="activations",
        title="Activations",
        summary="Shows how each unit of a layer responds to a picture.",
        action="See inside a layer",
        icon="layout-grid",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("activations", run_module, ModuleParams, where="accelerator", uses_network=True),
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
