"""From what a detector's network says of its places to candidates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.models.shared.preprocessing import InputPlacement
from cvstudio.models.spec import MAX_CANDIDATES
from cvstudio.results.detections import Detections

FLOOR = 0.01
"""Probability under which a candidate is not kept; the score slider goes no lower."""

_LARGEST_EXPONENT = 20.0
"""Sides of e^20 strides are larger than any picture; beyond it untrained weights would overflow."""


class RawBoxes(NamedTuple):
    """Boxes of a network in any order: float32 (n, 4), x1, y1, x2, y2 in input pixels; scores float32 (n,), 0..1;
    classes int64 (n,)."""

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int64]


def best_of(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> RawBoxes:
    """A candidate for each place with each of its classes, the best `MAX_CANDIDATES` above `FLOOR`.

    boxes float32 (n, 4); scores float32 (n, classes)
    """
    flat = scores.ravel()
    kept = np.flatnonzero(flat >= FLOOR)
    if len(kept) > MAX_CANDIDATES:
        kept = kept[np.argpartition(-flat[kept], MAX_CANDIDATES)[:MAX_CANDIDATES]]
    rows, classes = np.divmod(kept, max(1, scores.shape[1]))
    return RawBoxes(boxes[rows], flat[kept], classes.astype(np.int64))


def to_detections(found: RawBoxes, placement: InputPlacement, labels: tuple[str, ...], size: Size) -> Detections:
    """Candidates on the picture: clipped to it, scores descending, at most `MAX_CANDIDATES` above `FLOOR`."""
    usable = np.isfinite(found.boxes).all(axis=1) & (found.scores >= FLOOR)
    usable &= (found.classes >= 0) & (found.classes < len(labels))
    rows = np.flatnonzero(usable)
    rows = rows[np.argsort(-found.scores[rows], kind="stable")][:MAX_CANDIDATES]
    boxes = np.clip(placement.to_picture(found.boxes[rows]), 0, np.array([*size, *size], np.float32))
    return Detections(
        boxes.astype(np.float32),
        found.scores[rows].astype(np.float32),
        found.classes[rows].astype(np.int64),
        labels,
        np.arange(len(rows), dtype=np.int64),
        size,
    )


def corners(centres: NDArray[np.float32]) -> NDArray[np.float32]:
    """Boxes (n, 4) as x1, y1, x2, y2 from centre x, y, width, height."""
    half = centres[:, 2:4] / 2
    return np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1).astype(np.float32)


def grid_count(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Places of all levels for an input of width and height `size`."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def decode_grid(
    raw: NDArray[np.float32], size: tuple[int, int], strides: tuple[int, ...] = (8, 16, 32)
) -> NDArray[np.float32]:
    """Boxes x1, y1, x2, y2 in input pixels of an anchor-free head, float32 (n, 4).

    Ge et al., "YOLOX: Exceeding YOLO Series in 2021", 2021, section 2.1: each place says how far the centre lies from
    it and the logarithms of width and height, in strides.

    raw : float32 (n, >= 4), all levels in a row, the finest first, row by row; `size` : width and height of the input
    """
    places, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: size[1] // stride, : size[0] // stride]
        places.append(np.stack([x.ravel(), y.ravel()], axis=1))
        steps.append(np.full((len(places[-1]), 1), stride))
    stride_of = np.concatenate(steps).astype(np.float32)
    centre = (raw[:, :2] + np.concatenate(places).astype(np.float32)) * stride_of
    sides = np.exp(np.minimum(raw[:, 2:4], _LARGEST_EXPONENT)) * stride_of
    return corners(np.concatenate([centre, sides], axis=1))
