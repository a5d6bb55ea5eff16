"""Greedy non-maximum suppression taken apart: which box is taken when, and what goes because of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import iou_with, is_above, smallest_at
from cvstudio.data.geometry import Size, check_arrays
from cvstudio.results.detections import Detections
from cvstudio.results.result import Result
from cvstudio.results.source import Source
from cvstudio.results.tables import Column, Table, number


@dataclass(frozen=True, eq=False)
class Pairs:
    """The box that was just taken, and each box that was still there and shares something with it.

    Parameters
    ----------
    taken : row of the taken box
    rows : int64 (m,), rows of the others, the largest overlap first
    iou : float32 (m,), intersection over union with the taken one, above 0
    suppressed : bool (m,), which go because of it
    """

    taken: int
    rows: NDArray[np.int64]
    iou: NDArray[np.float32]
    suppressed: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Suppression(Result):
    """All steps of a suppression, and the one that is looked at.

    Step 0 shows every candidate. Then each box that stays has two: in the odd one it is taken, as the best that is
    left; in the even one behind it what overlaps too much goes.

    Parameters
    ----------
    candidates : what goes in, the best first
    kept : int64 (k,)
        Rows of what stays, in the order in which they are taken.
    suppressed_by : int64 (n,)
        By row, the place in `kept` of the box because of which it goes, or its own for one that stays.
    iou : 0..1, a box goes where it shares more than this with a better one that stays
    class_wise : whether boxes of different classes leave each other alone
    step : 0..`last_step`

    Raises
    ------
    ValueError
        A shape, a dtype or the step is another.
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
        """Of the picture."""
        return self.candidates.size

    @property
    def source(self) -> Source:
        return self.candidates.source

    @property
    def last_step(self) -> int:
        return 2 * len(self.kept)

    @property
    def turn(self) -> int:
        """Place in `kept` of the box that this step is about; -1 at the beginning."""
        return (self.step + 1) // 2 - 1

    @property
    def dropping(self) -> bool:
        """Whether this step drops what overlaps; else it takes a box, or nothing has happened yet."""
        return self.step > 0 and self.step % 2 == 0

    @property
    def ended(self) -> bool:
        return self.step == self.last_step

    def at(self, step: int) -> Suppression:
        """The same at another step; beyond the ends it is the end."""
        return dataclasses.replace(self, step=min(max(step, 0), self.last_step))

    def stays(self) -> NDArray[np.int64]:
        """Rows of what was taken up to this step, in that order."""
        return self.kept[: self.turn + 1]

    def waiting(self) -> NDArray[np.int64]:
        """Rows of what is neither taken nor dropped after this step, the best first."""
        later = self.suppressed_by > self.turn if self.dropping else self.suppressed_by >= self.turn
        if self.turn >= 0:
            later[self.kept[self.turn]] = False
        return np.flatnonzero(later)

    def pairs(self, turn: int | None = None) -> Pairs | None:
        """The pairs of the box of this step, or of the one at place `turn` in `kept`; None at the beginning."""
        turn = self.turn if turn is None else turn
        if turn < 0:
            return None
        taken = int(self.kept[turn])
        there = self.suppressed_by >= turn
        there[taken] = False
        if self.class_wise:
            there &= self.candidates.classes == self.candidates.classes[taken]
        rows = np.flatnonzero(there)
        ious = iou_with(self.candidates.boxes[taken], self.candidates.boxes[rows])
        order = np.argsort(-ious, kind="stable")
        order = order[ious[order] > 0]
        rows, ious = rows[order], ious[order]
        return Pairs(taken, rows, ious, is_above(ious, self.iou))

    def part_at(self, x: float, y: float) -> int | None:
        """Id of the smallest box around (x, y), in image pixels, of those that this step is about; else of any that
        is still there."""
        found = self.pairs()
        about = [found.taken, *found.rows.tolist()] if found is not None else []
        number = self._smallest(about, x, y)
        return self._smallest([*self.waiting(), *self.stays()], x, y) if number is None else number

    def _smallest(self, rows: list[int], x: float, y: float) -> int | None:
        place = smallest_at(self.candidates.boxes[rows], x, y)
        return None if place is None else int(self.candidates.ids[rows[place]])

    def headline(self) -> str:
        return f"Step {self.step} of {self.last_step}"

    def table(self) -> Table:
        """One row for each pair that is looked at, in order: turn (from 1), ids of the box that is taken and of the
        other, its label and score, their intersection over union, whether it is dropped. A box that is taken and
        overlaps nothing has one without another."""
        columns = (
            Column("turn", "Turn"),
            Column("taken", "Taken", shown=False),
            Column("label", "Class", kind="label"),
            Column("score", "Score"),
            Column("other", "Other", shown=False),
            Column("other_score", "Other's score"),
            Column("iou", "IoU", kind="fraction"),
            Column("dropped", "Dropped", kind="flag"),
        )
        found, ids = self.candidates, list[int]()
        rows: list[tuple[Any, ...]] = []
        for turn in range(len(self.kept)):
            pairs = self.pairs(turn)
            assert pairs is not None
            taken = turn + 1, int(found.ids[pairs.taken]), found.label(pairs.taken), number(found.scores[pairs.taken])
            if not len(pairs.rows):
                rows.append((*taken, None, None, None, False))
                ids.append(taken[1])
            for row, share, dropped in zip(pairs.rows.tolist(), pairs.iou, pairs.suppressed.tolist(), strict=True):
                other = int(found.ids[row])
                rows.append((*taken, other, number(found.scores[row]), number(share), dropped))
                ids.append(other)
        return Table("cvstudio-suppression", "pairs", columns, rows, ids)
