"""Greedy non-maximum suppression step by step: the selected boxes in order, and the boxes that each suppresses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import iou_with, is_above, smallest_at
from cvstudio.data.geometry import Size, check_arrays
from cvstudio.data.pixel_map import PixelMap
from cvstudio.results.detections import Detections
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number


@dataclass(frozen=True, eq=False)
class Pairs:
    """A selected box, and the remaining boxes that overlap it.

    Parameters
    ----------
    taken : row of the selected box
    rows : int64 (m,), rows of the others, by descending IoU
    iou : float32 (m,), IoU with the selected box, above 0
    suppressed : bool (m,), which of them it suppresses
    """

    taken: int
    rows: NDArray[np.int64]
    iou: NDArray[np.float32]
    suppressed: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Suppression(Result):
    """All steps of a non-maximum suppression, and the current one.

    Step 0 shows all candidates. Each kept box then has two steps: in the odd one it is selected, as the best of the
    remaining boxes; in the even one that follows, the boxes that overlap it too much are suppressed.

    Parameters
    ----------
    candidates : input boxes, the best first
    kept : int64 (k,)
        Rows of the kept boxes, in the order of their selection.
    suppressed_by : int64 (n,)
        For each row, the index into `kept` of the box that suppresses it; for a kept box its own index.
    iou : 0..1, a box is suppressed where its IoU with a better, kept box is larger
    class_wise : whether boxes of different classes never suppress each other
    step : 0..`last_step`

    Raises
    ------
    ValueError
        A shape or dtype differs, or the step is out of range.
    """

    candidates: Detections
    kept: NDArray[np.int64]
    suppressed_by: NDArray[np.int64]
    iou: float
    class_wise: bool
    step: int = 0

    def __post_init__(self) -> None:
        n, k = len(self.candidates), len(self.kept)
        check_arrays(self, {"kept": (np.int64, (k,)), "suppressed_by": (np.int64, (n,))})
        if not 0 <= self.step <= self.last_step:
            raise ValueError(f"expected a step of 0..{self.last_step}, found {self.step}")

    @property
    def size(self) -> Size:
        """Size of the picture."""
        return self.candidates.size

    @property
    def source(self) -> Source:
        return self.candidates.source

    @property
    def last_step(self) -> int:
        return 2 * len(self.kept)

    @property
    def turn(self) -> int:
        """Index into `kept` of the box of this step; -1 at step 0."""
        return (self.step + 1) // 2 - 1

    @property
    def dropping(self) -> bool:
        """Whether this step suppresses boxes; otherwise it selects one, or is step 0."""
        return self.step > 0 and self.step % 2 == 0

    @property
    def ended(self) -> bool:
        return self.step == self.last_step

    def at(self, step: int) -> Suppression:
        """A copy at another step, clipped to 0..`last_step`."""
        return dataclasses.replace(self, step=min(max(step, 0), self.last_step))

    def stays(self) -> NDArray[np.int64]:
        """Rows of the boxes selected up to this step, in order."""
        return self.kept[: self.turn + 1]

    def waiting(self) -> NDArray[np.int64]:
        """Rows of the boxes neither selected nor suppressed after this step, the best first."""
        later = self.suppressed_by > self.turn if self.dropping else self.suppressed_by >= self.turn
        if self.turn >= 0:
            later[self.kept[self.turn]] = False
        return np.flatnonzero(later)

    def pairs(self, turn: int | None = None) -> Pairs | None:
        """Pairs of the box of this step, or of the one at index `turn` of `kept`; None at step 0."""
        turn = self.turn if turn is None else turn
        if turn < 0:
            return None
        taken = int(self.kept[turn])
        remaining = self.suppressed_by >= turn
        remaining[taken] = False
        if self.class_wise:
            remaining &= self.candidates.classes == self.candidates.classes[taken]
        rows = np.flatnonzero(remaining)
        ious = iou_with(self.candidates.boxes[taken], self.candidates.boxes[rows])
        order = np.argsort(-ious, kind="stable")
        order = order[ious[order] > 0]
        rows, ious = rows[order], ious[order]
        return Pairs(taken, rows, ious, is_above(ious, self.iou))

    def placed(self, pixel_map: PixelMap) -> Self:
        return dataclasses.replace(self, candidates=self.candidates.placed(pixel_map))

    def part_at(self, x: float, y: float) -> int | None:
        """Id of the smallest box that contains (x, y) in image pixels: of the pairs of this step, otherwise of all
        boxes that are not suppressed."""
        pairs = self.pairs()
        concerned = [pairs.taken, *pairs.rows.tolist()] if pairs is not None else []
        number = self._smallest(concerned, x, y)
        return self._smallest([*self.waiting(), *self.stays()], x, y) if number is None else number

    def _smallest(self, rows: list[int], x: float, y: float) -> int | None:
        place = smallest_at(self.candidates.boxes[rows], x, y)
        return None if place is None else int(self.candidates.ids[rows[place]])

    def headline(self) -> str:
        return f"Step {self.step} of {self.last_step}"

    def table(self) -> Table:
        """One row for each pair, in order: turn (from 1), id, label and score of the selected box, id and score of the
        other, their IoU, whether the other is suppressed. A selected box that overlaps no other has one row, without
        the other."""
        columns = (
            Column("turn", "Turn"),
            Column("taken", "Taken", shown=False),
            Column("label", "Class", kind="label", among=self.candidates.labels),
            Column("score", "Score"),
            Column("other", "Other", shown=False),
            Column("other_score", "Other's score"),
            Column("iou", "IoU", kind="fraction"),
            Column("dropped", "Dropped", kind="flag"),
        )
        boxes, ids = self.candidates, list[int]()
        rows: list[tuple[Any, ...]] = []
        for turn in range(len(self.kept)):
            pairs = self.pairs(turn)
            assert pairs is not None
            taken = turn + 1, int(boxes.ids[pairs.taken]), boxes.label(pairs.taken), number(boxes.scores[pairs.taken])
            if not len(pairs.rows):
                rows.append((*taken, None, None, None, False))
                ids.append(taken[1])
            for row, iou, dropped in zip(pairs.rows.tolist(), pairs.iou, pairs.suppressed.tolist(), strict=True):
                other = int(boxes.ids[row])
                rows.append((*taken, other, number(boxes.scores[row]), number(iou), dropped))
                ids.append(other)
        return Table("cvstudio-suppression", "pairs", columns, rows, ids)
