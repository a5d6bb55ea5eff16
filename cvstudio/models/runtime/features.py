"""Features of whole pictures: what they are compared by, and which network they are of.

A classifier that offers `features` (see `FeatureNetwork`) says "features" among the capabilities of its `ModelSpec`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image


class FeatureNetwork(Protocol):
    """A network that describes pictures."""

    def features(self, images: Sequence[Image]) -> NDArray[np.float32]:
        """What the last layer is given, averaged over places: float32 (n, d), not normalised."""
        ...
