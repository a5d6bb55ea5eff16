"""The result of k-nearest-neighbour classification: the nearest pictures of a gallery, and their vote.

Source: Cover and Hart, "Nearest Neighbor Pattern Classification", 1967; weights by distance: Dudani, "The
Distance-Weighted k-Nearest-Neighbor Rule", 1976.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size, readonly
from cvstudio.data.pixel_map import PixelMap
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
    """The nearest pictures of a gallery, in ascending distance.

    Parameters
    ----------
    distances : float32 (k,)
        In `metric`, ascending.
    classes : int64 (k,)
        Index into `labels`; -1 for a picture without a class.
    labels : names of all classes of the gallery
    folder : folder of the gallery
    names : path of each picture below `folder`
    thumbnails : uint8 RGB (h, w, 3) of each picture, None where it is missing
    metric : "cosine" (1 - cosine similarity), "L2" or "L1"
    votes : vote of the neighbours that have a class, the most probable class first; None where none has a class
    size : size of the query picture
    compared, total, unread : numbers of pictures that were compared, that the gallery has, and that are not readable
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
        """Class name of a neighbour; empty where it has none."""
        number = int(self.classes[row])
        return self.labels[number] if number >= 0 else ""

    def path(self, row: int) -> Path:
        return self.folder / self.names[row]

    def placed(self, pixel_map: PixelMap) -> Self:
        votes = self.votes.placed(pixel_map) if self.votes is not None else None
        return dataclasses.replace(self, votes=votes, size=pixel_map.target)

    def headline(self) -> str:
        if self.votes is not None:
            return f"{self.votes.label(0)} {self.votes.probabilities[0]:.0%}"
        return f"{len(self)} nearest"

    def table(self) -> Table:
        """One row for each neighbour, the nearest first: rank, path below the gallery's folder, distance, metric, label
        (empty where it has none) and vote fraction of this label."""
        columns = (
            Column("rank", "Rank"),
            Column("file", "File", kind="text"),
            Column("distance", "Distance"),
            Column("metric", "Metric", kind="text"),
            Column("label", "Class", kind="label", among=self.labels),
            Column("votes", "Votes", "%", kind="fraction"),
        )
        votes = self.votes
        fractions = (
            {votes.label(row): votes.probabilities[row] for row in range(len(votes))} if votes is not None else {}
        )
        rows = [
            (
                row + 1,
                name,
                number(self.distances[row]),
                self.metric,
                self.label(row),
                number(fractions.get(self.label(row), np.float32(0))),
            )
            for row, name in enumerate(self.names)
        ]
        return Table("cvstudio-neighbours", "neighbours", columns, rows)
