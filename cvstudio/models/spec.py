"""What a model declares of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams, Range
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.weights.declaration import Weights


@dataclass(frozen=True)
class Architecture:
    """The bare network, for what looks at its layers or counts them; no checkpoint is needed.

    Parameters
    ----------
    build : callable () -> torch.nn.Module
        The module that `ModelSpec.load` fills, with random weights, in evaluation mode; also under
        ``torch.device("meta")``, where it takes no memory.
    input_size : (height, width) in pixels of the picture that figures refer to
    call : callable (module, pixels float32 (1, 3, height, width)) -> anything, optional
        Runs the module up to what it answers, for one that takes something else than the pixels.
    parameters, macs : as published, `macs` (multiply-adds) for `input_size`; 0 where they are to be counted
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
    key : names the layers, and their weights where a dependency carries them
    preprocessing : names what is done to a picture before, as far as `ModelSpec.params` do not say it
    """

    key: str
    preprocessing: str = ""

    def network_key(self, network: tuple[str, ...]) -> tuple[str, ...]:
        """What the output of the trunk depends on, of the `Host.network_key` of a model: all but the model's name."""
        return (self.key, self.preprocessing, *network[1:])


class Network(Protocol):
    """A loaded model. `labels` are its classes by index."""

    @property
    def labels(self) -> tuple[str, ...]: ...


class TrunkNetwork(Network, Protocol):
    """A loaded model that has a `SharedTrunk`."""

    def trunk_features(self, image: Image, params: Any, progress: Progress) -> Any:
        """What the trunk says of a picture, frozen and on the CPU: what every model with the same trunk goes on with.

        `params` are those of the stage, by default `ModelSpec.params`.
        """
        ...


class Detector(Network, Protocol):
    """A loaded detector."""

    def predict(self, image: Image, params: Any, progress: Progress) -> Detections:
        """Candidates before score threshold and NMS, scores descending, at most `MAX_CANDIDATES`."""
        ...


MAX_CANDIDATES = 2000
"""Candidates that are cached; NMS over more is too slow for a slider."""


@dataclass(frozen=True)
class ModelSpec:
    """A model: data only; `load` brings the behaviour and everything heavy.

    Parameters
    ----------
    key, title, family, paper, year
    task : "detect", …; an analysis picks its models by it
    load : callable (device, checkpoint path or None) -> Network
        Runs on the accelerator thread. Raises WeightsError.
    weights : published checkpoints, the default first; empty where a dependency carries the model
    params : of the predict stage
    ranges : replaces `Range` bounds by name (see `Range.from_model`)
    defaults : values of later stages' parameters that suit this model, by name
    labels : the classes, where known before loading
    options : values of a parameter that are this model's own, by name (see `Choices.from_model`)
    capabilities : what analyses may ask of the network: "gradients" and "hooks" (a torch module that can be looked
        into), "logits", "maps", "features", "anchors", "attention"; and "reentrant": several threads may run it at
        once, as it keeps nothing from one call to the next
    revision : another text whenever the same key and weights stand for another network
    architecture : the bare network, where it runs through torch
    trunk : what it has in common with other models
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
