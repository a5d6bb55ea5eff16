"""Interface of networks that compute image features, by which pictures are compared.

A classifier with `features` (see `FeatureNetwork`) lists "features" in the capabilities of its `ModelSpec`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image


class FeatureNetwork(Protocol):
    """A network that computes one feature vector for each picture."""

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """Inputs of the last layer, averaged over positions: float32 (n, d), not normalised."""
        ...
