"""Augmented views of pictures with boxes and masks, and training batches of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cvstudio.models.shared.imagenet import GREY
from cvstudio.training import augment
from cvstudio.training.augment import Affine, Pixels
from cvstudio.training.detector_data import LabelledPicture

if TYPE_CHECKING:
    from torch import Tensor

MASK_STRIDE = 4
MOST_ZOOM = 6.0
"""Largest enlargement; beyond it a view is only blurred."""

LEAST_SIDE = 4.0
"""Shortest side in pixels of a box that is learnt; smaller ones are ignored, not background."""


@dataclass(frozen=True, eq=False)
class Target:
    """Labels of one view: boxes float32 (n, 4) in its pixels; classes int64 (n,); weights float32 (n,), 0 for ignored
    regions; masks uint8 (n, size / 4, size / 4) of 0 and 1; mask_weights float32 (n,)."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]
    masks: NDArray[np.uint8]
    mask_weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Pictures uint8 (n, size, size, 3) with a target for each."""

    pictures: Tensor
    targets: list[Target]


Draw = Callable[[np.random.Generator], LabelledPicture]
"""Draws a random picture."""


def whole(sample: LabelledPicture, size: int) -> tuple[Pixels, Target]:
    """View of a whole picture in the top left corner, unchanged but for its size."""
    scale = size / max(sample.pixels.shape[:2])
    canvas = np.full((size, size, 3), GREY, np.uint8)
    return _composed(canvas, [(sample, augment.scaling(scale, scale), (0, 0, size, size))], size, flip=False)


def single(rng: np.random.Generator, sample: LabelledPicture, size: int) -> tuple[Pixels, Target]:
    """View of one picture, with random scale, small rotation and shift."""
    height, width = sample.pixels.shape[:2]
    scale = size / max(height, width) * float(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    move = augment.rotation(float(rng.normal(0, 3)), width, height)
    move = move.then(augment.scaling(scale * rng.uniform(0.9, 1.1), scale * rng.uniform(0.9, 1.1)))
    room = np.array([size - width * scale, size - height * scale])
    move = move.then(augment.translation(*(rng.uniform(np.minimum(room, 0), np.maximum(room, 0)))))
    canvas = np.full((size, size, 3), GREY, np.uint8)
    return _draw(rng, canvas, [(sample, move, (0, 0, size, size))], size)


def zoom(rng: np.random.Generator, sample: LabelledPicture, size: int, class_index: int) -> tuple[Pixels, Target]:
    """View of one object, enlarged until it fills much of it: the dataset shows few near objects.

    An object of class `class_index` is taken where there is one. Raises ValueError where `sample` has no box.
    """
    box_rows = np.flatnonzero(sample.weights > 0)
    if not len(box_rows):
        raise ValueError("expected a picture with a box, found none")
    class_rows = box_rows[sample.classes[box_rows] == class_index]
    box = sample.boxes[rng.choice(class_rows if len(class_rows) else box_rows)]
    sides = np.maximum(box[2:] - box[:2], 1)
    scale = min(float(rng.uniform(0.35, 1.15)) * size / float(sides.max()), MOST_ZOOM)
    move = augment.scaling(scale * rng.uniform(0.9, 1.1), scale * rng.uniform(0.9, 1.1))
    (mapped_box,) = move.boxes(box[None])
    room = size - (mapped_box[2:] - mapped_box[:2])
    corner = rng.uniform(np.minimum(room, 0) - 0.1 * size, np.maximum(room, 0) + 0.1 * size)
    move = move.then(augment.translation(*(corner - mapped_box[:2])))
    return _draw(rng, np.full((size, size, 3), GREY, np.uint8), [(sample, move, (0, 0, size, size))], size)


def mosaic(rng: np.random.Generator, draw: Draw, size: int) -> tuple[Pixels, Target]:
    """View of four pictures around a random point (Bochkovskiy et al., "YOLOv4", 2020, section 3.3)."""
    cx, cy = (int(v) for v in rng.uniform(0.35, 0.65, 2) * size)
    parts = []
    for x1, y1, x2, y2 in ((0, 0, cx, cy), (cx, 0, size, cy), (0, cy, cx, size), (cx, cy, size, size)):
        sample = draw(rng)
        height, width = sample.pixels.shape[:2]
        fit = max((x2 - x1) / width, (y2 - y1) / height)
        scale = fit * float(rng.uniform(0.9, 1.8))
        move = augment.scaling(scale, scale)
        slack = np.array([width * scale - (x2 - x1), height * scale - (y2 - y1)])
        x, y = -rng.uniform(np.minimum(slack, 0), np.maximum(slack, 0))
        parts.append((sample, move.then(augment.translation(x1 + x, y1 + y)), (x1, y1, x2, y2)))
    return _draw(rng, np.full((size, size, 3), GREY, np.uint8), parts, size)


def grid(rng: np.random.Generator, draw: Draw, size: int, count: int) -> tuple[Pixels, Target]:
    """View of `count` x `count` small pictures side by side."""
    side = size / count
    parts = []
    for number in range(count * count):
        sample = draw(rng)
        y, x = divmod(number, count)
        scale = side / sample.pixels.shape[0]
        x1, y1, x2, y2 = (round(v * side) for v in (x, y, x + 1, y + 1))
        parts.append((sample, augment.scaling(scale, scale).then(augment.translation(x1, y1)), (x1, y1, x2, y2)))
    return _draw(rng, np.full((size, size, 3), GREY, np.uint8), parts, size)


def _draw(
    rng: np.random.Generator,
    canvas: Pixels,
    parts: list[tuple[LabelledPicture, Affine, tuple[int, int, int, int]]],
    size: int,
) -> tuple[Pixels, Target]:
    canvas, target = _composed(canvas, parts, size, flip=rng.random() < 0.5)
    canvas = augment.colour_jitter(rng, canvas, 0.35)
    if rng.random() < 0.1:
        canvas = np.repeat(augment.grey(canvas)[..., None], 3, axis=2)
    if rng.random() < 0.15:
        canvas = augment.blur(canvas, float(rng.uniform(0.3, 1.2)))
    return canvas, target


def _composed(
    canvas: Pixels, parts: list[tuple[LabelledPicture, Affine, tuple[int, int, int, int]]], size: int, *, flip: bool
) -> tuple[Pixels, Target]:
    """Parts drawn into their rectangles of the canvas, with their boxes and masks."""
    mask_side = -(-size // MASK_STRIDE)
    boxes, classes, weights, masks, mask_weights = [], [], [], [], []
    for sample, transform, (x1, y1, x2, y2) in parts:
        flipped = transform
        if flip:
            flipped, x1, x2 = transform.then(augment.flip(size)), size - x2, size - x1
        local = flipped.then(augment.translation(-x1, -y1))
        canvas[y1:y2, x1:x2] = local.warp(sample.pixels, x2 - x1, y2 - y1)
        mapped_boxes = flipped.boxes(sample.boxes)
        visible_boxes = np.clip(mapped_boxes, (x1, y1, x1, y1), (x2, y2, x2, y2))
        sides = visible_boxes[:, 2:] - visible_boxes[:, :2]
        visible_fraction = sides.prod(axis=1) / np.maximum(
            (mapped_boxes[:, 2:] - mapped_boxes[:, :2]).prod(axis=1), 1e-6
        )
        for row in np.flatnonzero((sides > 0).all(axis=1)):
            is_learnt = visible_fraction[row] > 0.3 and sides[row].min() >= LEAST_SIDE
            boxes.append(visible_boxes[row])
            classes.append(sample.classes[row])
            weights.append(sample.weights[row] if is_learnt else 0.0)
            mask = sample.masks.get(int(row)) if is_learnt else None
            mask_weights.append(sample.mask_weights[row] if mask is not None else 0.0)
            view_mask = np.zeros((mask_side, mask_side), np.uint8)
            if mask is not None:
                mask_transform = augment.translation(mask.left, mask.top).then(flipped)
                mask_transform = mask_transform.then(augment.scaling(1 / MASK_STRIDE, 1 / MASK_STRIDE))
                soft = mask_transform.warp(mask.pixels * np.uint8(255), mask_side, mask_side, fill=(0, 0, 0))
                view_mask = (soft > 127).astype(np.uint8)
                # Without the part that other tiles cover.
                left, top = (int(v) for v in np.floor(visible_boxes[row, :2] / MASK_STRIDE))
                right, bottom = (int(v) for v in np.ceil(visible_boxes[row, 2:] / MASK_STRIDE))
                visible = np.zeros_like(view_mask)
                visible[top:bottom, left:right] = view_mask[top:bottom, left:right]
                view_mask = visible
            masks.append(view_mask)
    target = Target(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(classes, np.int64),
        np.array(weights, np.float32),
        np.array(masks, np.uint8).reshape(-1, mask_side, mask_side),
        np.array(mask_weights, np.float32),
    )
    return canvas, target
