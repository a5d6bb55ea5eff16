"""Masks of the default detector: views with masks, and the loss of the mask branch on a frozen detector.

Few masks are drawn by people (87 photographs of VOC); the others are GrabCut's within boxes of people and of the
teacher, at a lower weight. Prototypes belong to no class, so that things without a mask in training get one, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress
from cvstudio.training import detector_data, detector_views, sets
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_data import MASK_WEIGHT_OF_BOX, LabelledPicture
from cvstudio.training.detector_loss import assign, mask_loss_of
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.detector_views import MASK_STRIDE, Target
from cvstudio.training.everyday import data as everyday_data
from cvstudio.training.everyday.teacher import SIZE, DenseTeacher

if TYPE_CHECKING:
    from torch import Tensor

VOC_STEP = 5
"""Of the photographs of VOC without masks by people every fifth is taken."""

TEACHER_SCORE = 0.55
"""Score from which the teacher's box is precise enough for GrabCut."""

FLICKR_STEP = 8
BY_HAND = 6
"""Factor by which photographs with masks by people are drawn more often."""

SIDE = SIZE // MASK_STRIDE


def labelled_pictures(
    data: Path, teacher: DenseTeacher, folder: Path, progress: Progress, *, limit: int | None
) -> list[LabelledPicture]:
    """Training photographs with masks, those by people `BY_HAND` times."""
    training_paths, _ = sets.voc5_split(data)
    has_mask = [(data / "voc5" / "masks" / f"{path.stem}.png").is_file() for path in training_paths]
    by_hand = [path for path, has in zip(training_paths, has_mask, strict=True) if has][:limit]
    others = [path for path, has in zip(training_paths, has_mask, strict=True) if not has][::VOC_STEP][:limit]
    numbers = np.array(COCO_NUMBERS, np.int64)

    def of_coco(picture: LabelledPicture) -> LabelledPicture:
        classes = numbers[picture.classes]
        return LabelledPicture(
            picture.pixels, picture.boxes, classes, picture.weights, picture.masks, picture.mask_weights
        )

    pictures = [of_coco(picture) for picture in detector_data.labelled(data, by_hand, progress)] * BY_HAND
    mask_file = folder / "masks.npz"
    pictures += [of_coco(p) for p in detector_data.labelled(data, others, progress, mask_file=mask_file)]
    paths = [
        *sorted((data / "imagenet_samples").glob("*.jpg"))[:limit],
        *sorted((data / "flickr8k" / "images").glob("*.jpg"))[::FLICKR_STEP][:limit],
    ]
    for number, path in enumerate(paths):
        progress(number / len(paths), "masks within the teacher's boxes")
        # The last of each ten is held out of its set; here it is left out of what is taken of it.
        if number % sets.HELD_OUT != sets.HELD_OUT - 1:
            pictures.append(_by_teacher(sets.decode(path.read_bytes()), teacher))
    return [picture for picture in pictures if picture.mask_weights.any()]


def _by_teacher(pixels: Pixels, teacher: DenseTeacher) -> LabelledPicture:
    view, scale = everyday_data.whole_view(pixels)
    found = teacher(view, floor=TEACHER_SCORE)
    boxes = (found.boxes / np.float32(scale)).astype(np.float32)
    masks = {}
    weights = np.zeros(len(boxes), np.float32)
    for row, box in enumerate(boxes):
        mask = detector_data.mask_from_box(pixels, box)
        if mask is not None:
            masks[row], weights[row] = mask, MASK_WEIGHT_OF_BOX
    return LabelledPicture(pixels, boxes, found.classes, np.ones(len(boxes), np.float32), masks, weights)


@dataclass(frozen=True, eq=False)
class MaskView:
    """A view with its things that have a mask."""

    pixels: Pixels
    target: Target


def views(rng: np.random.Generator, pictures: list[LabelledPicture], count: int) -> Iterator[MaskView]:
    """Random views of single pictures, each with a mask at least."""
    made = 0
    while made < count:
        picture = pictures[int(rng.integers(len(pictures)))]
        pixels, target = detector_views.single(rng, picture, SIZE)
        rows = np.flatnonzero(target.mask_weights > 0)
        if not len(rows):
            continue
        made += 1
        yield MaskView(
            pixels,
            Target(
                target.boxes[rows],
                target.classes[rows],
                target.weights[rows],
                target.masks[rows],
                target.mask_weights[rows],
            ),
        )


@dataclass(frozen=True, eq=False)
class MaskChunk:
    """Views with their cached maps, float16 (n, h, w, channels), and targets."""

    p3: NDArray[np.float16]
    p4: NDArray[np.float16]
    targets: list[Target]


def save(path: Path, chunk: MaskChunk) -> None:
    """Write a chunk as one file."""
    targets = chunk.targets
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            p3=chunk.p3,
            p4=chunk.p4,
            counts=np.array([len(target.boxes) for target in targets]),
            boxes=np.concatenate([target.boxes for target in targets]),
            classes=np.concatenate([target.classes for target in targets]),
            masks=np.packbits(np.concatenate([target.masks for target in targets]), axis=None),
            mask_weights=np.concatenate([target.mask_weights for target in targets]),
        )


def load(path: Path) -> MaskChunk:
    """Read a chunk written by `save`."""
    with np.load(path) as content:
        table = {key: content[key] for key in content.files}
    total = int(table["counts"].sum())
    table["masks"] = np.unpackbits(table["masks"], count=total * SIDE * SIDE).reshape(total, SIDE, SIDE)
    ends = table["counts"].cumsum()[:-1]
    parts = zip(*(np.split(table[key], ends) for key in ("boxes", "classes", "masks", "mask_weights")), strict=True)
    targets = [
        Target(boxes, classes, np.ones(len(boxes), np.float32), masks, weights)
        for boxes, classes, masks, weights in parts
    ]
    return MaskChunk(table["p3"], table["p4"], targets)


MASK_PARTS = ("coefficients", "prototype_in", "prototype_out")
"""Parts of the network that only masks need."""


def loss_of(network: Any, maps: list[Tensor], targets: list[Target], centres: Tensor, strides: Tensor) -> Tensor:
    """Mask loss of a batch; gradients reach the `MASK_PARTS` only."""
    import torch

    from cvstudio.models.shared.pyramid import Raw, decode

    with torch.no_grad():
        levels = network.pyramid(maps)
        logits, distances, _ = network.heads(levels)
        boxes = decode(distances, centres, strides)
        features = [network.box_branch(level) for level in levels]
    coefficients = torch.cat([network.coefficients(f).flatten(2).transpose(1, 2) for f in features], 1).float()
    raw = Raw(logits, distances, coefficients, network.prototypes(levels[0]))
    total, weight = raw.prototypes.new_zeros(()), 0.0
    for index, target in enumerate(targets):
        rows = assign(logits[index].sigmoid(), boxes[index], centres, strides, target).rows
        cells = torch.nonzero(rows >= 0).flatten()
        if len(cells):
            true_boxes = torch.from_numpy(target.boxes).to(logits.device)[rows[cells]]
            loss, count = mask_loss_of(raw, index, cells, rows[cells], target, true_boxes)
            total, weight = total + loss, weight + count
    return total / max(1.0, weight)
