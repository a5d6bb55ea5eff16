"""Grad-CAM, Grad-CAM++, Layer-CAM and CAM: heat maps of the evidence of a classifier for a class.

Sources: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
2017; Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016 (CAM); the others are named in
`_class_activation`. For a network that ends in a global average and one linear layer Grad-CAM and CAM agree up to the
number of places that the average is taken over (Grad-CAM, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis, InputFacts
from cvstudio.analyses.explain._any_layer import Module, module_gradient, module_names
from cvstudio.analyses.explain._class_activation import (
    Activations,
    activations,
    grad_cam,
    grad_cam_plus_plus,
    gradient,
    layer_cam,
    weighted,
)
from cvstudio.analyses.explain._explained_class import ClassParams, ExplainedClass, explained_class, suggested_classes
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Logits
from cvstudio.results.heat_map import HeatMap

METHODS = {"Grad-CAM": grad_cam, "Grad-CAM++": grad_cam_plus_plus, "Layer-CAM": layer_cam}
CAM = "CAM"


@dataclass(frozen=True)
class TargetParams(ClassParams):
    """Class and layer of the heat map."""

    layer: Annotated[
        str,
        Choices(from_model="layers", empty="last maps"),
        Doc(
            "Layer",
            "Uses the feature maps of this layer.",
            "Earlier layers are finer, but less specific to the class.",
        ),
    ] = ""
    module: Module = ""


@dataclass(frozen=True)
class MapParams:
    """Combination of the feature maps."""

    method: Annotated[
        str,
        Choices((*METHODS, CAM)),
        Doc(
            "Method",
            "Weights the maps by their mean gradients (Grad-CAM), by shares of them (Grad-CAM++), each place by its "
            "own (Layer-CAM), or by the weights of the last layer (CAM).",
            "At an early layer Layer-CAM shows the most.",
        ),
    ] = "Grad-CAM"
    positive: Annotated[
        bool,
        Doc(
            "Positive evidence only",
            "Hides the evidence against the class (the ReLU of the paper).",
            "Switch it off to see what makes the network doubt.",
        ),
    ] = True


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """Activations of the network, whose classes are `labels`, on a picture of `size`.

    `modules` are the names of all of its modules, and `module` is the one whose maps are among the activations beside
    those of the layers; empty where none is.
    """

    activations: Activations
    size: Size
    labels: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    module: str = ""


@dataclass(frozen=True, eq=False)
class TargetGradient:
    """Activation of a layer, and the gradient of the logit of a class with respect to it.

    Parameters
    ----------
    layers : activations of all layers
    layer : name of the layer
    activation : float32 (k, h, w), feature maps of `layer`
    gradient : float32 (k, h, w)
    class_weights : float32 (k,), weights of CAM; None where the network or the layer has none
    explained : the class
    """

    layers: LayerActivations
    layer: str
    activation: NDArray[np.float32]
    gradient: NDArray[np.float32]
    class_weights: NDArray[np.float32] | None
    explained: ExplainedClass


def run_activations(inputs: Inputs, params: object, progress: Progress) -> Iterator[LayerActivations]:
    """Stage: picture -> activations of all layers."""
    network, image = inputs.network, inputs.samples["picture"]
    found = activations(network, image, progress)
    yield LayerActivations(found, image.size, tuple(network.labels), module_names(network))


def run_gradients(inputs: Inputs, params: TargetParams, progress: Progress) -> Iterator[TargetGradient]:
    """Stage: activations -> gradient of a class in a layer or module. Raises ParamsError for one that there is not."""
    layers: LayerActivations = inputs.previous
    network, layer_maps, logits = inputs.network, layers.activations.maps, layers.activations.logits
    explained = explained_class(params, Logits(logits, layers.labels, layers.size), network.temperature)
    if params.module:
        image = inputs.samples["picture"]
        activation, slope = module_gradient(network, image, params.module, explained, progress)
        yield TargetGradient(layers, params.module, activation, slope, None, explained)
        return
    layer = params.layer or list(layer_maps)[-1]
    if layer not in layer_maps:
        raise ParamsError(f"This network has no layer '{layer}'; it has: {', '.join(layer_maps)}.")
    activation = layer_maps[layer]
    weights = network.class_weights() if layer == list(layer_maps)[-1] else None
    yield TargetGradient(
        layers,
        layer,
        activation,
        gradient(network, layer, activation, explained, progress),
        None if weights is None else explained.weights(weights),
        explained,
    )


def run_map(inputs: Inputs, params: MapParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: activation and gradient -> heat map. Raises ParamsError where CAM has no weights."""
    target: TargetGradient = inputs.previous
    if params.method == CAM:
        if target.class_weights is None:
            raise ParamsError(
                f"CAM expects the layer right before a global average and one linear layer, found '{target.layer}'; "
                f"choose the last maps, or Grad-CAM."
            )
        values = weighted(target.activation, target.class_weights)
    else:
        values = METHODS[params.method](target.activation, target.gradient)
    if params.positive:
        values = np.maximum(values, 0)
    low = 0.0 if params.positive else float(values.min())
    high = max(float(values.max()), low)
    height, width = values.shape
    yield HeatMap(
        values,
        target.layers.activations.rect,
        target.layers.size,
        low,
        high,
        target.explained.label,
        target.explained.probability,
        f"{params.method}, {target.layer}, {width} × {height} places",
        inputs.source,
    )


def input_facts(layers: LayerActivations, values: Mapping[str, Any]) -> InputFacts:
    """The classes that the network finds most likely in this picture, and its modules."""
    suggested = suggested_classes(layers.activations.logits, layers.labels)
    return InputFacts(suggested=suggested, options={"module": layers.modules})


ANALYSES.register(
    Analysis(
        key="grad-cam",
        title="Grad-CAM",
        summary="Shows which regions of a picture are the evidence for a class.",
        action="See why a network says so",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("activations", run_activations, NoParams, where="accelerator", uses_network=True),
            Stage("gradients", run_gradients, TargetParams, where="accelerator", uses_network=True),
            Stage("map", run_map, MapParams, where="main"),
        ),
        result=HeatMap,
        input_facts=input_facts,
        needs=frozenset({"maps"}),
        order=25,
        task="classify",
        default_model="efficientnet-lite0",
        samples={"picture": "coffee"},
        keywords=(
            *(
                "Grad-CAM",
                "Grad-CAM++",
                "Layer-CAM",
                "CAM",
                "class activation map",
                "heat map",
                "explain",
                "why",
            ),
            *("gradients", "feature maps", "activations", "interpretability", "visualisation"),
            *("클래스 활성화 맵", "판단 근거", "설명 가능한 인공지능", "히트맵"),
        ),
    )
)
