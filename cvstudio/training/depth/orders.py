"""Pairs of places of which one is surely nearer, from labels that tell no depth.

Of a street: the sky is behind everything, the ground comes nearer row by row, and what stands in a column stands behind
the ground below it. Of a photograph: an animal, a person or a vehicle is before what is seen beside its upper part, and
of two of them that stand on the same ground the lower one is nearer. In views of sky and land the bottom of the picture
is nearer than its top, which is a weak prior only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cvstudio.models.shared.coco import LABELS
from cvstudio.results.detections import Detections
from cvstudio.training.depth.views import MOST_PAIRS, STRIDE

SKY, ROAD, PAVEMENT, UNLABELLED = 0, 3, 4, 11
"""Classes of CamVid."""

STANDING = frozenset(LABELS[number] for number in (*range(4), *range(5, 8), *range(14, 24)))
"""Things that stand on the ground: persons, vehicles and animals."""

SCORE = 0.45
"""Score from which a mask is taken for true."""

_SMALLEST = 0.01
"""Part of the picture that a thing must fill."""


def street_pairs(rng: np.random.Generator, classes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Pairs of a street scene from its classes uint8 (h, w), `UNLABELLED` where nothing is known."""
    ground = (classes == ROAD) | (classes == PAVEMENT)
    things = (classes != SKY) & (classes != UNLABELLED)
    third = MOST_PAIRS // 3
    parts = [
        _drawn(rng, things, classes == SKY, third),
        _lower_is_nearer(rng, ground, third),
        _ground_below(rng, ground, things & ~ground, third),
    ]
    return np.concatenate(parts).astype(np.int16)


def sky_pairs(rng: np.random.Generator, depth: NDArray[np.float32], shown: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Pairs of what has a depth and of the sky, which has none, where `shown`."""
    return _drawn(rng, depth > 0, (depth <= 0) & shown, MOST_PAIRS // 2).astype(np.int16)


def figure_pairs(rng: np.random.Generator, detections: Detections) -> NDArray[np.int16]:
    """Pairs of a photograph from the things found in it, whose size is that of the view; see the module."""
    height, width = detections.size.height // STRIDE, detections.size.width // STRIDE
    assert detections.masks is not None
    things = []
    for row in np.flatnonzero(detections.scores >= SCORE).tolist():
        if detections.labels[detections.classes[row]] not in STANDING:
            continue
        mask = detections.masks.window(row, detections.boxes[row], 1 / STRIDE, 0, 0, width, height)
        if mask.sum() >= _SMALLEST * height * width:
            things.append((mask, detections.boxes[row] / STRIDE))
    if not things:
        return np.zeros((0, 4), np.int16)
    anything = _grown(np.any([mask for mask, _ in things], axis=0), 2)
    each = MOST_PAIRS // (2 * len(things))
    parts = []
    for mask, box in things:
        parts.append(_drawn(rng, _shrunk(mask), _beside(box, height, width) & ~anything, each))
        for other, other_box in things:
            # What reaches the bottom of the picture stands still lower.
            if box[3] - other_box[3] > 0.08 * height and other_box[3] < 0.95 * height:
                parts.append(_drawn(rng, _shrunk(mask & ~other), _shrunk(other & ~mask), each // len(things)))
    return np.concatenate(parts)[:MOST_PAIRS].astype(np.int16)


def bottom_and_top(rng: np.random.Generator, height: int, width: int, count: int) -> NDArray[np.int16]:
    """Pairs of the lowest and the highest part of the `height` rows of a photograph."""
    rows, columns = rng.random((2, count)), rng.integers(width, size=(2, count))
    low, high = height * (0.85 + 0.15 * rows[0]), height * 0.15 * rows[1]
    return np.stack([low, columns[0], high, columns[1]], 1).astype(np.int16)


def _drawn(rng: np.random.Generator, near: NDArray[np.bool_], far: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Random pairs of a cell of each of two regions, (n, 4); none where one of them is empty."""
    near_cells, far_cells = np.argwhere(near), np.argwhere(far)
    if not len(near_cells) or not len(far_cells):
        return np.zeros((0, 4), np.int64)
    picks = rng.integers(len(near_cells), size=count), rng.integers(len(far_cells), size=count)
    return np.concatenate([near_cells[picks[0]], far_cells[picks[1]]], 1)


def _lower_is_nearer(rng: np.random.Generator, ground: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    pairs = _drawn(rng, ground, ground, 2 * count)
    swapped = pairs[:, 0] < pairs[:, 2]
    pairs[swapped] = pairs[swapped][:, [2, 3, 0, 1]]
    apart = pairs[:, 0] - pairs[:, 2] > 0.05 * ground.shape[0]
    return np.asarray(pairs[apart][:count], np.int64)


def _ground_below(
    rng: np.random.Generator, ground: NDArray[np.bool_], standing: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    pairs = _drawn(rng, standing, standing, 4 * count)
    if not len(pairs):
        return pairs
    # The lowest cell of the ground in the column of each, where it is well below.
    columns = pairs[:, 1]
    lowest = ground.shape[0] - 1 - ground[::-1].argmax(0)
    has_ground = np.any(ground, axis=0)[columns] & (lowest[columns] - pairs[:, 0] > 0.15 * ground.shape[0])
    below = np.stack([lowest[columns], columns, pairs[:, 0], columns], 1)
    return np.asarray(below[has_ground][:count], np.int64)


def _beside(box: NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """What is seen beside the upper part of a box."""
    x1, y1, x2, y2 = box
    rows, columns = np.mgrid[0:height, 0:width] + 0.5
    beside = (columns > x1 - (x2 - x1)) & (columns < x2 + (x2 - x1))
    return np.asarray(beside & (rows > y1 - 0.1 * (y2 - y1)) & (rows < y1 + 0.6 * (y2 - y1)))


def _grown(mask: NDArray[np.bool_], cells: int) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((2 * cells + 1, 2 * cells + 1), np.uint8))) > 0


def _shrunk(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2

    return np.asarray(cv2.erode(mask.view(np.uint8), np.ones((3, 3), np.uint8))) > 0
