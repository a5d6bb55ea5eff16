"""Saliency maps: what each pixel of the network's input contributes to a class.

Sources: those of `_backprop`; Selvaraju et al., "Grad-CAM", ICCV 2017, section 3.2 (guided Grad-CAM); Shrikumar et al.,
"Not Just a Black Box", 2016 (gradient times input).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Analysis
from cvstudio.analyses.explain._backprop import input_gradient, integrated_gradients, smooth_gradient
from cvstudio.analyses.explain._baseline import BASELINES, MEAN_COLOUR, baseline
from cvstudio.analyses.explain._class_activation import grad_cam, gradient
from cvstudio.analyses.explain._explained_class import ClassParams, ExplainedClass, explained_class
from cvstudio.analyses.explain.grad_cam import LayerActivations, input_facts, run_activations
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import readonly
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Logits
from cvstudio.results.heat_map import HeatMap

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class SaliencyParams(ClassParams):
    """Class, and how its gradient is taken."""

    method: Annotated[
        str,
        Choices(
            (
                "Gradient",
                "Gradient × input",
                "SmoothGrad",
                "Integrated gradients",
                "Guided backpropagation",
                "Deconvnet",
                "Guided Grad-CAM",
            )
        ),
        Doc(
            "Method",
            "How the class is traced back to the pixels: by its gradient, a mean of many gradients, or with the ReLUs' "
            "backward pass replaced.",
            "Compare the gradient with SmoothGrad and with guided Grad-CAM.",
        ),
    ] = "SmoothGrad"
    count: Annotated[
        int,
        Range(2, 200, step=1),
        Doc(
            "Gradients",
            "How many gradients SmoothGrad averages, or integrated gradients adds up.",
            "More take longer and are smoother.",
        ),
    ] = 16
    noise: Annotated[
        float,
        Range(0, 0.5),
        Doc(
            "Noise",
            "Noise that SmoothGrad adds to the picture, as a share of its range.",
            "From .1 to .2 is usual.",
        ),
    ] = 0.15
    baseline: Annotated[
        str,
        Choices(BASELINES),
        Doc(
            "Baseline",
            "The picture without evidence, from which integrated gradients starts.",
            "What has the baseline's colour contributes nothing.",
            more=True,
        ),
    ] = MEAN_COLOUR
    layer: Annotated[
        str,
        Choices(from_model="layers", empty="last maps"),
        Doc("Layer of Grad-CAM", "The feature maps that guided Grad-CAM uses.", more=True),
    ] = ""


@dataclass(frozen=True)
class PixelMapParams:
    """How the three channels become one map."""

    channels: Annotated[
        str,
        Choices(("largest magnitude", "sum")),
        Doc(
            "Channels",
            "Shows the largest magnitude of red, green and blue, or their sum, which has a sign.",
            "The sum tells evidence for the class from evidence against it.",
        ),
    ] = "largest magnitude"
    clipped: Annotated[
        float,
        Range(0, 0.1, step=0.002),
        Doc("Clipped", "The share of the strongest pixels that is drawn alike.", "Some pixels outshine all others."),
    ] = 0.01
    smoothing: Annotated[
        float,
        Range(0, 10, step=0.5, unit="px"),
        Doc("Smoothing", "Blurs the map by a Gaussian of this standard deviation.", "0 shows each pixel."),
    ] = 0.0


@dataclass(frozen=True, eq=False)
class PixelAttribution:
    """Attribution of a class to the network's input: `values` float32 (3, h, w), by `method`."""

    layers: LayerActivations
    explained: ExplainedClass
    values: NDArray[np.float32]
    method: str


def run_gradient(inputs: Inputs, params: SaliencyParams, progress: Progress) -> Iterator[PixelAttribution]:
    """Stage: activations and picture -> attribution of a class to each pixel, better from yield to yield."""
    layers: LayerActivations = inputs.previous
    network, logits = inputs.network, Logits(layers.activations.logits, layers.labels, layers.size)
    explained = explained_class(params, logits, network.temperature)
    pixels, _ = network.preprocess(inputs.samples["picture"])
    for values in METHODS[params.method](network, pixels, layers, explained, params, progress):
        progress.check()
        yield PixelAttribution(layers, explained, readonly(values[0].detach().cpu().numpy()), params.method)


def _plain(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    yield input_gradient(network, pixels, explained, progress)


def _times_input(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    yield pixels * input_gradient(network, pixels, explained, progress)


def _smooth(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    yield from smooth_gradient(network, pixels, explained, params.count, params.noise, progress)


def _integrated(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    start = baseline(network, pixels, params.baseline)
    yield from integrated_gradients(network, pixels, start, explained, params.count, progress)


def _guided(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    yield input_gradient(network, pixels, explained, progress, "guided")


def _deconvnet(
    network: Any, pixels: Tensor, layers: Any, explained: ExplainedClass, params: SaliencyParams, progress: Progress
) -> Iterator[Tensor]:
    yield input_gradient(network, pixels, explained, progress, "deconvnet")


def _guided_grad_cam(
    network: Any,
    pixels: Tensor,
    layers: LayerActivations,
    explained: ExplainedClass,
    params: SaliencyParams,
    progress: Progress,
) -> Iterator[Tensor]:
    """Guided backpropagation, times Grad-CAM enlarged to the input's size."""
    import torch

    maps = layers.activations.maps
    layer = params.layer or list(maps)[-1]
    if layer not in maps:
        raise ParamsError(f"This network has no layer '{layer}'; it has: {', '.join(maps)}.")
    heat = grad_cam(maps[layer], gradient(network, layer, maps[layer], explained, progress))
    coarse = torch.from_numpy(np.maximum(heat, 0))[None, None].to(pixels.device)
    fine = torch.nn.functional.interpolate(coarse, pixels.shape[2:], mode="bilinear", align_corners=False)
    yield fine * input_gradient(network, pixels, explained, progress, "guided")


METHODS: dict[str, Callable[..., Iterator[Tensor]]] = {
    "Gradient": _plain,
    "Gradient × input": _times_input,
    "SmoothGrad": _smooth,
    "Integrated gradients": _integrated,
    "Guided backpropagation": _guided,
    "Deconvnet": _deconvnet,
    "Guided Grad-CAM": _guided_grad_cam,
}


def run_pixel_map(inputs: Inputs, params: PixelMapParams, progress: Progress) -> Iterator[HeatMap]:
    """Stage: attribution of each channel -> heat map."""
    import cv2

    attribution: PixelAttribution = inputs.previous
    signed = params.channels == "sum"
    values = attribution.values.sum(axis=0) if signed else np.abs(attribution.values).max(axis=0)
    if params.smoothing:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), params.smoothing), np.float32)
    high = float(np.quantile(np.abs(values), 1 - params.clipped))
    height, width = values.shape
    yield HeatMap(
        np.ascontiguousarray(values),
        attribution.layers.activations.rect,
        attribution.layers.size,
        -high if signed else 0.0,
        high,
        attribution.explained.label,
        attribution.explained.probability,
        f"{attribution.method}, {width} × {height} pixels",
        inputs.source,
    )


ANALYSES.register(
    Analysis(
        key="saliency",
        title="Saliency map",
        summary="Shows which pixels of a picture change the score of a class.",
        action="See which pixels matter",
        icon="focus",
        inputs=(PICTURE_OR_VIDEO,),
        stages=(
            Stage("activations", run_activations, NoParams, where="accelerator", uses_network=True),
            Stage("gradient", run_gradient, SaliencyParams, where="accelerator", uses_network=True),
            Stage("map", run_pixel_map, PixelMapParams, where="main"),
        ),
        result=HeatMap,
        input_facts=input_facts,
        needs=frozenset({"maps", "gradients"}),
        order=26,
        task="classify",
        default_model="efficientnet-lite0",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("saliency", "gradient", "SmoothGrad", "integrated gradients", "guided backpropagation", "deconvnet"),
            *("guided Grad-CAM", "attribution", "sensitivity", "backpropagation", "pixels", "explain", "why"),
            *("살리언시 맵", "현저성 지도", "유도 역전파", "디컨브넷", "통합 기울기", "판단 근거"),
        ),
    )
)
