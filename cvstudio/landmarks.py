"""The result of key point detection: named points of things."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cvstudio.results import Source
from cvstudio.types import Size, check_arrays


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Named points of one or several things.

    Parameters
    ----------
    points : float32 (n, k, 2)
        x, y in image pixels of the k points of n things; (0, 0) is the outer corner of the top left pixel.
    scores : float32 (n, k)
        0..1, how sure the network is of each point.
    labels : names of the k points
    ids : int64 (n,)
    size : of the picture
    skeleton : pairs of points that a line joins
    boxes : float32 (n, 4), what was looked at; None for the whole picture
    threshold : a point is believed from this score on
    """

    points: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: tuple[str, ...]
    ids: NDArray[np.int64]
    size: Size
    skeleton: tuple[tuple[int, int], ...] = ()
    boxes: NDArray[np.float32] | None = None
    threshold: float = 0.0
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        n, k = len(self.points), len(self.labels)
        expected: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "points": (np.float32, (n, k, 2)),
            "scores": (np.float32, (n, k)),
            "ids": (np.int64, (n,)),
        }
        if self.boxes is not None:
            expected["boxes"] = (np.float32, (n, 4))
        check_arrays(self, expected)

    def __len__(self) -> int:
        return len(self.points)

    def believed(self) -> NDArray[np.bool_]:
        """Which points reach the threshold, bool (n, k)."""
        found: NDArray[np.bool_] = self.scores >= self.threshold
        return found
