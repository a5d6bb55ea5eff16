"""Grad-CAM: where in the picture a classifier finds what it names.

Sources: Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV
2017; Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016 (CAM). For a network that ends
in a global average and one linear layer the two agree up to the number of places that the average is taken over
(Grad-CAM, section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.explain._class_activation import Activations, activations, grad_cam, gradient, weighted
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, listed
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Logits
from cvstudio.results.heat_map import HeatMap


@dataclass(frozen=True)
class TargetParams:
    """What is asked for, and where in the network."""

    target: Annotated[
        str,
        Choices(from_model="labels", empty="the likeliest"),
        Doc("Class", "Shows where the network finds this class, likely or not.", "Try the second likeliest."),
    ] = ""
    layer: Annotated[
        str,
        Choices(from_model="layers", empty="the last"),
        Doc(
            "Layer",
            "Looks at the maps of this layer.",
            "Earlier layers are finer, and know less of what they see.",
        ),
    ] = ""


@dataclass(frozen=True)
class MapParams:
    """How maps become one."""

    method: Annotated[
        str,
        Choices(("Grad-CAM", "CAM")),
        Doc(
            "Method",
            "Grad-CAM weighs maps by gradients, at any layer; CAM by the last layer's own weights.",
            "At the last layer both show the same picture.",
        ),
    ] = "Grad-CAM"
    positive: Annotated[
        bool,
        Doc(
            "Only what speaks for it",
            "Hides what speaks against the class (the ReLU of the paper).",
            "Switch it off to see what makes the network doubt.",
        ),
    ] = True


@dataclass(frozen=True, eq=False)
class LayerActivations:
    """What the network says of a picture of `size`."""

    found: Activations
    size: Size


@dataclass(frozen=True, eq=False)
class TargetGradient:
    """What a class depends on.

    Parameters
    ----------
    activation : float32 (k, h, w), the maps of `layer`
    gradient : float32 (k, h, w), the gradient of the class's logit
    class_weights : float32 (k,), of CAM; None where the network or the layer has none
    label, probability : of the class
    """

    looked: LayerActivations
    layer: str
    activation: NDArray[np.float32]
    gradient: NDArray[np.float32]
    class_weights: NDArray[np.float32] | None
    label: str
    probability: float


def run_activations(inputs: Inputs, params: object, progress: Progress) -> Iterator[LayerActivations]:
    """Stage: picture -> what each layer says of it."""
    image = inputs.samples["picture"]
    yield LayerActivations(activations(inputs.network, image, progress), image.size)


def run_gradients(inputs: Inputs, params: TargetParams, progress: Progress) -> Iterator[TargetGradient]:
    """Stage: what the layers say -> how a class depends on one of them. Raises ParamsError."""
    looked: LayerActivations = inputs.previous
    network, found = inputs.network, looked.found
    layer = params.layer or list(found.maps)[-1]
    if layer not in found.maps:
        raise ParamsError(f"This network has no layer '{layer}'; it has: {', '.join(found.maps)}.")
    if params.target and params.target not in network.labels:
        known = listed(network.labels, params.target)
        raise ParamsError(f"This network has no class '{params.target}'; it has: {known}.")
    target = network.labels.index(params.target) if params.target else int(found.logits.argmax())
    activation = found.maps[layer]
    weights = network.class_weights() if layer == list(found.maps)[-1] else None
    yield TargetGradient(
        looked,
        layer,
        activation,
        gradient(network, layer, activation, target, progress),
        None if weights is None else weights[target],
        network.labels[target],
        float(Logits(found.logits, network.labels, looked.size).probabilities(network.temperature)[target]),
    )


def run_map(inputs: Inputs, params: MapParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: maps and gradients -> one map. Raises ParamsError where CAM has no weights."""
    aimed: TargetGradient = inputs.previous
    if params.method == "CAM":
        if aimed.class_weights is None:
            raise ParamsError(
                f"CAM expects the layer right before a global average and one linear layer, found '{aimed.layer}'; "
                f"choose the last layer, or Grad-CAM."
            )
        values = weighted(aimed.activation, aimed.class_weights)
    else:
        values = grad_cam(aimed.activation, aimed.gradient)
    if params.positive:
        values = np.maximum(values, 0)
    low = 0.0 if params.positive else float(values.min())
    high = max(float(values.max()), low)
    height, width = values.shape
    yield HeatMap(
        values,
        aimed.looked.found.rect,
        aimed.looked.size,
        low,
        high,
        aimed.label,
        aimed.probability,
        f"{params.method}, {aimed.layer}, {width} × {height} places",
        inputs.source,
    )


ANALYSES.register(
    Analysis(
        key="grad-cam",
        title="Grad-CAM",
        summary="Shows which places of the picture make a classifier say what it says.",
        action="See why a network says so",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("activations", run_activations, NoParams, where="accelerator", uses_network=True),
            Stage("gradients", run_gradients, TargetParams, where="accelerator", uses_network=True),
            Stage("map", run_map, MapParams, where="main"),
        ),
        result=HeatMap,
        needs=frozenset({"maps"}),
        order=25,
        task="classify",
        default_model="residual-60",
        samples={"picture": "cat"},
        keywords=(
            *("Grad-CAM", "CAM", "class activation map", "saliency", "heat map", "explain", "why"),
            *("gradients", "feature maps", "activations", "interpretability", "visualisation"),
        ),
    )
)
