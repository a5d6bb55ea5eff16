"""Attention of a detection transformer: what its object queries, and the places of the picture, look at.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1, for each head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import readonly
from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections


@dataclass(frozen=True, eq=False)
class Projections:
    """What is compared in one layer. With it, the attention of one query costs one row of a product.

    Parameters
    ----------
    queries : float32 (n, d), projected, the heads side by side
    keys : float32 (places, d), likewise
    """

    queries: NDArray[np.float32]
    keys: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.queries.ndim != 2 or self.keys.ndim != 2 or self.queries.shape[1] != self.keys.shape[1]:
            raise ValueError(f"expected queries (n, d) and keys (m, d), found {self.queries.shape}, {self.keys.shape}")
        for name in ("queries", "keys"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def weights(self, row: int, heads: int) -> NDArray[np.float32]:
        """How strongly the query `row` attends to each key: float32 (heads, places); each head's sum to 1."""
        from scipy.special import softmax

        query = self.queries[row].reshape(heads, -1)
        keys = self.keys.reshape(len(self.keys), heads, -1)
        scores = np.einsum("hd,phd->hp", query, keys, dtype=np.float32) / np.float32(np.sqrt(query.shape[1]))
        found: NDArray[np.float32] = softmax(scores, axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Attended:
    """What a detection transformer finds in a picture, and what it looked at for it.

    Parameters
    ----------
    detections : their ids are the numbers of the object queries
    objects : of the decoder's layers, in order: object queries look at places
    places : of the encoder's layers, in order: places look at each other
    grid : rows and columns of places; they lie evenly over the picture
    heads : of every layer
    """

    detections: Detections
    objects: tuple[Projections, ...]
    places: tuple[Projections, ...]
    grid: tuple[int, int]
    heads: int


class AttentionNetwork(Protocol):
    """A detector whose attention can be looked at."""

    def attend(self, image: Image, params: Any, progress: Progress) -> Attended: ...
