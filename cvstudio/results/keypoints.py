"""The result of key point detection: named points of things."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cvstudio.data.boxes import smallest_at
from cvstudio.data.geometry import Size, check_arrays
from cvstudio.results.point_agreement import PointAgreement, Points, compare_points
from cvstudio.results.result import Result, Tolerance
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number

REACH = 0.04
"""Of the picture's longer side, within which a point is hit."""


@dataclass(frozen=True, eq=False)
class Keypoints(Result):
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

    def above_threshold(self) -> NDArray[np.bool_]:
        """Which points reach the threshold, bool (n, k)."""
        found: NDArray[np.bool_] = self.scores >= self.threshold
        return found

    def headline(self) -> str:
        return f"{int(self.above_threshold().sum())} points"

    def table(self) -> Table:
        """One row for each point of each thing: id of the thing, point, score, x, y in image pixels, whether it is
        believed."""
        columns = (
            Column("id", "Thing", shown=len(self) > 1),
            Column("point", "Point", kind="text"),
            Column("score", "Score", kind="fraction"),
            Column("x", "X", "px"),
            Column("y", "Y", "px"),
            Column("believed", "Believed", kind="flag", shown=False),
        )
        believed = self.above_threshold()
        places = [(row, index) for row in range(len(self)) for index in range(len(self.labels))]
        rows = [
            (
                int(self.ids[row]),
                self.labels[index],
                number(self.scores[row, index]),
                number(self.points[row, index, 0]),
                number(self.points[row, index, 1]),
                bool(believed[row, index]),
            )
            for row, index in places
        ]
        quiet = frozenset(place for place, (row, index) in enumerate(places) if not believed[row, index])
        return Table("cvstudio-keypoints", "points", columns, rows, [int(self.ids[row]) for row, _ in places], quiet)

    def part_at(self, x: float, y: float) -> int | None:
        """The id of the thing whose believed point is nearest to (x, y) and near; else of the smallest box around it,
        where things were looked at one by one."""
        away = np.where(self.above_threshold(), np.hypot(self.points[..., 0] - x, self.points[..., 1] - y), np.inf)
        if away.size and away.min() <= REACH * max(self.size):
            return int(self.ids[int(np.argmin(away.min(axis=1)))])
        row = smallest_at(self.boxes, x, y) if self.boxes is not None else None
        return None if row is None else int(self.ids[row])

    def agreement(self, other: Self) -> PointAgreement | None:
        return compare_points(self._compared(), other._compared())

    def _compared(self) -> Points:
        return Points(self.points, self.above_threshold(), self.labels, self.ids)

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """As many things, and no point that scores enough moves by more than `moved` or changes its score by more than
        `score_change`."""
        if self.points.shape != other.points.shape:
            return f"{len(self)} things become {len(other)}"
        sure = np.maximum(self.scores, other.scores) >= max(tolerance.score, self.threshold)
        away = np.linalg.norm(self.points - other.points, axis=2)[sure].max(initial=0.0) / max(self.size)
        if away > tolerance.moved:
            return f"a point moves by {away:.1%} of the picture"
        change = float(np.abs(self.scores - other.scores)[sure].max(initial=0.0))
        return f"a score changes by {change:.2f}" if change > tolerance.score_change else ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        return bool((self.scores >= max(tolerance.score, self.threshold)).any())
