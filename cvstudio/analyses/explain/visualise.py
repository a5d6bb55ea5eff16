"""Activation maximisation: the picture that a network takes for a class, or to which a unit answers most.

Sources: those of `_ascent`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis, InputFacts, Slot
from cvstudio.analyses.explain._any_layer import module_names
from cvstudio.analyses.explain._explained_class import SUGGESTED, ranked
from cvstudio.analyses.explain._network_input import GREY, PICTURE, STARTS, levels_of, start_picture
from cvstudio.analyses.stages import Inputs, Stage
from cvstudio.data.geometry import Rect, Size
from cvstudio.foundation.errors import ParamsError
from cvstudio.foundation.params import Choices, Doc, NoParams, Range, listed
from cvstudio.foundation.progress import Progress
from cvstudio.media import MediaKind
from cvstudio.models.runtime.layer_outputs import as_maps, read_outputs
from cvstudio.results.explain.visualisation import Visualisation

if TYPE_CHECKING:
    from torch import Tensor

    from cvstudio.analyses.explain._ascent import AscentOptions

FOURIER, PLAIN_L2 = "Fourier", "pixels with an L2 penalty"
YIELD_SECS = 0.2
MOST_UNITS = 65_536


@dataclass(frozen=True)
class AscentParams:
    """What the picture is of, and how it is made."""

    target: Annotated[
        str,
        Choices(from_model="labels", empty="most likely in the picture"),
        Doc("Class", "The picture raises the score of this class.", "Begin with an animal: its parts are seen."),
    ] = ""
    module: Annotated[
        str,
        Choices(from_model="modules", empty="the class"),
        Doc(
            "Module",
            "Raises a unit of this module of the network, by its name in PyTorch, in place of the class.",
            "Early ones like edges, later ones parts of objects.",
        ),
    ] = ""
    unit: Annotated[
        int,
        Range(0, MOST_UNITS, step=1),
        Doc("Unit", "Which of the module's units."),
    ] = 0
    method: Annotated[
        str,
        Choices((FOURIER, PLAIN_L2)),
        Doc(
            "Method",
            "Changes the spectrum of the picture under small shifts, or its pixels with a penalty on their square "
            "(Simonyan et al. 2013).",
            "Compare both: the second fools the network without showing much.",
        ),
    ] = FOURIER
    start: Annotated[
        str,
        Choices(STARTS),
        Doc("Start", "What the picture is at first.", "From a photograph it becomes a dream."),
    ] = GREY
    steps: Annotated[
        int,
        Range(1, 2000, step=1),
        Doc("Steps", "How often the picture is changed.", "256 show more than 64."),
    ] = 96
    seed: Annotated[int, Range(0, 9999, step=1), Doc("Seed", "Another one gives another picture.")] = 0
    jitter: Annotated[
        int,
        Range(0, 32, step=1, unit="px"),
        Doc("Jitter", "Most pixels by which the picture is shifted before a step, with the Fourier method.", more=True),
    ] = 16
    zoom: Annotated[
        float,
        Range(0, 0.5),
        Doc("Zoom", "Most share by which it is enlarged or made smaller, with the Fourier method.", more=True),
    ] = 0.2
    blur: Annotated[
        float,
        Range(0, 5, step=0.1, unit="px"),
        Doc("Blur", "How much it is blurred at first; half of it at the end, with the Fourier method.", more=True),
    ] = 1.0
    noise: Annotated[
        float,
        Range(0, 1),
        Doc(
            "Noise",
            "Noise that is added before each step, with the Fourier method.",
            "Without it the network is fooled by patterns that nobody sees.",
            more=True,
        ),
    ] = 0.2
    penalty: Annotated[
        float,
        Range(0, 100, step=0.5),
        Doc("L2 penalty", "Weight of the mean square of the pixels, with the other method.", more=True),
    ] = 10.0


@dataclass(frozen=True, eq=False)
class AscentStart:
    """What the network says of the picture that was given: its classes, the likeliest first; none without a picture."""

    likely: tuple[str, ...]
    modules: tuple[str, ...]


def run_start(inputs: Inputs, params: object, progress: Progress) -> Iterator[AscentStart]:
    """Stage: picture -> its likeliest classes."""
    network, image = inputs.network, inputs.samples.get("picture")
    likely: tuple[str, ...] = ()
    if image is not None:
        logits = _logits(network, network.preprocess(image)[0])
        likely = tuple(network.labels[index] for index in ranked(logits)[:SUGGESTED].tolist())
    yield AscentStart(likely, module_names(network))


def run_ascent(inputs: Inputs, params: AscentParams, progress: Progress) -> Iterator[Visualisation]:
    """Stage: start -> the picture as it grows.

    Raises
    ------
    ParamsError
        The network has no such class, module or unit, or no picture was given to start from.
    """
    from cvstudio.analyses.explain._ascent import ascend

    start: AscentStart = inputs.previous
    network, image = inputs.network, inputs.samples.get("picture")
    if params.start == PICTURE and image is None:
        raise ParamsError("Expected a picture to start from, found none; open one, or start from noise.")
    labels = tuple(network.labels)
    name = params.target or (start.likely[0] if start.likely else labels[0])
    if name not in labels:
        raise ParamsError(f"This network has no class '{name}'; it has: {listed(labels, name)}.")
    index, levels = labels.index(name), levels_of(network)
    first = start_picture(network, levels, params.start, image, params.seed)
    subject = f"{params.module}, unit {params.unit}" if params.module else name
    objective = unit_score(network, params.module, params.unit) if params.module else class_score(network, index)
    last_yield, step = time.monotonic(), 0
    for step, picture in enumerate(ascend(objective, first, levels, options_of(params), progress), 1):
        if step < params.steps and time.monotonic() - last_yield < YIELD_SECS:
            continue
        last_yield = time.monotonic()
        yield _result(network, index, objective, picture, levels.to_input(picture), subject, step, params)


def options_of(params: AscentParams) -> AscentOptions:
    """The options of a method: each has some of its own."""
    from cvstudio.analyses.explain._ascent import AscentOptions

    plain = AscentOptions(False, params.penalty, 0, 0.0, 0.0, 0.0, params.steps, params.seed)
    if params.method == PLAIN_L2:
        return plain
    disturbed = dataclasses.replace(plain, jitter=params.jitter, zoom=params.zoom, blur=params.blur, noise=params.noise)
    return dataclasses.replace(disturbed, fourier=True, penalty=0.0)


def class_score(network: Any, index: int) -> Callable[[Tensor], Tensor]:
    """The logit of a class, of an input (1, 3, h, w)."""

    def score(pixels: Tensor) -> Tensor:
        logit: Tensor = network.model(pixels)[0, index]
        return logit

    return score


def unit_score(network: Any, module: str, unit: int) -> Callable[[Tensor], Tensor]:
    """The mean activation of a unit of a module, of an input (1, 3, h, w); it raises ParamsError for one that there is
    not."""

    def score(pixels: Tensor) -> Tensor:
        with read_outputs(network.model, module, detach=False) as outputs:
            network.model(pixels)
        layout = as_maps((int(pixels.shape[2]), int(pixels.shape[3])))
        maps = next((maps for output in outputs if (maps := layout(output)) is not None), None)
        if maps is None:
            raise ParamsError(f"The module '{module}' answers no feature maps; choose another one.")
        if unit >= maps.shape[1]:
            raise ParamsError(f"The module '{module}' has units 0 to {maps.shape[1] - 1}, and {unit} was asked for.")
        return maps[0, unit].mean()

    return score


def _logits(network: Any, pixels: Tensor) -> Any:
    import torch

    with torch.no_grad():
        return network.model(pixels)[0].float().cpu().numpy()


def _result(
    network: Any,
    index: int,
    objective: Callable[[Tensor], Tensor],
    picture: Tensor,
    pixels: Tensor,
    subject: str,
    step: int,
    params: AscentParams,
) -> Visualisation:
    import torch
    from scipy.special import softmax

    array = np.ascontiguousarray((picture[0].permute(1, 2, 0).cpu().numpy() * 255 + 0.5).astype(np.uint8))
    height, width = array.shape[:2]
    probability = float("nan")
    if params.module:
        with torch.no_grad():
            score = float(objective(pixels))
    else:
        logits = _logits(network, pixels)
        score, probability = float(logits[index]), float(softmax(logits / network.temperature)[index])
    return Visualisation(
        array,
        Rect(0.0, 0.0, float(width), float(height)),
        1.0,
        Size(width, height),
        subject=subject,
        score=score,
        probability=probability,
        step=step,
    )


def start_facts(start: AscentStart, values: Mapping[str, Any]) -> InputFacts:
    """The likeliest classes of the picture, and the modules of the network."""
    return InputFacts(suggested={"target": start.likely}, options={"module": start.modules})


ANALYSES.register(
    Analysis(
        key="class-visualisation",
        title="Activation maximisation",
        summary="Grows the picture that a network takes for a class, or to which one of its units answers most.",
        action="See what a network imagines",
        icon="image",
        inputs=(Slot("picture", "Picture", frozenset({MediaKind.IMAGE}), optional=True),),
        canvas_slot=None,
        stages=(
            Stage("start", run_start, NoParams, where="accelerator", uses_network=True),
            Stage("ascent", run_ascent, AscentParams, where="accelerator", uses_network=True, long=True),
        ),
        result=Visualisation,
        input_facts=start_facts,
        needs=frozenset({"gradients", "hooks"}),
        order=30,
        task="classify",
        default_model="efficientnet-lite0",
        on_start_page=False,
        samples={"picture": "coffee"},
        keywords=(
            *("class visualisation", "class visualization", "gradient ascent", "activation maximisation", "unit"),
            *("feature visualization", "DeepDream", "dream", "Inceptionism", "preferred input", "imagine"),
            *("클래스 시각화", "활성화 최대화", "딥드림", "특징 시각화"),
        ),
    )
)
