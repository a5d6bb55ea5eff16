"""The result of keypoint detection: named points of objects."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cvstudio.data.boxes import smallest_at
from cvstudio.data.geometry import Size, check_arrays
from cvstudio.data.pixel_map import PixelMap
from cvstudio.foundation.names import counted
from cvstudio.results.agreements.point_agreement import PointAgreement, Points, compare_points
from cvstudio.results.result import Result, Tolerance
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number

REACH = 0.04
"""Largest distance at which `part_at` hits a keypoint, as a fraction of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class Keypoints(Result):
    """Named points of one or several objects.

    Parameters
    ----------
    points : float32 (n, k, 2)
        x, y in image pixels of the k keypoints of n objects; (0, 0) is the outer corner of the top left pixel.
    scores : float32 (n, k)
        0..1, confidence of each keypoint.
    labels : names of the k keypoints
    ids : int64 (n,), number of each object
    size : size of the picture
    skeleton : pairs of keypoints that are connected by a line
    boxes : float32 (n, 4), the box in which each object was analysed; None for the whole picture
    threshold : minimum score of the keypoints that are drawn and compared
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

    def take(self, rows: NDArray[Any]) -> Self:
        """The objects of these rows, which may be a bool (n,)."""
        boxes = self.boxes[rows] if self.boxes is not None else None
        kept = {"points": self.points[rows], "scores": self.scores[rows], "ids": self.ids[rows], "boxes": boxes}
        return dataclasses.replace(self, **kept)

    def placed(self, pixel_map: PixelMap) -> Self:
        boxes = pixel_map.boxes(self.boxes) if self.boxes is not None else None
        return dataclasses.replace(self, points=pixel_map.points(self.points), boxes=boxes, size=pixel_map.target)

    def above_threshold(self) -> NDArray[np.bool_]:
        """Which keypoints reach the threshold, bool (n, k)."""
        above: NDArray[np.bool_] = self.scores >= self.threshold
        return above

    def headline(self) -> str:
        return counted(int(self.above_threshold().sum()), "point")

    def table(self) -> Table:
        """One row for each keypoint of each object: id of the object, name, score, x, y in image pixels, whether it
        reaches the threshold."""
        columns = (
            Column("id", "Thing", shown=len(self) > 1),
            Column("point", "Point", kind="text"),
            Column("score", "Score", kind="fraction"),
            Column("x", "X", "px"),
            Column("y", "Y", "px"),
            Column("believed", "Believed", kind="flag", shown=False),
        )
        above_threshold = self.above_threshold()
        cells = [(row, index) for row in range(len(self)) for index in range(len(self.labels))]
        rows = [
            (
                int(self.ids[row]),
                self.labels[index],
                number(self.scores[row, index]),
                number(self.points[row, index, 0]),
                number(self.points[row, index, 1]),
                bool(above_threshold[row, index]),
            )
            for row, index in cells
        ]
        quiet = frozenset(cell for cell, (row, index) in enumerate(cells) if not above_threshold[row, index])
        return Table("cvstudio-keypoints", "points", columns, rows, [int(self.ids[row]) for row, _ in cells], quiet)

    def part_at(self, x: float, y: float) -> int | None:
        """Id of the object whose keypoint above the threshold is nearest to (x, y), within `REACH`; otherwise of the
        smallest box that contains it."""
        distances = np.where(self.above_threshold(), np.hypot(self.points[..., 0] - x, self.points[..., 1] - y), np.inf)
        if distances.size and distances.min() <= REACH * max(self.size):
            return int(self.ids[int(np.argmin(distances.min(axis=1)))])
        row = smallest_at(self.boxes, x, y) if self.boxes is not None else None
        return None if row is None else int(self.ids[row])

    def agreement(self, other: Self) -> PointAgreement | None:
        return compare_points(self._compared(), other._compared())

    def _compared(self) -> Points:
        return Points(self.points, self.above_threshold(), self.labels, self.ids)

    def differs_from(self, other: Self, tolerance: Tolerance) -> str:
        """The same number of objects; no keypoint with a sufficient score moves by more than `moved` or changes its
        score by more than `score_change`."""
        if self.points.shape != other.points.shape:
            return f"{len(self)} things become {len(other)}"
        confident = np.maximum(self.scores, other.scores) >= max(tolerance.score, self.threshold)
        displacement = np.linalg.norm(self.points - other.points, axis=2)[confident].max(initial=0.0) / max(self.size)
        if displacement > tolerance.moved:
            return f"a point moves by {displacement:.1%} of the picture"
        change = float(np.abs(self.scores - other.scores)[confident].max(initial=0.0))
        return f"a score changes by {change:.2f}" if change > tolerance.score_change else ""

    def is_conclusive(self, tolerance: Tolerance) -> bool:
        return bool((self.scores >= max(tolerance.score, self.threshold)).any())
