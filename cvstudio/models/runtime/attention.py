"""Attention weights of a detection transformer: of its object queries, and of the cells of the feature map.

Source: Vaswani et al., "Attention Is All You Need", NeurIPS 2017, equation 1, per head.
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
    """Projected queries and keys of one attention layer; the weights of one query then cost one row of their product.

    Parameters
    ----------
    queries : float32 (n, d), the heads side by side
    keys : float32 (m, d), likewise

    Raises
    ------
    ValueError
        Another shape.
    """

    queries: NDArray[np.float32]
    keys: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.queries.ndim != 2 or self.keys.ndim != 2 or self.queries.shape[1] != self.keys.shape[1]:
            raise ValueError(f"expected queries (n, d) and keys (m, d), found {self.queries.shape}, {self.keys.shape}")
        for name in ("queries", "keys"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def weights(self, row: int, heads: int) -> NDArray[np.float32]:
        """Attention weights of the query `row` over the keys, float32 (heads, m), 0..1; each head's sum to 1."""
        from scipy.special import softmax

        query = self.queries[row].reshape(heads, -1)
        keys = self.keys.reshape(len(self.keys), heads, -1)
        scores = np.einsum("hd,phd->hp", query, keys, dtype=np.float32) / np.float32(np.sqrt(query.shape[1]))
        weights: NDArray[np.float32] = softmax(scores, axis=1)
        return weights


@dataclass(frozen=True, eq=False)
class Attended:
    """Detections of a transformer with the projections of its attention layers.

    Parameters
    ----------
    detections : their ids are the numbers of the object queries
    objects : cross-attention of the decoder's layers, in order: object queries over cells of the feature map
    places : self-attention of the encoder's layers, in order: cells over cells
    grid : rows and columns of the feature map, whose cells cover the picture evenly
    heads : attention heads of every layer
    """

    detections: Detections
    objects: tuple[Projections, ...]
    places: tuple[Projections, ...]
    grid: tuple[int, int]
    heads: int


class AttentionNetwork(Protocol):
    """A detector that exposes its attention (capability "attention")."""

    def attend(self, image: Image, params: Any, progress: Progress) -> Attended: ...
