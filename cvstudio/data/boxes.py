"""Greedy non-maximum suppression without torch, so that classical detectors need no network library.

Source: the greedy rule of Felzenszwalb et al., "Object Detection with Discriminatively Trained Part-Based Models",
2010, section 5.2, with the overlap measured as intersection over union.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", np.float32, np.float64)

_FIRST = 16
_BLOCK = 64
"""Rows that are looked at together, at first and at most; one row of a block is 64 bits."""
_FEW_PAIRS = 100_000
"""Up to so many, looking at the pairs one by one is faster than blocks of all; measured at 2,000 boxes."""

_Sides = NDArray[np.float32]
"""x1, y1, x2, y2 and area, one a row, so that an operation runs over contiguous memory."""


def nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64] | None, iou: float
) -> NDArray[np.int64]:
    """Keep the best of the boxes that overlap.

    Parameters
    ----------
    boxes : float32 (n, 4)
        x1, y1, x2, y2 with x1 <= x2 and y1 <= y2.
    scores : float32 (n,)
        Any order and scale; of equal scores the earlier row is the better one.
    classes : int64 (n,) or None
        Boxes of different classes never suppress each other; None treats all as one class.
    iou : 0..1
        A box goes where its intersection over union with a better, kept one is larger than this; 1 keeps all.

    Returns
    -------
    int64 (k,)
        Indices of the kept boxes, scores descending. Whether a box is kept depends on better boxes only, which is
        why a score threshold may be applied after it.
    """
    order = np.argsort(-scores, kind="stable")
    if iou >= 1 or len(order) < 2:
        return order
    threshold = _below(iou)
    sides = _sides(boxes[order])
    x1 = sides[0]
    group = np.zeros(len(order), np.int64) if classes is None else np.unique(classes[order], return_inverse=True)[1]
    alive = np.ones(len(order), bool)
    by_left = np.lexsort((x1, group))
    counts = _later_neighbours(sides[:, by_left], group[by_left], float(threshold))
    if counts.sum() <= _FEW_PAIRS:
        _suppress_pairs(sides, by_left, counts, threshold, alive)
    else:
        for label in range(int(group.max()) + 1):
            rows = np.flatnonzero(group == label)
            alive[rows] = _alive_by_blocks(sides[:, rows], threshold)
    return order[alive]


def _below(iou: float) -> np.float32:
    """The largest float32 that is not above `iou`: a float32 overlap exceeds the one where it exceeds the other."""
    nearest = np.float32(iou)
    return nearest if float(nearest) <= iou else np.nextafter(nearest, np.float32(-1))


def _later_neighbours(sides: _Sides, group: NDArray[np.int64], iou: float) -> NDArray[np.int64]:
    """How many boxes after each one can overlap it enough, for boxes sorted by group and left side.

    An overlap above `iou` is wider than `iou` of either box, so the other's left side is within (1 - iou) of the
    width. A little is added for the rounding of the exact test.
    """
    x1, x2 = sides[0].astype(np.float64), sides[2].astype(np.float64)
    span = x2.max() - x1.min() + 1
    # One number that sorts by group first lets one search serve all groups.
    start = x1 - x1.min() + group * (2 * span)
    reach = start + (x2 - x1) * (1 - iou) + 1e-5 * (span + np.abs(x1))
    counts: NDArray[np.int64] = np.searchsorted(start, reach, side="right") - np.arange(1, len(start) + 1)
    return counts


def _suppress_pairs(
    sides: _Sides,
    by_left: NDArray[np.int64],
    counts: NDArray[np.int64],
    threshold: np.float32,
    alive: NDArray[np.bool_],
) -> None:
    """Clear `alive` of what goes, looking only at the pairs that can overlap."""
    first = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    one, other = by_left[first], by_left[first + 1 + offset]
    hit = _overlapping(sides.take(one, axis=1), sides.take(other, axis=1), threshold)
    one, other = one[hit], other[hit]
    better, worse = np.minimum(one, other), np.maximum(one, other)
    # Sixteen bits, where they do, are sorted by radix.
    by_better = np.argsort(better.astype(np.min_scalar_type(len(alive))), kind="stable")
    better, worse = better[by_better], worse[by_better]
    bounds = np.flatnonzero(np.diff(better, prepend=-1)).tolist()
    for row, start, stop in zip(better[bounds].tolist(), bounds, [*bounds, len(better)][1:], strict=True):
        if alive[row]:
            alive[worse[start:stop]] = False


def _alive_by_blocks(sides: _Sides, threshold: np.float32) -> NDArray[np.bool_]:
    """Which of the boxes (best first, one class) survive.

    Works through them in blocks: what a block's survivors overlap leaves before the next block is formed, so that
    clusters cost little, and one numpy call serves a whole block. The first ones are small, as the best boxes of a
    cluster take most of it with them.
    """
    rows = np.arange(sides.shape[1])
    alive = np.zeros(len(rows), bool)
    block = _FIRST
    while len(rows):
        overlapping = _overlapping(sides[:, :block, None], sides[:, None], threshold)
        survivors = _greedy(overlapping[:, :block])
        alive[rows[survivors]] = True
        rest = np.flatnonzero(~overlapping[survivors, block:].any(axis=0)) + block
        rows, sides = rows[rest], sides[:, rest]
        block = min(2 * block, _BLOCK)
    return alive


def iou_with(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of `box` (4,) with each of `others` (n, 4), float32 (n,): the numbers that `nms`
    compares, to the last bit. Two empty boxes share nothing."""
    found: NDArray[np.float32] = pairwise_iou(box[None], others)[0]
    return found


def pairwise_iou(boxes: NDArray[F], others: NDArray[F]) -> NDArray[F]:
    """Intersection over union of each of `boxes` (n, 4) with each of `others` (m, 4): (n, m), as exact as they are.
    Two empty boxes share nothing."""
    # A negative width, clipped, is what an intersection without area has.
    return np.maximum(np.nan_to_num(_iou(_sides(boxes)[:, :, None], _sides(others)[:, None]), nan=0.0), 0)


def smallest_at(boxes: NDArray[np.float32], x: float, y: float) -> int | None:
    """Row of the smallest of `boxes` (n, 4) around (x, y), of equal ones the first; None where there is none."""
    inside = np.flatnonzero((boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3]))
    if not inside.size:
        return None
    around = boxes[inside]
    return int(inside[np.argmin(np.prod(around[:, 2:] - around[:, :2], axis=1))])


def is_above(ious: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Which of `ious` make the worse box go where `nms` is told `iou`, bool."""
    above: NDArray[np.bool_] = ious > _below(iou) if iou < 1 else np.zeros(ious.shape, bool)
    return above


def _overlapping(one: _Sides, other: _Sides, threshold: np.float32) -> NDArray[np.bool_]:
    """Whether intersection over union is above `threshold`; the shapes after the first axis broadcast."""
    above: NDArray[np.bool_] = np.greater(_iou(one, other), threshold)
    return above


def _sides(boxes: NDArray[F]) -> NDArray[F]:
    """x1, y1, x2, y2 and area of `boxes` (n, 4), one a row: (5, n)."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    return np.stack((x1, y1, x2, y2, (x2 - x1) * (y2 - y1)))


def _iou(one: NDArray[F], other: NDArray[F]) -> NDArray[F]:
    """Intersection over union, negative or NaN where there is none; the shapes after the first axis broadcast.

    In this order of operations, and in float32 for boxes in it, for the same rounding as torchvision's.
    """
    width: NDArray[F] = np.minimum(one[2], other[2])
    spare = np.maximum(one[0], other[0])
    width -= spare
    # One clipped factor is enough: a negative product is above no threshold.
    np.maximum(width, 0, out=width)
    height = np.minimum(one[3], other[3])
    np.maximum(one[1], other[1], out=spare)
    height -= spare
    width *= height
    np.add(one[4], other[4], out=spare)
    spare -= width
    with np.errstate(invalid="ignore", divide="ignore"):  # two empty boxes: 0 / 0 is above nothing
        width /= spare
    return width


def _greedy(overlapping: NDArray[np.bool_]) -> list[int]:
    """Rows, of `_BLOCK` at most, that no kept earlier row overlaps; rows are integers, one bit a column, as loops over
    arrays are slow."""
    packed = np.packbits(overlapping, axis=1, bitorder="little")
    whole = np.zeros((len(packed), _BLOCK // 8), np.uint8)
    whole[:, : packed.shape[1]] = packed
    removed = 0
    kept = []
    for row, worse in enumerate(whole.view("<u8")[:, 0].tolist()):
        if not removed >> row & 1:
            kept.append(row)
            removed |= worse
    return kept
