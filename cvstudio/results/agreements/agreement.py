"""Agreement of two results for the same picture."""

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
"""IoU from which two boxes are matched, as in PASCAL VOC."""

TOP = 5
"""Number of the most probable classes that are compared."""


class ComparedBoxes(Protocol):
    """Detections to be compared: float32 boxes (n, 4), scores (n,), ids (n,) and class names by row."""

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
    """Logits of all classes: `values` float32 (classes,), by index into `labels`."""

    @property
    def values(self) -> NDArray[np.float32]: ...

    @property
    def labels(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class ComparedRow:
    """One row of a comparison.

    Parameters
    ----------
    name : class or part that is compared
    left, right : value of either side, such as a score; None where it has none
    iou : IoU of both sides, 0..1; None where it has no meaning
    label : class whose colour marks the row; empty for none
    ids : part numbers on the left and on the right (`Result.part_at`); None where there is no part
    contradicts : whether the sides assign different classes
    """

    name: str
    left: str | None = None
    right: str | None = None
    iou: float | None = None
    label: str = ""
    ids: tuple[int | None, int | None] = (None, None)
    contradicts: bool = False


class Agreement(ABC):
    """Agreement of two results: measures of both, measures of each side, and a row for each part."""

    @property
    @abstractmethod
    def degree(self) -> float | None:
        """Overall agreement, at most 1 (identical); None where it is undefined."""

    @abstractmethod
    def summary_lines(self) -> list[tuple[str, str]]:
        """Title and value of each measure of both results together."""

    def side_lines(self) -> list[tuple[str, str, str]]:
        """Title, left value and right value of each measure of a single side."""
        return []

    def rows(self) -> Sequence[ComparedRow]:
        """The compared parts, the most important first."""
        return ()

    def partner_of(self, number: int, *, of_left: bool) -> int | None:
        """Number of the part that is matched with part `number` of one side; None where there is no match."""
        side = 0 if of_left else 1
        return next((row.ids[1 - side] for row in self.rows() if row.ids[side] == number), None)


@dataclass(frozen=True, eq=False)
class BoxAgreement(Agreement):
    """Agreement of two sets of boxes.

    Parameters
    ----------
    pairs : int64 (m, 2)
        Left and right row of each match: the same class and an IoU of at least `iou`; left rows ascending.
    pair_iou : float32 (m,), IoU of each match
    renamed : int64 (r, 2), left and right row of each match with different classes
    only_left, only_right : int64, rows without a match
    unknown_left, unknown_right : how many of these have a class that the other model does not know
    iou : 0..1, IoU threshold of the matching
    correlation : Pearson correlation of the matched scores, -1..1; None for fewer than three matches or no variance
    compared : rows of the comparison: `pairs`, then `renamed`, then unmatched boxes
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
        """Fraction of all boxes that are in `pairs` (the Dice coefficient), 0..1; 1 without any box."""
        singles = len(self.only_left) + len(self.only_right) + 2 * len(self.renamed)
        paired = 2 * len(self.pairs)
        return paired / (paired + singles) if paired + singles else 1.0

    @property
    def mean_iou(self) -> float | None:
        """Mean IoU of `pairs`; None without any."""
        return float(self.pair_iou.mean()) if len(self.pair_iou) else None

    def partner(self, row: int, *, of_left: bool) -> int | None:
        """The row that is matched with `row` of one side, with the same class or not; None where there is no match."""
        matches = np.concatenate((self.pairs, self.renamed))
        matched = matches[matches[:, 0 if of_left else 1] == row]
        return int(matched[0, 1 if of_left else 0]) if len(matched) else None

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
            ("Score correlation", _number(self.correlation)),
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
    """Agreement of two classifications.

    Parameters
    ----------
    same : whether the most probable class is the same
    shared : classes that are among the `top` most probable of both
    top : number of the most probable classes that are compared
    divergence_bits : Kullback-Leibler divergences KL(left || right) and KL(right || left), in bits; None where the
        classes differ or the distributions are not available
    compared : a row for each class of either side, the most probable of either first
    """

    same: bool
    shared: tuple[str, ...]
    top: int
    divergence_bits: tuple[float, float] | None
    compared: tuple[ComparedRow, ...] = ()

    @property
    def degree(self) -> float | None:
        """Fraction of the `top` classes that are shared; None where there are none."""
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
    """Agreement of two class maps.

    Parameters
    ----------
    share : fraction 0..1 of the pixels with the same class (pixel accuracy)
    mean_iou : mean IoU over all classes
    by_class : name and IoU of each class, the largest union first
    """

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
    """Agreement of two heat maps: Pearson correlation of their values, -1..1; None where one of them is constant."""

    correlation: float | None

    @property
    def degree(self) -> float | None:
        return self.correlation

    def summary_lines(self) -> list[tuple[str, str]]:
        return [("Correlation", _number(self.correlation))]


def match(fractions: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Maximum bipartite matching of rows and columns: as many pairs as possible, and among these matchings the one
    with the largest sum of `fractions`.

    Parameters
    ----------
    fractions : float64 (n, m), 0..1, similarity of each row and column
    allowed : bool (n, m), pairs that may be matched

    Returns
    -------
    int64 (k, 2), row and column of each pair, rows ascending
    """
    from scipy.optimize import linear_sum_assignment

    # One more pair outweighs any gain in the sum of the fractions.
    weights = np.where(allowed, fractions + min(fractions.shape, default=0) + 1, 0)
    rows, columns = linear_sum_assignment(weights, maximize=True)
    is_pair = allowed[rows, columns]
    return np.stack((rows[is_pair], columns[is_pair]), axis=1).astype(np.int64)


def compare_boxes(left: ComparedBoxes, right: ComparedBoxes, iou: float = SAME) -> BoxAgreement:
    """Match boxes of the same class first, by IoU; then match the remaining boxes whatever their class (`renamed`)."""
    ious = pairwise_iou(left.boxes.astype(np.float64), right.boxes.astype(np.float64))
    overlapping = ious >= iou
    names = [np.array([side.label(row) for row in range(len(side))], object) for side in (left, right)]
    same_class = names[0][:, None] == names[1][None] if len(left) and len(right) else np.zeros(ious.shape, bool)
    pairs = match(ious, overlapping & same_class)
    unmatched = overlapping.copy()
    unmatched[pairs[:, 0]] = False
    unmatched[:, pairs[:, 1]] = False
    renamed = match(ious, unmatched)
    matches = np.concatenate((pairs, renamed))
    only = [np.setdiff1d(np.arange(len(side)), matches[:, column]) for column, side in enumerate((left, right))]
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
    norm = float(np.sqrt((x * x).sum() * (y * y).sum()))
    # In a constant map the deviations are rounding errors.
    smallest_norm = 1e-12 * max(1.0, float(np.abs(one).max()) * float(np.abs(other).max())) * len(x)
    return float((x * y).sum() / norm) if norm > smallest_norm else None


def compare_labels(
    left: Mapping[str, float],
    right: Mapping[str, float],
    distributions: tuple[Distribution | None, Distribution | None] = (None, None),
) -> LabelAgreement:
    """Compare the most probable classes, name -> probability 0..1 in descending order, and, where both are given, the
    distributions over all classes."""
    top = min(TOP, len(left), len(right))
    top_names = [list(side)[:top] for side in (left, right)]
    shared = tuple(name for name in top_names[0] if name in top_names[1])
    one, other = distributions
    divergence = divergence_bits(one, other) if one is not None and other is not None else None
    names = sorted({**left, **right}, key=lambda name: -max(left.get(name, 0.0), right.get(name, 0.0)))
    texts = [{name: f"{probability:.1%}" for name, probability in side.items()} for side in (left, right)]
    compared = tuple(ComparedRow(name, texts[0].get(name), texts[1].get(name), label=name) for name in names)
    return LabelAgreement(top_names[0][:1] == top_names[1][:1], shared, top, divergence, compared)


def divergence_bits(left: Distribution, right: Distribution) -> tuple[float, float] | None:
    """Kullback-Leibler divergences KL(left || right) and KL(right || left) of two class distributions, in bits; None
    where the classifiers have different classes."""
    from scipy.special import log_softmax

    if sorted(left.labels) != sorted(right.labels) or len(set(left.labels)) < len(left.labels):
        return None
    position = {name: number for number, name in enumerate(right.labels)}
    order = [position[name] for name in left.labels]
    logs = [log_softmax(left.values.astype(np.float64)), log_softmax(right.values.astype(np.float64)[order])]
    divergences = [float((np.exp(p) * (p - q)).sum() / np.log(2)) for p, q in ((logs[0], logs[1]), (logs[1], logs[0]))]
    return max(divergences[0], 0.0), max(divergences[1], 0.0)


def compare_regions(
    left: NDArray[np.int16], left_names: Sequence[str], right: NDArray[np.int16], right_names: Sequence[str]
) -> RegionAgreement:
    """Compare two class maps of the same picture: int16 (h, w), indices into their names, -1 for no class. The coarser
    one is enlarged."""
    height, width = (max(left.shape[side], right.shape[side]) for side in (0, 1))
    names = tuple(dict.fromkeys((*left_names, *right_names)))
    number = {name: index + 1 for index, name in enumerate(names)}
    maps = []
    for classes, labels in ((left, left_names), (right, right_names)):
        table = np.array([0, *(number[name] for name in labels)])
        rows = (np.arange(height) * classes.shape[0]) // height
        columns = (np.arange(width) * classes.shape[1]) // width
        maps.append(table[classes[np.ix_(rows, columns)] + 1])
    count = len(names) + 1
    table = np.bincount((maps[0] * count + maps[1]).ravel(), minlength=count * count).reshape(count, count)
    common = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - common
    # Index 0 (no class) is left out.
    present = [index for index in np.argsort(-union, kind="stable").tolist() if index and union[index]]
    by_class = tuple((names[index - 1], float(common[index] / union[index])) for index in present)
    mean = float(np.mean([iou for _, iou in by_class])) if by_class else 1.0
    return RegionAgreement(float(common.sum() / table.sum()), mean, by_class)


def compare_heat(left: NDArray[np.float32], right: NDArray[np.float32]) -> HeatAgreement:
    """Correlate two heat maps, float32 (h, w), of the same part of a picture; the coarser one is enlarged."""
    import cv2

    height, width = (max(left.shape[side], right.shape[side]) for side in (0, 1))
    maps = [cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR) for values in (left, right)]
    return HeatAgreement(_correlation(maps[0], maps[1]))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
