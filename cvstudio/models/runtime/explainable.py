"""Interfaces of networks that can be explained.

Of a classifier these are its layers in order, from input to logits: class activation maps, guided gradients and
occlusion need no more. Of a detector it is the score of each candidate, as a tensor that autograd can go back from.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor


class LayerStep(NamedTuple):
    """One layer or block of a network. `run` maps the output of the step before to its own, for a batch of one."""

    name: str
    run: Callable[[Tensor], Tensor]


class Explainable(Protocol):
    """A classifier whose layers can be run one by one.

    Its steps in order map the preprocessed picture to logits (1, classes); all but the last return feature maps
    float (1, k, h, w).
    """

    device: str
    temperature: float
    """Divides the logits before they become probabilities."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def steps(self) -> tuple[LayerStep, ...]: ...

    def computing(self) -> AbstractContextManager[None]:
        """Context without gradients and in the chosen precision."""
        ...

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (n, classes) of inputs float32 (n, 3, h, w), by the fastest way; called within `computing`."""
        ...

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """Input of the first step, float32 (1, 3, h, w), and the part of `image` that it shows, in image pixels."""
        ...

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights float32 (classes, k) of the linear layer behind global average pooling; None for another head."""
        ...


class ScoredCandidates(NamedTuple):
    """Candidates of a detector before suppression, whatever their score.

    Parameters
    ----------
    boxes : float32 (n, 4), x1, y1, x2, y2 in image pixels, not clipped
    scores : float (n,), 0..1; it has a gradient where the network ran with gradients
    classes : int64 (n,), index into the labels of the network, -1 for one without a label
    rect : the part of the picture, and what is beyond its edges, that the input of the network shows, in image pixels
    input_size : height and width of that input in pixels
    """

    boxes: NDArray[np.float32]
    scores: Tensor
    classes: NDArray[np.int64]
    rect: Rect
    input_size: tuple[int, int]


class ScoredDetector(Protocol):
    """A detector whose scores are differentiable (capability "scores").

    `feature_layer` is the name of the module of `model` that answers the maps of its trunk.
    """

    model: Any
    feature_layer: str

    @property
    def labels(self) -> tuple[str, ...]: ...

    def scored(self, image: Image, params: Any, progress: Progress) -> ScoredCandidates:
        """All candidates, by torch, in float32 and without switching gradients off; `params` are those of `predict`.

        A network whose cells or queries are the candidates gives them in the same order for all pictures of a size.
        """
        ...
