"""How far two results on the same picture say the same."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.nms import pairwise_overlaps
from cvstudio.results import Detections, HeatMap, Labels, Logits
from cvstudio.segmentation import Segmentation
from cvstudio.types import readonly

SAME = 0.5
"""Intersection over union from which two boxes are of the same thing, as in PASCAL VOC."""

TOP = 5


@dataclass(frozen=True, eq=False)
class BoxAgreement:
    """Two sets of boxes.

    Parameters
    ----------
    pairs : int64 (m, 2)
        Rows left and right of what both found: the same class, and shares of at least `iou`.
    shares : float32 (m,), intersection over union of each pair, which are in the order of the left rows
    renamed : int64 (r, 2), rows of what both found and named differently
    only_left, only_right : int64, rows that the other side has nothing for
    unknown_left, unknown_right : how many of these are of a class that the other side's model does not know
    iou : 0..1, from which two boxes are of the same thing
    correlation : of the scores of the pairs (Pearson), -1..1; None for fewer than three or without any spread
    """

    pairs: NDArray[np.int64]
    shares: NDArray[np.float32]
    renamed: NDArray[np.int64]
    only_left: NDArray[np.int64]
    only_right: NDArray[np.int64]
    unknown_left: int
    unknown_right: int
    iou: float
    correlation: float | None

    def __post_init__(self) -> None:
        for name in ("pairs", "shares", "renamed", "only_left", "only_right"):
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
        return float(self.shares.mean()) if len(self.shares) else None

    def partner(self, row: int, *, of_left: bool) -> int | None:
        """The row on the other side that `row` is the same thing as; None where there is none."""
        both = np.concatenate((self.pairs, self.renamed))
        found = both[both[:, 0 if of_left else 1] == row]
        return int(found[0, 1 if of_left else 0]) if len(found) else None


@dataclass(frozen=True)
class LabelAgreement:
    """Two guesses at what a picture shows.

    same : whether the likeliest class is the same; shared : names among the `top` likeliest of both; top : how many
    were looked at; divergence_bits : Kullback-Leibler divergence of the right distribution from the left one, in
    bits, and the other way round; None where the classes differ or the distributions are not known
    """

    same: bool
    shared: tuple[str, ...]
    top: int
    divergence_bits: tuple[float, float] | None


@dataclass(frozen=True)
class RegionAgreement:
    """Two maps of classes: share 0..1 of the picture where both say the same, and the mean over all classes of their
    intersections over unions (`mean_iou`); `by_class` has it by name, the largest union first."""

    share: float
    mean_iou: float
    by_class: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class HeatAgreement:
    """Two heat maps: the correlation of their values (Pearson), -1..1; None where one of them is flat."""

    correlation: float | None


Agreement = BoxAgreement | LabelAgreement | RegionAgreement | HeatAgreement


def agreement(left: Any, right: Any, *, iou: float = SAME, logits: tuple[Any, Any] = (None, None)) -> Agreement | None:
    """How far two results agree; None where they cannot be compared.

    Parameters
    ----------
    left, right : results of the same type on the same picture
    iou : 0..1, from which two boxes are of the same thing
    logits : what two classifiers said before anything was decided (`Logits`), where it is known
    """
    if type(left) is not type(right) or left.size != right.size:
        return None
    if isinstance(left, Detections):
        return compare_boxes(left, right, iou)
    if isinstance(left, Labels):
        return _compare_labels(left, right, logits)
    if isinstance(left, Segmentation):
        return _compare_regions(left, right)
    if isinstance(left, HeatMap):
        return _compare_heat(left, right)
    return None


def shares_of(left: NDArray[np.float32], right: NDArray[np.float32]) -> NDArray[np.float64]:
    """Intersection over union of every box of `left` (n, 4) with every one of `right` (m, 4): float64 (n, m)."""
    return pairwise_overlaps(left.astype(np.float64), right.astype(np.float64))


def match(shares: NDArray[np.float64], allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pair rows with columns, each at most once: as many as `allowed` (n, m) lets, and of all such pairings the one
    whose `shares` (n, m), 0..1, have the largest sum.

    Returns
    -------
    int64 (k, 2), rows ascending
    """
    from scipy.optimize import linear_sum_assignment

    # One more pair outweighs whatever the shares of the others could gain.
    worth = np.where(allowed, shares + min(shares.shape, default=0) + 1, 0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = allowed[rows, columns]
    return np.stack((rows[kept], columns[kept]), axis=1).astype(np.int64)


def compare_boxes(left: Detections, right: Detections, iou: float = SAME) -> BoxAgreement:
    """Pair the boxes of the same name first; of what is left, those that lie on each other were named differently."""
    shares = shares_of(left.boxes, right.boxes)
    near = shares >= iou
    names = [np.array([found.label(row) for row in range(len(found))], object) for found in (left, right)]
    same = names[0][:, None] == names[1][None] if len(left) and len(right) else np.zeros(shares.shape, bool)
    pairs = match(shares, near & same)
    free = near.copy()
    free[pairs[:, 0]] = False
    free[:, pairs[:, 1]] = False
    renamed = match(shares, free)
    both = np.concatenate((pairs, renamed))
    only = [np.setdiff1d(np.arange(len(found)), both[:, side]) for side, found in enumerate((left, right))]
    return BoxAgreement(
        pairs,
        shares[pairs[:, 0], pairs[:, 1]].astype(np.float32),
        renamed,
        only[0].astype(np.int64),
        only[1].astype(np.int64),
        sum(name not in right.labels for name in names[0][only[0]]),
        sum(name not in left.labels for name in names[1][only[1]]),
        iou,
        _correlation(left.scores[pairs[:, 0]], right.scores[pairs[:, 1]]) if len(pairs) >= 3 else None,
    )


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float | None:
    x, y = (values.astype(np.float64).ravel() - float(values.mean()) for values in (one, other))
    length = float(np.sqrt((x * x).sum() * (y * y).sum()))
    # What is left of a flat map is rounding.
    tiny = 1e-12 * max(1.0, float(np.abs(one).max()) * float(np.abs(other).max())) * len(x)
    return float((x * y).sum() / length) if length > tiny else None


def _compare_labels(left: Labels, right: Labels, logits: tuple[Any, Any]) -> LabelAgreement:
    top = min(TOP, len(left), len(right))
    likely = [[found.label(row) for row in range(top)] for found in (left, right)]
    shared = tuple(name for name in likely[0] if name in likely[1])
    divergence = None
    if isinstance(logits[0], Logits) and isinstance(logits[1], Logits):
        divergence = divergence_bits(*logits)
    return LabelAgreement(left.label(0) == right.label(0), shared, top, divergence)


def divergence_bits(left: Logits, right: Logits) -> tuple[float, float] | None:
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


def _compare_regions(left: Segmentation, right: Segmentation) -> RegionAgreement:
    height, width = (max(left.classes.shape[side], right.classes.shape[side]) for side in (0, 1))
    names = tuple(dict.fromkeys((*left.labels, *right.labels)))
    number = {name: index + 1 for index, name in enumerate(names)}
    maps = []
    for found in (left, right):
        table = np.array([0, *(number[name] for name in found.labels)])
        rows = (np.arange(height) * found.classes.shape[0]) // height
        columns = (np.arange(width) * found.classes.shape[1]) // width
        maps.append(table[found.classes[np.ix_(rows, columns)] + 1])
    count = len(names) + 1
    table = np.bincount((maps[0] * count + maps[1]).ravel(), minlength=count * count).reshape(count, count)
    common = np.diag(table)
    union = table.sum(axis=0) + table.sum(axis=1) - common
    # What neither is sure of is no class.
    there = [index for index in np.argsort(-union, kind="stable").tolist() if index and union[index]]
    by_class = tuple((names[index - 1], float(common[index] / union[index])) for index in there)
    mean = float(np.mean([share for _, share in by_class])) if by_class else 1.0
    return RegionAgreement(float(common.sum() / table.sum()), mean, by_class)


def _compare_heat(left: HeatMap, right: HeatMap) -> HeatAgreement | None:
    import cv2

    if left.rect != right.rect:
        return None
    height, width = (max(left.values.shape[side], right.values.shape[side]) for side in (0, 1))
    maps = [cv2.resize(found.values, (width, height), interpolation=cv2.INTER_LINEAR) for found in (left, right)]
    return HeatAgreement(_correlation(maps[0], maps[1]))


@functools.singledispatch
def told(found: Any) -> list[tuple[str, str]]:
    """`found` as titles and values that are read; empty where nothing was compared."""
    return []


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


@told.register
def _(found: BoxAgreement) -> list[tuple[str, str]]:
    renamed = [("Named differently", str(len(found.renamed)))] if len(found.renamed) else []
    return [
        ("Agreement", f"{found.share:.0%}"),
        ("Found by both", str(len(found.pairs))),
        *renamed,
        ("Mean IoU", _number(found.mean_iou)),
        ("Scores' correlation", _number(found.correlation)),
    ]


@told.register
def _(found: LabelAgreement) -> list[tuple[str, str]]:
    lines = [
        ("Likeliest class", "the same" if found.same else "another"),
        (f"Shared of the top {found.top}", str(len(found.shared))),
    ]
    if found.divergence_bits is not None:
        lines += [("KL left to right", f"{found.divergence_bits[0]:.3f} bit")]
        lines += [("KL right to left", f"{found.divergence_bits[1]:.3f} bit")]
    return lines


@told.register
def _(found: RegionAgreement) -> list[tuple[str, str]]:
    return [("Same class", f"{found.share:.1%}"), ("Mean IoU", _number(found.mean_iou))]


@told.register
def _(found: HeatAgreement) -> list[tuple[str, str]]:
    return [("Correlation", _number(found.correlation))]
