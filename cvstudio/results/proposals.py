"""Intermediate values of a detector with anchors: anchors, proposals, and boxes refined by its last stage."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import smallest_at
from cvstudio.data.geometry import Size, check_arrays
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number

Shows = Literal["anchors", "before", "after", "both"]


@dataclass(frozen=True)
class Level:
    """The anchors of one feature map: `rows` x `columns` cells, each with `per_place` anchors around its centre.

    `origin` is the centre of the first cell and `stride` the distance between cells, x, y in image pixels; `first` is
    the index of the level's first anchor among all anchors.
    """

    rows: int
    columns: int
    per_place: int
    origin: tuple[float, float]
    stride: tuple[float, float]
    first: int

    @property
    def count(self) -> int:
        return self.rows * self.columns * self.per_place

    def nearest(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the cell whose centre is nearest to (x, y) in image pixels."""
        column = round((x - self.origin[0]) / self.stride[0])
        row = round((y - self.origin[1]) / self.stride[1])
        return min(max(row, 0), self.rows - 1), min(max(column, 0), self.columns - 1)

    def middle(self, row: int, column: int) -> tuple[float, float]:
        """Centre x, y of a cell, in image pixels."""
        x = self.origin[0] + (column * self.stride[0] if column else 0.0)
        return x, self.origin[1] + (row * self.stride[1] if row else 0.0)


@dataclass(frozen=True, eq=False)
class Proposals(Result):
    """Anchors, proposals and refined boxes of one picture.

    Parameters
    ----------
    anchors : float32 (n, 4)
        x1, y1, x2, y2 in image pixels, not clipped to the picture; ordered by level, row, column, and within a cell as
        in the network.
    levels : the feature maps, the finest first
    proposal_boxes : float32 (m, 4)
        Input boxes of the last stage, by descending objectness: proposals of a two-stage network, anchors of a
        single-shot one.
    objectness : float32 (m,)
        0..1, descending: probability that a box contains an object; for a single-shot network, the score.
    refined_boxes : float32 (m, 4)
        The same boxes after the regression of the most probable class, clipped to the picture.
    scores : float32 (m,), probability of that class
    classes : int64 (m,), index of that class into `labels`
    two_stages : whether `proposal_boxes` are proposals
    show : "anchors" at `place`, boxes "before" or "after" the last stage, or "both"
    place : x, y in image pixels
    level : level whose anchors are shown, from 1; 0 for all
    count : largest number of boxes that are shown

    Raises
    ------
    ValueError
        A shape or dtype differs.
    """

    anchors: NDArray[np.float32]
    levels: tuple[Level, ...]
    proposal_boxes: NDArray[np.float32]
    objectness: NDArray[np.float32]
    refined_boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]
    labels: tuple[str, ...]
    size: Size
    two_stages: bool
    show: Shows = "anchors"
    place: tuple[float, float] = (0.0, 0.0)
    level: int = 0
    count: int = 20
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        n, m = sum(level.count for level in self.levels), len(self.proposal_boxes)
        check_arrays(
            self,
            {
                "anchors": (np.float32, (n, 4)),
                "proposal_boxes": (np.float32, (m, 4)),
                "objectness": (np.float32, (m,)),
                "refined_boxes": (np.float32, (m, 4)),
                "scores": (np.float32, (m,)),
                "classes": (np.int64, (m,)),
            },
        )

    def shown(self, **values: Any) -> Proposals:
        """A copy with other display settings (`show`, `place`, `level`, `count`)."""
        return dataclasses.replace(self, **values)

    def anchors_at(self, x: float, y: float) -> list[NDArray[np.int64]]:
        """Rows of the anchors of the cell nearest to (x, y), for each level: int64 (`per_place`,)."""
        rows_by_level = []
        for level in self.levels:
            row, column = level.nearest(x, y)
            first = level.first + (row * level.columns + column) * level.per_place
            rows_by_level.append(np.arange(first, first + level.per_place))
        return rows_by_level

    def regions(self) -> NDArray[np.int64]:
        """Rows of the boxes that are shown: by objectness, or by score where boxes after the last stage are shown."""
        order = np.arange(len(self.proposal_boxes)) if self.show != "after" else np.argsort(-self.scores, kind="stable")
        return order[: self.count].astype(np.int64)

    def label(self, row: int) -> str:
        return self.labels[int(self.classes[row])]

    def part_at(self, x: float, y: float) -> int | None:
        """Row of the smallest shown box that contains (x, y); None where there is none, or anchors are shown."""
        if self.show == "anchors":
            return None
        rows = self.regions()
        boxes = (self.proposal_boxes if self.show == "before" else self.refined_boxes)[rows]
        position = smallest_at(boxes, x, y)
        return None if position is None else int(rows[position])

    def headline(self) -> str:
        if self.show == "anchors":
            return f"{len(self.anchors):,} anchors"
        return f"{len(self.proposal_boxes):,} {'proposals' if self.two_stages else 'best places'}"

    def table(self) -> Table:
        """One row for each input box of the last stage, by descending objectness: number, objectness (the score of a
        single-shot network), box before, class, score and box after the last stage."""
        columns = (
            Column("region", "Region"),
            Column("before", "Before", kind="fraction"),
            Column(
                "box_before", "Box before", "px", kind="box", csv=("x1_before", "y1_before", "x2_before", "y2_before")
            ),
            Column("label", "Class", kind="label", among=self.labels),
            Column("score", "After", kind="fraction"),
            Column("box_after", "Box after", "px", kind="box", csv=("x1", "y1", "x2", "y2")),
        )
        rows = [
            (
                row,
                number(self.objectness[row]),
                [number(value) for value in self.proposal_boxes[row]],
                self.label(row),
                number(self.scores[row]),
                [number(value) for value in self.refined_boxes[row]],
            )
            for row in range(len(self.proposal_boxes))
        ]
        return Table("cvstudio-regions-of-interest", "regions", columns, rows, range(len(rows)))
