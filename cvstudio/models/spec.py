"""Declaration of a model, and the interfaces of a loaded one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from cvstudio.data.samples import Image
    from cvstudio.results.detections import Detections
    from cvstudio.weights.declaration import Weights


@dataclass(frozen=True)
class Architecture:
    """How to build the bare network without a checkpoint, to inspect its layers and count their work.

    Parameters
    ----------
    build : callable () -> torch.nn.Module
        The module that `ModelSpec.load` fills, with random weights, in evaluation mode. It must also build under
        ``torch.device("meta")``, where it takes no memory.
    input_size : (height, width) in pixels of the input that `macs` and receptive fields refer to
    call : callable (module, pixels float32 (1, 3, height, width)) -> output, optional
        Forward pass of a module that does not take the pixels alone; the default is ``module(pixels)``.
    parameters, macs : published counts, `macs` (multiply-adds) at `input_size`; 0 where they are to be counted
    """

    build: Callable[[], Any]
    input_size: tuple[int, int]
    call: Callable[[Any, Any], Any] | None = None
    parameters: int = 0
    macs: int = 0


@dataclass(frozen=True)
class SharedTrunk:
    """The first part of a network where other models begin with the same one, loaded from the same checkpoint.

    On one picture it runs once for all of them, as long as checkpoint, device and precision are the same, too (see
    `cvstudio.analyses.stages.TRUNK`). The network has a `trunk_features`.

    Parameters
    ----------
    key : names the layers, and their weights where they are `published`
    preprocessing : names what is done to a picture before, as far as `ModelSpec.params` do not say it
    published : whether the published checkpoints of all models that declare it hold the same weights of it; each model
        may have a checkpoint of its own then. One that the user has chosen is another trunk
    """

    key: str
    preprocessing: str = ""
    published: bool = False

    def network_key(self, network: tuple[str, ...], *, chosen: bool = False) -> tuple[str, ...]:
        """What the output of the trunk depends on, of the `Host.network_key` of a model: all but the model's name.

        chosen : whether the user has chosen the checkpoint
        """
        # The key of a network: model, path and version of the checkpoint, device, precision.
        checkpoint = () if self.published and not chosen else network[1:3]
        return (self.key, self.preprocessing, *checkpoint, *network[3:])


class Network(Protocol):
    """A loaded model. `labels` are its class names by index."""

    @property
    def labels(self) -> tuple[str, ...]: ...


class TrunkNetwork(Network, Protocol):
    """A loaded model that has a `SharedTrunk`."""

    def trunk_features(self, image: Image, params: Any, progress: Progress) -> Any:
        """What the trunk says of a picture, frozen and on the CPU: what every model with the same trunk goes on with.

        `params` are those of the stage, by default `ModelSpec.params`.
        """
        ...

    def predict_from(self, features: Any, image: Image, params: Any, progress: Progress) -> Any:
        """As `predict` of the model's task, from the `trunk_features` of `image`, whichever model has computed them.

        Only of models of an analysis whose stage is `on_trunk`.
        """
        ...


class Detector(Network, Protocol):
    """A loaded detector."""

    def predict(self, image: Image, params: Any, progress: Progress) -> Detections:
        """Candidate boxes before score threshold and NMS, by descending score, at most `MAX_CANDIDATES`."""
        ...


MAX_CANDIDATES = 2000
"""Largest number of cached candidates; NMS over more is too slow for a slider."""


@dataclass(frozen=True)
class ModelSpec:
    """Declaration of a model: data only; `load` brings the behaviour and the heavy imports.

    Parameters
    ----------
    key, title, family, paper, year
    task : key in `TASKS`, e.g. "detect"; an analysis offers the models of its task
    load : callable (device, checkpoint path or None) -> Network
        Runs on the accelerator thread. Raises WeightsError.
    weights : published checkpoints, the default first; empty where a dependency carries the model
    params : parameter class of the predict stage
    ranges : this model's bounds of parameters, by name (see `Range.from_model`)
    defaults : this model's default values of parameters of later stages, by name
    labels : class names by index, where known before loading
    options : this model's choices of parameters, by name (see `Choices.from_model`)
    capabilities : what analyses may require: "gradients" and "hooks" (a torch module that can be inspected),
        "logits", "maps", "features", "anchors", "attention", "scores" (of a detector, with gradients); and
        "reentrant": stateless between calls, so that several threads may run it at once
    revision : text that changes whenever the same key and weights stand for another network
    architecture : how to build the bare network; None where it is no torch module
    trunk : first part of the network that other models share; None where it shares none
    better : keys of models of the same task that serve better where this one does not, the first one first; the window
        offers one of them beside this model
    """

    key: str
    title: str
    task: str
    family: str
    paper: str
    year: int
    load: Callable[[str, Path | None], Any]
    weights: tuple[Weights, ...] = ()
    params: type[Any] = NoParams
    ranges: Mapping[str, Range] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    capabilities: frozenset[str] = frozenset()
    keywords: tuple[str, ...] = ()
    summary: str = ""
    revision: str = ""
    architecture: Architecture | None = None
    trunk: SharedTrunk | None = None
    better: tuple[str, ...] = ()
