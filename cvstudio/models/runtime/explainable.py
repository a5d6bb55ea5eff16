"""Looking inside a classifier: what its layers say, and how an answer depends on them.

A network that can be looked into tells its steps from picture to answer; what is computed from them (class activation
maps here; guided gradients or occlusion need no more) does not know which network it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Rect
from cvstudio.data.samples import Image

if TYPE_CHECKING:
    from torch import Tensor


class LayerStep(NamedTuple):
    """A part of a network. `run` takes what the step before gives, for a batch of one."""

    name: str
    run: Callable[[Tensor], Tensor]


class Explainable(Protocol):
    """A classifier that can be looked into.

    Its steps, one after the other, lead from a picture to logits (1, classes); all but the last give feature maps
    (1, k, h, w).
    """

    device: str
    temperature: float
    """Divides the logits before they become probabilities."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def steps(self) -> tuple[LayerStep, ...]: ...

    def preprocess(self, image: Image) -> tuple[Tensor, Rect]:
        """What the first step takes, float32 (1, 3, h, w), and which part of `image` it shows."""
        ...

    def class_weights(self) -> NDArray[np.float32] | None:
        """Weights (classes, k) of the linear layer behind a global average; None where the last step is another."""
        ...
