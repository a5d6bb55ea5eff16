"""Decoding of a detector's raw outputs to candidate boxes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.models.shared.preprocessing import InputPlacement
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections

FLOOR = 0.01
"""Lowest score of a candidate, and of the score slider."""

_LARGEST_EXPONENT = 20.0
"""Sides of e^20 strides are larger than any picture; beyond it untrained weights would overflow."""


class RawBoxes(NamedTuple):
    """Decoded boxes in any order: float32 (n, 4) x1, y1, x2, y2 in input pixels; scores float32 (n,), 0..1; classes
    int64 (n,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


def best_of(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> RawBoxes:
    """Candidates from boxes float32 (n, 4) with scores float32 (n, classes): one for each box and class.

    Only the `MAX_CANDIDATES` best ones of at least `FLOOR` are kept.
    """
    flat = scores.ravel()
    indices = np.flatnonzero(flat >= FLOOR)
    if len(indices) > MAX_CANDIDATES:
        indices = indices[np.argpartition(-flat[indices], MAX_CANDIDATES)[:MAX_CANDIDATES]]
    rows, classes = np.divmod(indices, max(1, scores.shape[1]))
    return RawBoxes(boxes[rows], flat[indices], classes.astype(np.int64))


def to_detections(raw_boxes: RawBoxes, placement: InputPlacement, labels: tuple[str, ...], size: Size) -> Detections:
    """Candidates clipped to the picture, in its pixels, by descending score: at most `MAX_CANDIDATES` above `FLOOR`."""
    is_valid = np.isfinite(raw_boxes.boxes).all(axis=1) & (raw_boxes.scores >= FLOOR)
    is_valid &= (raw_boxes.classes >= 0) & (raw_boxes.classes < len(labels))
    rows = np.flatnonzero(is_valid)
    rows = rows[np.argsort(-raw_boxes.scores[rows], kind="stable")][:MAX_CANDIDATES]
    boxes = np.clip(placement.to_picture(raw_boxes.boxes[rows]), 0, np.array([*size, *size], np.float32))
    return Detections(
        boxes.astype(np.float32),
        raw_boxes.scores[rows].astype(np.float32),
        raw_boxes.classes[rows].astype(np.int64),
        labels,
        np.arange(len(rows), dtype=np.int64),
        size,
    )


def corners(centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes float32 (n, 4) as x1, y1, x2, y2, from centre x, y, width, height."""
    half = centres[:, 2:4] / 2
    return np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1).astype(np.float32)


def grid_count(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Number of grid cells of all levels, for an input of (width, height) `size`."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def decode_grid(
    raw: NDArray[np.float32], size: tuple[int, int], strides: tuple[int, ...] = (8, 16, 32)
) -> NDArray[np.float32]:
    """Decode the boxes of an anchor-free head to x1, y1, x2, y2 in input pixels, float32 (n, 4).

    Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021, section 2.1: each grid cell predicts the offset of the
    centre and the logarithms of width and height, in strides.

    raw : float32 (n, >= 4), levels concatenated, the finest first, in row-major order; size : (width, height) of the
    input
    """
    cells, cell_strides = [], []
    for stride in strides:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        cells.append(np.stack([x.ravel(), y.ravel()], axis=1))
        cell_strides.append(np.full((len(cells[-1]), 1), stride))
    stride_column = np.concatenate(cell_strides).astype(np.float32)
    centre = (raw[:, :2] + np.concatenate(cells).astype(np.float32)) * stride_column
    sides = np.exp(np.minimum(raw[:, 2:4], _LARGEST_EXPONENT)) * stride_column
    return corners(np.concatenate([centre, sides], axis=1))
