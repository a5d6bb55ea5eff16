"""How far two results on the same picture say the same."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import pairwise_iou
from cvstudio.data.geometry import readonly

SAME = 0.5
"""Intersection over union from which two boxes are of the same thing, as in PASCAL VOC."""

TOP = 5


class ComparedBoxes(Protocol):
    """What is compared of detections: their boxes (n, 4), scores, ids and names by row."""

    def __len__(self) -> int: ...

    @property
    def boxes(self) -> NDArray[np.float32]: ...

    @property
    def scores(self) -> NDArray[np.float32]: ...

    @property
    def ids(self) -> NDArray[np.int64]: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    def label(self, row: int) -> str: ...


class Distribution(Protocol):
    """What a classifier says of every class: `values` float32 (classes,), by index into `labels`."""

    @property
    def values(self) -> NDArray[np.float32]: ...

    @property
    def labels(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ComparedRow:
    """One line of a comparison.

    Parameters
    ----------
    name : what it is about; left, right : what either side says of it, None where it says nothing
    iou : 0..1, how far both lie on each other; None where that has no meaning
    label : the class whose colour stands for it; empty for none
    ids : numbers of the part on the left and on the right (`Result.part_at`); None where there is none
    contradicts : whether both sides name it differently
    """

    name: str
    left: str | None = None
    right: str | None = None
    iou: float | None = None
    label: str = ""
    ids: tuple[int | None, int | None] = (None, None)
    contradicts: bool = False


class Agreement(ABC):
    """How far two results agree: figures for both, figures of each side, and a line for each part."""

    @property
    @abstractmethod
    def degree(self) -> float | None:
        """How far both say the same, 1 where they say the very same; None where it cannot be told."""

    @abstractmethod
    def summary_lines(self) -> list[tuple[str, str]]:
        """Titles and values that hold for both."""

    def side_lines(self) -> list[tuple[str, str, str]]:
        """Titles with the value of the left and of the right side."""
        return []

    def rows(self) -> Sequence[ComparedRow]:
        """What either side says of each part, the most important first."""
        return ()

    def partner_of(self, number: int, *, of_left: bool) -> int | None:
        """The number of the part on the other side that is the same thing as part `number`; None where none is."""
        side = 0 if of_left else 1
        return next((row.ids[1 - side] for row in self.rows() if row.ids[side] == number), None)


@dataclass(frozen=True, eq=False)
class BoxAgreement(Agreement):
    """Two sets of boxes.

    Parameters
    ----------
    pairs : int64 (m, 2)
        Rows left and right of what both found: the same class, and an intersection over union of at least `iou`.
    pair_iou : float32 (m,), intersection over union of each pair, which are in the order of the left rows
    renamed : int64 (r, 2), rows of what both found and named differently
    only_left, only_right : int64, rows that the other side has nothing for
    unknown_left, unknown_right : how many of these are of a class that the other side's model does not know
    iou : 0..1, from which two boxes are of the same thing
    correlation : of the scores of the pairs (Pearson), -1..1; None for fewer than three or without any spread
    compared : the rows of the comparison: pairs, then what was named differently, then what only one side has
    """

    pairs: NDArray[np.int64]
    pair_iou: NDArray[np.float32]
    renamed: NDArray[np.int64]
    only_left: NDArray[np.int64]
    only_right: NDArray[np.int64]
    unknown_left: int
    unknown_right: int
    iou: float
    correlation: float | None
    compared: tuple[ComparedRow, ...] = ()

    def __post_init__(self) -> None:
        for name in ("pairs", "pair_iou", "renamed", "only_left", "only_right"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    @property
    def share(self) -> float:
        """Of all boxes those that are in a pair (the Dice coefficient), 0..1; 1 where there are none at all."""
        singles = len(self.only_left) + len(self.only_right) + 2 * len(self.renamed)
        paired = 2 * len(self.pairs)
        return paired / (paired + singles) if paired + singles else 1.0

    @property
    def mean_iou(self) -> float | None:
        """Of the pairs; None where there are none."""
        return float(self.pair_iou.mean()) if len(self.pair_iou) else None

    def partner(self, row: int, *, of_left: bool) -> int | None:
        """The row on the other side that `row` is the same thing as; None where there is none."""
        both = np.concatenate((self.pairs, self.renamed))
        found = both[both[:, 0 if of_left else 1] == row]
        return int(found[0, 1 if of_left else 0]) if len(found) else None

    @property
    def degree(self) -> float:
        return self.share

    def summary_lines(self) -> list[tuple[str, str]]:
        renamed = [("Named differently", str(len(self.renamed)))] if len(self.renamed) else []
        return [
            ("Agreement", f"{self.share:.0%}"),
            ("Found by both", str(len(self.pairs))),
            *renamed,
            ("Mean IoU", _number(self.mean_iou)),
            ("Scores' correlation", _number(self.correlation)),
        ]

    def side_lines(self) -> list[tuple[str, str, str]]:
        both = len(self.pairs) + len(self.renamed)
        lines = [
            ("Found", f"{both + len(self.only_left):,}", f"{both + len(self.only_right):,}"),
            ("Only here", f"{len(self.only_left):,}", f"{len(self.only_right):,}"),
        ]
        if self.unknown_left or self.unknown_right:
            lines.append(("… unknown there", str(self.unknown_left), str(self.unknown_right)))
        return lines

    def rows(self) -> Sequence[ComparedRow]:
        return self.compared


@dataclass(frozen=True)
class LabelAgreement(Agreement):
    """Two guesses at what a picture shows.

    same : whether the likeliest class is the same; shared : names among the `top` likeliest of both; top : how many
    were looked at; divergence_bits : Kullback-Leibler divergence of the right distribution from the left one, in
    bits, and the other way round; None where the classes differ or the distributions are not known; compared : every
    class that one of both names, the likeliest of either first
    """

    same: bool
    shared: tuple[str, ...]
    top: int
    divergence_bits: tuple[float, float] | None
    compared: tuple[ComparedRow, ...] = ()

    @property
    def degree(self) -> float | None:
        """The shared part of the likeliest names; None where there are none."""
        return len(self.shared) / self.top if self.top else None

    def summary_lines(self) -> list[tuple[str, str]]:
        lines = [
            ("Likeliest class", "the same" if self.same else "another"),
            (f"Shared of the top {self.top}", str(len(self.shared))),
        ]
        if self.divergence_bits is not None:
            lines += [("KL left to right", f"{self.divergence_bits[0]:.3f} bit")]
            lines += [("KL right to left", f"{self.divergence_bits[1]:.3f} bit")]
        return lines

    def rows(self) -> Sequence[ComparedRow]:
        return self.compared


@dataclass(frozen=True)
class RegionAgreement(Agreement):
    """Two maps of classes: share 0..1 of the picture where both say the same, and the mean over all classes of their
    intersections over unions (`mean_iou`); `by_class` has it by name, the largest union first."""

    share: float
    mean_iou: float
    by_class: tuple[tuple[str, float], ...]

    @property
    def degree(self) -> float:
        return self.share

    def summary_lines(self) -> list[tuple[str, str]]:
        return [("Same class", f"{self.share:.1%}"), ("Mean IoU", _number(self.mean_iou))]

    def rows(self) -> Sequence[ComparedRow]:
        return [ComparedRow(name, iou=iou, label=name) for name, iou in self.by_class]


@dataclass(frozen=True)
class HeatAgreement(Agreement):
    """Two heat maps: the correlation of their values (Pearson), -1..1; None where one of them is flat."""

    correlation: float | None

    @property
    def degree(self) -> float | None:
        return self.correlation

    def summary_lines(self) -> list[tuple[str, str]]:
        return [("Correlation", _number(self.correlation))]


def match(fractions: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pair rows with columns, each at most once: as many as `allowed` (n, m) lets, and of all such pairings the one
    whose `fractions` (n, m), 0..1, have the largest sum.

    Returns
    -------
    int64 (k, 2), rows ascending
    """
    from scipy.optimize import linear_sum_assignment

    # One more pair outweighs whatever the fractions of the others could gain.
    worth = np.where(allowed, fractions + min(fractions.shape, default=0) + 1, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = allowed[rows, columns]
    return np.stack((rows[kept], columns[kept]), axis=1).astype(np.int64)


def compare_boxes(left: ComparedBoxes, right: ComparedBoxes, iou: float = SAME) -> BoxAgreement:
    """Pair the boxes of the same name first; of what is left, those that lie on each other were named differently."""
    ious = pairwise_iou(left.boxes.astype(np.float64), right.boxes.astype(np.float64))
    near = ious >= iou
    names = [np.array([found.label(row) for row in range(len(found))], object) for found in (left, right)]
    same = names[0][:, None] == names[1][None] if len(left) and len(right) else np.zeros(ious.shape, bool)
    pairs = match(ious, near & same)
    free = near.copy()
    free[pairs[:, 0]] = False
    free[:, pairs[:, 1]] = False
    renamed = match(ious, free)
    both = np.concatenate((pairs, renamed))
    only = [np.setdiff1d(np.arange(len(found)), both[:, side]) for side, found in enumerate((left, right))]
    compared = [
        *(_box_row(left, right, one, other, float(ious[one, other])) for one, other in pairs.tolist()),
        *(_box_row(left, right, one, other, None) for one, other in renamed.tolist()),
        *(_box_row(left, right, row, None, None) for row in only[0].tolist()),
        *(_box_row(left, right, None, row, None) for row in only[1].tolist()),
    ]
    return BoxAgreement(
        pairs,
        ious[pairs[:, 0], pairs[:, 1]].astype(np.float32),
        renamed,
        only[0].astype(np.int64),
        only[1].astype(np.int64),
        sum(name not in right.labels for name in names[0][only[0]]),
        sum(name not in left.labels for name in names[1][only[1]]),
        iou,
        _correlation(left.scores[pairs[:, 0]], right.scores[pairs[:, 1]]) if len(pairs) >= 3 else None,
        tuple(compared),
    )


def _box_row(
    left: ComparedBoxes, right: ComparedBoxes, one: int | None, other: int | None, iou: float | None
) -> ComparedRow:
    sides = [(boxes, row) for boxes, row in ((left, one), (right, other)) if row is not None]
    names = list(dict.fromkeys(boxes.label(row) for boxes, row in sides))
    return ComparedRow(
        " / ".join(names),
        None if one is None else f"{left.scores[one]:.2f}",
        None if other is None else f"{right.scores[other]:.2f}",
        iou,
        names[0],
        (None if one is None else int(left.ids[one]), None if other is None else int(right.ids[other])),
        contradicts=len(names) > 1,
    )


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    x, y = (values.astype(np.float64).ravel() - float(values.mean()) for values in (one, other))
    length = float(np.sqrt((x * x).sum() * (y * y).sum()))
    # What is left of a flat map is rounding.
    tiny = 1e-12 * max(1.0, float(np.abs(one).max()) * float(np.abs(other).max())) * len(x)
    return float((x * y).sum() / length) if length > tiny else None


def compare_labels(
    left: Mapping[str, float],
    right: Mapping[str, float],
    distributions: tuple[Distribution | None, Distribution | None] = (None, None),
) -> LabelAgreement:
    """Compare names with their probabilities 0..1, the likeliest first; and, where they are known, the distributions
    over all classes."""
    top = min(TOP, len(left), len(right))
    likely = [list(side)[:top] for side in (left, right)]
    shared = tuple(name for name in likely[0] if name in likely[1])
    one, other = distributions
    divergence = divergence_bits(one, other) if one is not None and other is not None else None
    names = sorted({**left, **right}, key=lambda name: -max(left.get(name, 0.0), right.get(name, 0.0)))
    said = [{name: f"{share:.1%}" for name, share in side.items()} for side in (left, right)]
    compared = tuple(ComparedRow(name, said[0].get(name), said[1].get(name), label=name) for name in names)
    return LabelAgreement(likely[0][:1] == likely[1][:1], shared, top, divergence, compared)


def divergence_bits(left: Distribution, right: Distribution) -> tuple[float, float] | None:
    """Kullback-Leibler divergences KL(left || right) and KL(right || left) of two classifiers' distributions, in bits;
    None where their classes are not the same ones."""
    from scipy.special import log_softmax

    if sorted(left.labels) != sorted(right.labels) or len(set(left.labels)) < len(left.labels):
        return None
    place = {name: number for number, name in enumerate(right.labels)}
    order = [place[name] for name in left.labels]
    logs = [log_softmax(left.values.astype(np.float64)), log_softmax(right.values.astype(np.float64)[order])]
    found = [float((np.exp(p) * (p - q)).sum() / np.log(2)) for p, q in ((logs[0], logs[1]), (logs[1], logs[0]))]
    return max(found[0], 0.0), max(found[1], 0.0)


def compare_regions(
    left: NDArray[np.int16], left_names: Sequence[str], right: NDArray[np.int16], right_names: Sequence[str]
) -> RegionAgreement:
    """Compare two maps of classes over the same picture: int16 (h, w), indices into their names, -1 for no class. A
    coarser one is enlarged."""
    height, width = (max(left.shape[side], right.shape[side]) for side in (0, 1))
    names = tuple(dict.fromkeys((*left_names, *right_names)))
    number = {name: index + 1 for index, name in enumerate(names)}
    maps = []
    for classes, known in ((left, left_names), (right, right_names)):
        table = np.array([0, *(number[name] for name in known)])
        rows = (np.arange(height) * classes.shape[0]) // height
        columns = (np.arange(width) * classes.shape[1]) // width
        maps.append(table[classes[np.ix_(rows, columns)] + 1])
    count = len(names) + 1
    table = np.bincount((maps[0] * count + maps[1]).ravel(), minlength=count * count).reshape(count, count)
    common = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - common
    # What neither is sure of is no class.
    there = [index for index in np.argsort(-union, kind="stable").tolist() if index and union[index]]
    by_class = tuple((names[index - 1], float(common[index] / union[index])) for index in there)
    mean = float(np.mean([share for _, share in by_class])) if by_class else 1.0
    return RegionAgreement(float(common.sum() / table.sum()), mean, by_class)


def compare_heat(left: NDArray[np.float32], right: NDArray[np.float32]) -> HeatAgreement:
    """Compare two maps (h, w) of the same part of a picture; a coarser one is enlarged."""
    import cv2

    height, width = (max(left.shape[side], right.shape[side]) for side in (0, 1))
    maps = [cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR) for values in (left, right)]
    return HeatAgreement(_correlation(maps[0], maps[1]))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
