"""The pictures that are nearest to one, and what they vote for.

Source: Cover and Hart, "Nearest Neighbor Pattern Classification", 1967; weights by distance: Dudani, "The
Distance-Weighted k-Nearest-Neighbor Rule", 1976.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.result import Result
from cvstudio.results import Labels, Source
from cvstudio.table import Column, Table, number
from cvstudio.types import Size, readonly

COSINE, L2, L1 = "cosine", "L2", "L1"
METRICS = (COSINE, L2, L1)
EQUAL, BY_DISTANCE = "equal", "distance"
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
    votes: Labels | None
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


def distances_to(query: NDArray[np.float32], vectors: NDArray[np.float32], metric: str) -> NDArray[np.float32]:
    """How far each row of `vectors` (n, d) is from `query` (d,): float32 (n,).

    L2 is the root of the summed squares, L1 the sum of the absolute differences. Of a vector of zeros the cosine
    distance is 1.
    """
    found = np.empty(len(vectors), np.float32)
    step = max(1, _BLOCK // max(1, vectors.shape[1]))
    length = float(np.linalg.norm(query))
    for start in range(0, len(vectors), step):
        part = vectors[start : start + step]
        if metric == COSINE:
            lengths = np.linalg.norm(part, axis=1) * length
            found[start : start + step] = 1 - part @ query / np.maximum(lengths, np.finfo(np.float32).tiny)
        else:
            away = part - query
            found[start : start + step] = (
                np.sqrt(np.einsum("nd,nd->n", away, away)) if metric == L2 else np.abs(away).sum(axis=1)
            )
    # Rounding may put a picture a little nearer to itself than nothing.
    return np.maximum(found, 0)


def nearest(distances: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """Rows of the `most` smallest distances, ascending; of equal ones the earlier row is the nearer."""
    if len(distances) > most:
        limit = np.partition(distances, most - 1)[most - 1]
        rows = np.flatnonzero(distances <= limit)
    else:
        rows = np.arange(len(distances))
    order = np.argsort(distances[rows], kind="stable")[:most]
    return rows[order].astype(np.int64)


def shares(
    distances: NDArray[np.float32], classes: NDArray[np.int64], n_classes: int, weighting: str
) -> NDArray[np.float32]:
    """The part of the votes that each class has, float32 (n_classes,), 0..1, of sum 1; zeros where nobody votes.

    With "distance" a vote weighs 1 / distance; where some are at no distance at all, they alone vote.
    """
    voting = classes >= 0
    away, numbers = distances[voting].astype(np.float64), classes[voting]
    if weighting == EQUAL:
        weights = np.ones(len(away))
    elif (away == 0).any():
        weights = (away == 0).astype(np.float64)
    else:
        weights = 1 / away
    found = np.bincount(numbers, weights, minlength=n_classes)
    total = found.sum()
    return (found / total if total else found).astype(np.float32)
