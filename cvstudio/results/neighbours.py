"""The pictures that are nearest to one, and what they vote for.

Source: Cover and Hart, "Nearest Neighbor Pattern Classification", 1967; weights by distance: Dudani, "The
Distance-Weighted k-Nearest-Neighbor Rule", 1976.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.results.classification import Classification
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number

COSINE, L2, L1 = "cosine", "L2", "L1"
METRICS = (COSINE, L2, L1)
_BLOCK = 4_000_000
"""Numbers that are compared at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Neighbours(Result):
    """The nearest pictures of a gallery, the nearest first.

    Parameters
    ----------
    distances : float32 (k,)
        In `metric`, ascending.
    classes : int64 (k,)
        Index into `labels`; -1 for a picture without a class.
    labels : names of all classes of the gallery
    folder, names : of the gallery, and of the pictures below it
    thumbnails : uint8 RGB (h, w, 3) of each, or None where there is none
    metric : "cosine" (1 - cosine similarity), "L2" or "L1"
    votes : what the neighbours that have a class say, the likeliest first; None where none has one
    size : of the picture that they are neighbours of
    compared, total, unread : pictures that were compared with, that the gallery holds, and that could not be read
    """

    distances: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    folder: Path
    names: tuple[str, ...]
    thumbnails: tuple[NDArray[np.uint8] | None, ...]
    metric: str
    votes: Classification | None
    size: Size
    compared: int
    total: int
    unread: int = 0
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        k = len(self.names)
        if self.distances.dtype != np.float32 or self.distances.shape != (k,):
            raise ValueError(
                f"expected distances as float32 ({k},), found {self.distances.dtype} {self.distances.shape}"
            )
        if self.classes.dtype != np.int64 or self.classes.shape != (k,) or len(self.thumbnails) != k:
            raise ValueError(f"expected classes as int64 ({k},) and {k} thumbnails, found {self.classes.shape}")
        for name in ("distances", "classes"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.names)

    def label(self, row: int) -> str:
        """The class of a neighbour; empty where it has none."""
        number = int(self.classes[row])
        return self.labels[number] if number >= 0 else ""

    def path(self, row: int) -> Path:
        return self.folder / self.names[row]

    def headline(self) -> str:
        if self.votes is not None:
            return f"{self.votes.label(0)} {self.votes.probabilities[0]:.0%}"
        return f"{len(self)} nearest"

    def table(self) -> Table:
        """One row for each neighbour, the nearest first: rank, file below the gallery's folder, distance, its metric,
        label (empty where it has none) and the part of the votes that this label has."""
        columns = (
            Column("rank", "Rank"),
            Column("file", "File", kind="text"),
            Column("distance", "Distance"),
            Column("metric", "Metric", kind="text"),
            Column("label", "Class", kind="label"),
            Column("votes", "Votes", "%", kind="fraction"),
        )
        votes = self.votes
        part = {votes.label(row): votes.probabilities[row] for row in range(len(votes))} if votes is not None else {}
        rows = [
            (
                row + 1,
                name,
                number(self.distances[row]),
                self.metric,
                self.label(row),
                number(part.get(self.label(row), np.float32(0))),
            )
            for row, name in enumerate(self.names)
        ]
        return Table("cvstudio-neighbours", "neighbours", columns, rows)
