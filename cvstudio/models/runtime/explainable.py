"""Interface of an explainable classifier: its layers in order, from input to logits.

Explanations (class activation maps; guided gradients or occlusion need no more) work on these layers alone, whatever
the network.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image

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
