"""Filters: the weights of a convolution, those of the first layer as pictures, those of deeper ones by channel.

Sources: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", NeurIPS 2012, figure 3;
Yosinski et al., "Understanding Neural Networks Through Deep Visualization", 2015.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, InputFacts, Slot
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.models.runtime.layer_outputs import layer_names, read_outputs
from cvstudio.results.explain.filter_bank import FilterBank

BY_FILTER, BY_CHANNEL = "one channel of each filter", "all channels of one filter"
NUMBER, NORM, ANSWER = "number", "norm", "answer to the picture"
COLOURS = 3


@dataclass(frozen=True)
class ConvolutionParams:
    """The convolution."""

    convolution: Annotated[
        str,
        Choices(from_model="convolutions", empty="the first one"),
        Doc("Convolution", "Shows the filters of this layer, by its name in PyTorch.", "The first one sees colours."),
    ] = ""


@dataclass(frozen=True)
class FilterViewParams:
    """Which weights are shown, in which order."""

    shown: Annotated[
        str,
        Choices((BY_FILTER, BY_CHANNEL)),
        Doc(
            "Shown",
            "Filters that see red, green and blue are shown in colour; of others one channel is, or one filter with "
            "all its channels.",
        ),
    ] = BY_FILTER
    index: Annotated[
        int,
        Range(0, 65_536, step=1, from_input="picture"),
        Doc("Number", "Of the channel, or of the filter.", "Step through them."),
    ] = 0
    order: Annotated[
        str,
        Choices((NUMBER, NORM, ANSWER)),
        Doc(
            "Order",
            "Lists filters by number, by the norm of their weights, or by their largest activation on a picture, the "
            "largest first.",
        ),
    ] = NUMBER


@dataclass(frozen=True, eq=False)
class LayerFilters:
    """Weights of a convolution.

    Parameters
    ----------
    weights : float32 (filters, channels, kh, kw)
    answers : float32 (filters,), largest activation on the picture; None without a picture
    name : of the convolution
    names : of all convolutions of the network
    """

    weights: NDArray[np.float32]
    answers: NDArray[np.float32] | None
    name: str
    names: tuple[str, ...]


def convolutions(model: Any) -> tuple[str, ...]:
    """Names of the two-dimensional convolutions of a network, in their order."""
    import torch

    return tuple(name for name in layer_names(model) if isinstance(model.get_submodule(name), torch.nn.Conv2d))


def run_filters(inputs: Inputs, params: Any, progress: Progress) -> Iterator[LayerFilters]:
    """Stage: network, and a picture where there is one -> weights of a convolution, and what they answer.

    Raises
    ------
    ParamsError
        The network has no such convolution, or none at all.
    """
    network, image = inputs.network, inputs.samples.get("picture")
    names = convolutions(network.model)
    if not names:
        raise ParamsError("Expected a network with convolutions, but this one has none; choose another model.")
    name = params.convolution or names[0]
    if name not in names:
        raise ParamsError(
            f"This network has no convolution '{name}'; choose one of its {len(names)}, such as {names[0]}."
        )
    progress.check()
    weights = network.model.get_submodule(name).weight.detach().float().cpu().numpy().copy()
    yield LayerFilters(readonly(weights), _answers(network, image, name, params, progress), name, names)


def _answers(
    network: Any, image: Image | None, name: str, params: Any, progress: Progress
) -> NDArray[np.float32] | None:
    import torch

    if image is None:
        return None
    with torch.no_grad(), read_outputs(network.model, name) as outputs:
        if hasattr(network, "scored"):
            network.scored(image, params, progress)
        else:
            network.model(network.preprocess(image)[0])
    if not outputs:
        return None
    # A convolution that is shared, such as by the levels of a pyramid, is called several times.
    largest = torch.stack([output[0].amax(dim=(1, 2)) for output in outputs]).amax(dim=0)
    return readonly(largest.float().cpu().numpy())


def run_filter_view(inputs: Inputs, params: FilterViewParams, progress: Progress) -> Iterator[FilterBank]:
    """Stage: weights -> tiles. Raises ParamsError for an answer without a picture, or a number that does not exist."""
    layer: LayerFilters = inputs.previous
    weights = layer.weights
    filters, channels, height, width = weights.shape
    count = filters if params.shown == BY_CHANNEL else channels
    # A layer with fewer shows its last one, until another is chosen.
    index = min(params.index, count - 1)
    answers = layer.answers
    if params.shown == BY_CHANNEL:
        tiles, what, answers = weights[index], f"channels of filter {index}", None
        norms = np.sqrt((tiles.astype(np.float64) ** 2).sum(axis=(1, 2)))
    else:
        in_colour = channels == COLOURS
        tiles = weights.transpose(0, 2, 3, 1) if in_colour else weights[:, index]
        what = "in colour" if in_colour else f"channel {index} of each"
        norms = np.sqrt((weights.astype(np.float64) ** 2).sum(axis=(1, 2, 3)))
    if params.order == ANSWER and answers is None:
        raise ParamsError("Expected a picture for the order by answer, and all filters; open one, or choose the norm.")
    measure = {NORM: norms, ANSWER: answers}.get(params.order)
    order = np.arange(len(tiles)) if measure is None else np.argsort(-measure, kind="stable")
    yield FilterBank(
        np.ascontiguousarray(tiles[order]),
        order,
        norms[order].astype(np.float32),
        None if answers is None else answers[order],
        layer.name,
        what,
        (filters, channels, height, width),
    )


def filter_facts(layer: LayerFilters, values: Mapping[str, Any]) -> InputFacts:
    """The convolutions of the network, and how many channels or filters the chosen one has."""
    filters, channels, *_ = layer.weights.shape
    count = filters if values.get("shown") == BY_CHANNEL else channels
    # A control has to have room: of a depthwise convolution the only channel is 0.
    return InputFacts({"index": Range(0, max(1, count - 1), step=1)}, options={"convolution": layer.names})


def _register(key: str, title: str, task: str, model: str, needs: frozenset[str], order: int) -> None:
    ANALYSES.register(
        Analysis(
            key=key,
            title=title,
            summary="Shows the weights of a convolution as tiles; with a picture also what each filter answers to it.",
            action="See a network's filters" if task == "classify" else "See a detector's filters",
            icon="layout-grid",
            inputs=(Slot("picture", "Picture", frozenset({MediaKind.IMAGE}), optional=True),),
            canvas_slot=None,
            stages=(
                Stage(
                    "filters",
                    run_filters,
                    NoParams,
                    where="accelerator",
                    uses_network=True,
                    beside_model=ConvolutionParams,
                ),
                Stage("tiles", run_filter_view, FilterViewParams, where="main"),
            ),
            result=FilterBank,
            input_facts=filter_facts,
            needs=needs,
            order=order,
            task=task,
            default_model=model,
            step_parameter="index",
            on_start_page=False,
            samples={"picture": "coffee" if task == "classify" else "street"},
            keywords=(
                *("filters", "kernels", "weights", "convolution", "first layer", "Gabor", "edges"),
                *("필터", "커널", "합성곱 가중치"),
            ),
        )
    )


_register("filters", "Filters", "classify", "efficientnet-lite0", frozenset({"hooks"}), 33)
_register("detector-filters", "Filters of a detector", "detect", "pyramid-lite0", frozenset({"scores"}), 34)
