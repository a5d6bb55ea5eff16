"""Boxes: intersection over union (IoU) and greedy non-maximum suppression (NMS), without torch, so that classical
detectors need no network library.

Source of the greedy rule: Felzenszwalb et al., "Object Detection with Discriminatively Trained Part-Based Models",
2010, section 5.2; here overlap is measured as IoU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

F = TypeVar("F", "np.float32", "np.float64")

_FIRST = 16
_BLOCK = 64
"""Rows processed together, at first and at most; a row of the overlap matrix of a block is one 64-bit integer."""
_FEW_PAIRS = 100_000
"""Up to this number of candidate pairs, testing the pairs is faster than testing blocks; measured at 2,000 boxes."""
_PAIRS_AT_ONCE = 8192
"""Pairs tested together: what is computed of more does not stay in the processor's cache, and its memory is given back
and asked for anew each time."""

_Sides: TypeAlias = "NDArray[np.float32]"
"""(5, n): rows x1, y1, x2, y2 and area, so that operations run over contiguous memory."""


def nms(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int64] | None, iou: float
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: keep the best of the boxes that overlap.

    Parameters
    ----------
    boxes : float32 (n, 4)
        x1, y1, x2, y2 with x1 <= x2 and y1 <= y2.
    scores : float32 (n,)
        In any order and scale; ties are won by the earlier row.
    classes : int64 (n,) or None
        Boxes of different classes never suppress each other; None treats all as one class.
    iou : 0..1
        Threshold: a box is suppressed where its IoU with a better, kept box is larger; 1 keeps all.

    Returns
    -------
    int64 (k,)
        Indices of the kept boxes, scores descending. Whether a box is kept depends on better boxes only, so a score
        threshold may be applied afterwards.
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
    """The largest float32 that is not above `iou`: comparing float32 values with either gives the same result."""
    nearest = np.float32(iou)
    return nearest if float(nearest) <= iou else np.nextafter(nearest, np.float32(-1))


def _later_neighbours(sides: _Sides, group: NDArray[np.int64], iou: float) -> NDArray[np.int64]:
    """Number of boxes after each one whose IoU with it can exceed `iou`, for boxes sorted by group and left side.

    For an IoU above `iou` the intersection is wider than `iou` times the width of either box, so the other left side
    lies within (1 - iou) times the width. A margin covers the rounding of the exact test.
    """
    x1, x2 = sides[0].astype(np.float64), sides[2].astype(np.float64)
    extent = x2.max() - x1.min() + 1
    # A sort key in which the group comes first, so that one search serves all groups.
    start = x1 - x1.min() + group * (2 * extent)
    reach = start + (x2 - x1) * (1 - iou) + 1e-5 * (extent + np.abs(x1))
    counts: NDArray[np.int64] = np.searchsorted(start, reach, side="right") - np.arange(1, len(start) + 1)
    return counts


def _suppress_pairs(
    sides: _Sides,
    by_left: NDArray[np.int64],
    counts: NDArray[np.int64],
    threshold: np.float32,
    alive: NDArray[np.bool_],
) -> None:
    """Clear `alive` (n,) at suppressed boxes, testing only the pairs that can overlap."""
    by_left = by_left.astype(np.int32)
    first = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    begins = (np.cumsum(counts) - counts - 1).astype(np.int32)
    second = first + np.arange(len(first), dtype=np.int32) - np.repeat(begins, counts)
    tested = []
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        part = slice(start, start + _PAIRS_AT_ONCE)
        pairs = np.stack((by_left[first[part]], by_left[second[part]]))
        overlapping = _overlapping(sides.take(pairs[0], axis=1), sides.take(pairs[1], axis=1), threshold)
        tested.append(pairs[:, overlapping])
    one, other = np.concatenate(tested, axis=1) if tested else np.zeros((2, 0), np.int32)
    better, worse = np.minimum(one, other), np.maximum(one, other)
    # A stable sort of 16-bit integers is a radix sort, so the smallest type that fits is the fastest.
    by_better = np.argsort(better.astype(np.min_scalar_type(len(alive))), kind="stable")
    better, worse = better[by_better], worse[by_better]
    bounds = np.flatnonzero(np.diff(better, prepend=-1)).tolist()
    for row, start, stop in zip(better[bounds].tolist(), bounds, [*bounds, len(better)][1:], strict=True):
        if alive[row]:
            alive[worse[start:stop]] = False


def _alive_by_blocks(sides: _Sides, threshold: np.float32) -> NDArray[np.bool_]:
    """Which of the boxes (best first, one class) are kept, bool (n,).

    Processes blocks of boxes: the boxes that a block's survivors suppress are removed before the next block is formed,
    so that clusters cost little and one numpy call serves a whole block. The first blocks are small, as the best box
    of a cluster suppresses most of it.
    """
    rows = np.arange(sides.shape[1])
    alive = np.zeros(len(rows), bool)
    block = _FIRST
    while len(rows):
        overlapping = _overlapping(sides[:, :block, None], sides[:, None], threshold)
        survivors = _greedy(overlapping[:, :block])
        alive[rows[survivors]] = True
        remaining = np.flatnonzero(~overlapping[survivors, block:].any(axis=0)) + block
        rows, sides = rows[remaining], sides[:, remaining]
        block = min(2 * block, _BLOCK)
    return alive


def iou_with(box: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of `box` (4,) with each of `others` (n, 4), float32 (n,), bit for bit the values that `nms` compares; 0 for
    two empty boxes."""
    ious: NDArray[np.float32] = pairwise_iou(box[None], others)[0]
    return ious


def pairwise_iou(boxes: NDArray[F], others: NDArray[F]) -> NDArray[F]:
    """IoU of each of `boxes` (n, 4) with each of `others` (m, 4): (n, m), of the same dtype; 0 for two empty boxes."""
    # Where boxes do not intersect, the value may be negative.
    return np.maximum(np.nan_to_num(_iou(_sides(boxes)[:, :, None], _sides(others)[:, None]), nan=0.0), 0)


def smallest_at(boxes: NDArray[np.float32], x: float, y: float) -> int | None:
    """Row of the smallest of `boxes` (n, 4) that contain (x, y), the first of equal ones; None where none does."""
    inside = np.flatnonzero((boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3]))
    if not inside.size:
        return None
    containing = boxes[inside]
    return int(inside[np.argmin(np.prod(containing[:, 2:] - containing[:, :2], axis=1))])


def nearest_box(boxes: NDArray[np.float32], x: float, y: float) -> int:
    """Row of the smallest of `boxes` (n, 4), at least one, that contain (x, y); of the nearest where none does."""
    low, high = boxes[:, :2], boxes[:, 2:]
    outside = np.maximum(np.maximum(low - (x, y), np.array((x, y)) - high), 0)
    return int(np.lexsort((np.prod(high - low, axis=1), np.hypot(*outside.T)))[0])


def is_above(ious: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Which of `ious` exceed the threshold `iou` as `nms` compares them, bool of the same shape."""
    above: NDArray[np.bool_] = ious > _below(iou) if iou < 1 else np.zeros(ious.shape, bool)
    return above


def _overlapping(one: _Sides, other: _Sides, threshold: np.float32) -> NDArray[np.bool_]:
    """Whether the IoU is above `threshold`; the shapes after the first axis broadcast."""
    above: NDArray[np.bool_] = np.greater(_iou(one, other), threshold)
    return above


def _sides(boxes: NDArray[F]) -> NDArray[F]:
    """`boxes` (n, 4) as rows x1, y1, x2, y2 and area: (5, n)."""
    x1, y1, x2, y2 = np.ascontiguousarray(boxes.T)
    return np.stack((x1, y1, x2, y2, (x2 - x1) * (y2 - y1)))


def _iou(one: NDArray[F], other: NDArray[F]) -> NDArray[F]:
    """IoU, negative or NaN where boxes do not intersect; the shapes after the first axis broadcast.

    The order of operations, and float32 for float32 boxes, give the same rounding as torchvision's.
    """
    width: NDArray[F] = np.minimum(one[2], other[2])
    buffer = np.maximum(one[0], other[0])
    width -= buffer
    # Clipping one factor is enough: a negative product is above no threshold.
    np.maximum(width, 0, out=width)
    height = np.minimum(one[3], other[3])
    np.maximum(one[1], other[1], out=buffer)
    height -= buffer
    width *= height
    np.add(one[4], other[4], out=buffer)
    buffer -= width
    with np.errstate(invalid="ignore", divide="ignore"):  # two empty boxes: NaN is above no threshold
        width /= buffer
    return width


def _greedy(overlapping: NDArray[np.bool_]) -> list[int]:
    """Rows (at most `_BLOCK`) that no earlier kept row overlaps; rows are packed into integers, one bit per column, as
    loops over arrays are slow."""
    packed = np.packbits(overlapping, axis=1, bitorder="little")
    padded = np.zeros((len(packed), _BLOCK // 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    removed = 0
    kept = []
    for row, worse in enumerate(padded.view("<u8")[:, 0].tolist()):
        if not removed >> row & 1:
            kept.append(row)
            removed |= worse
    return kept
