"""Augmented pictures with their boxes and masks for the detector, and what a batch of them is."""

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
"""More, and nothing but blur would be left."""

LEAST_SIDE = 4.0
"""A box narrower than this many pixels teaches nothing, but is not background either."""


@dataclass(frozen=True, eq=False)
class Target:
    """What is on one view. boxes float32 (n, 4); classes int64 (n,); weights float32 (n,), 0 where nothing is to be
    learnt; masks uint8 (n, size / 4, size / 4) of 0 and 1; mask_weights float32 (n,)."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    weights: NDArray[np.float32]
    masks: NDArray[np.uint8]
    mask_weights: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """pictures: uint8 (n, size, size, 3), and a target for each."""

    pictures: Tensor
    targets: list[Target]


Draw = Callable[[np.random.Generator], LabelledPicture]
"""Gives a picture at random."""


def single(rng: np.random.Generator, sample: LabelledPicture, size: int) -> tuple[Pixels, Target]:
    """One picture, scaled, turned a little and shifted."""
    height, width = sample.pixels.shape[:2]
    scale = size / max(height, width) * float(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    move = augment.rotation(float(rng.normal(0, 3)), width, height)
    move = move.then(augment.scaling(scale * rng.uniform(0.9, 1.1), scale * rng.uniform(0.9, 1.1)))
    room = np.array([size - width * scale, size - height * scale])
    move = move.then(augment.translation(*(rng.uniform(np.minimum(room, 0), np.maximum(room, 0)))))
    canvas = np.full((size, size, 3), GREY, np.uint8)
    return _draw(rng, canvas, [(sample, move, (0, 0, size, size))], size)


def zoom(rng: np.random.Generator, sample: LabelledPicture, size: int, wanted: int) -> tuple[Pixels, Target]:
    """The surroundings of one thing, enlarged until it fills much of the view: a set whose people are far away would
    never show one that is near.

    A thing of the class `wanted` is taken where there is one. Raises ValueError where `sample` has no box.
    """
    learnt = np.flatnonzero(sample.weights > 0)
    if not len(learnt):
        raise ValueError("expected a picture with a box, found none")
    fitting = learnt[sample.classes[learnt] == wanted]
    box = sample.boxes[rng.choice(fitting if len(fitting) else learnt)]
    sides = np.maximum(box[2:] - box[:2], 1)
    scale = min(float(rng.uniform(0.35, 1.15)) * size / float(sides.max()), MOST_ZOOM)
    move = augment.scaling(scale * rng.uniform(0.9, 1.1), scale * rng.uniform(0.9, 1.1))
    (placed,) = move.boxes(box[None])
    room = size - (placed[2:] - placed[:2])
    corner = rng.uniform(np.minimum(room, 0) - 0.1 * size, np.maximum(room, 0) + 0.1 * size)
    move = move.then(augment.translation(*(corner - placed[:2])))
    return _draw(rng, np.full((size, size, 3), GREY, np.uint8), [(sample, move, (0, 0, size, size))], size)


def mosaic(rng: np.random.Generator, draw: Draw, size: int) -> tuple[Pixels, Target]:
    """Four pictures around a point (Bochkovskiy et al., "YOLOv4", 2020, section 3.3)."""
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
    """`count` x `count` small pictures side by side."""
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
    flip = rng.random() < 0.5
    coarse = -(-size // MASK_STRIDE)
    boxes, classes, weights, masks, mask_weights = [], [], [], [], []
    for sample, placed, (x1, y1, x2, y2) in parts:
        move = placed
        if flip:
            move, x1, x2 = placed.then(augment.flip(size)), size - x2, size - x1
        local = move.then(augment.translation(-x1, -y1))
        canvas[y1:y2, x1:x2] = local.warp(sample.pixels, x2 - x1, y2 - y1)
        whole = move.boxes(sample.boxes)
        cut = np.clip(whole, (x1, y1, x1, y1), (x2, y2, x2, y2))
        sides = cut[:, 2:] - cut[:, :2]
        share = sides.prod(axis=1) / np.maximum((whole[:, 2:] - whole[:, :2]).prod(axis=1), 1e-6)
        for row in np.flatnonzero((sides > 0).all(axis=1)):
            learnt = share[row] > 0.3 and sides[row].min() >= LEAST_SIDE
            boxes.append(cut[row])
            classes.append(sample.classes[row])
            weights.append(sample.weights[row] if learnt else 0.0)
            mask = sample.masks.get(int(row)) if learnt else None
            mask_weights.append(sample.mask_weights[row] if mask is not None else 0.0)
            drawn = np.zeros((coarse, coarse), np.uint8)
            if mask is not None:
                place = augment.translation(mask.left, mask.top).then(move)
                place = place.then(augment.scaling(1 / MASK_STRIDE, 1 / MASK_STRIDE))
                soft = place.warp(mask.pixels * np.uint8(255), coarse, coarse, fill=(0, 0, 0))
                drawn = (soft > 127).astype(np.uint8)
                # What another part of the picture covers.
                left, top = (int(v) for v in np.floor(cut[row, :2] / MASK_STRIDE))
                right, bottom = (int(v) for v in np.ceil(cut[row, 2:] / MASK_STRIDE))
                visible = np.zeros_like(drawn)
                visible[top:bottom, left:right] = drawn[top:bottom, left:right]
                drawn = visible
            masks.append(drawn)
    canvas = augment.colour_jitter(rng, canvas, 0.35)
    if rng.random() < 0.1:
        canvas = np.repeat(augment.grey(canvas)[..., None], 3, axis=2)
    if rng.random() < 0.15:
        canvas = augment.blur(canvas, float(rng.uniform(0.3, 1.2)))
    target = Target(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(classes, np.int64),
        np.array(weights, np.float32),
        np.array(masks, np.uint8).reshape(-1, coarse, coarse),
        np.array(mask_weights, np.float32),
    )
    return canvas, target
