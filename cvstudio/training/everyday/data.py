"""Training data of the default detector: everyday photographs, and chunks of views with everything that is cached.

A chunk holds what the frozen part of the trunk makes of its views, the teacher's outputs at every cell, and the boxes
that people drew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.atomic_files import atomic_path
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.imagenet import GREY
from cvstudio.training import augment, detector_views, sets
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_data import LabelledPicture, voc5_boxes
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.everyday.teacher import SIZE, DenseTargets, DenseTeacher

FILES = (
    "voc5/images",
    "voc5/instances.json",
    "flickr8k/images",
    "imagenet_samples",
    "camvid/train/images",
    "nyu_depth/rgb",
    "tiny_imagenet/train.tar",
    "weights/yolox_nano_coco.onnx",
)

NYU_STEP = 3
"""Of the frames of rooms every third is taken, as neighbouring ones show the same."""

TINY_PART = 12
"""Of the pictures of 64 pixels every twelfth is taken."""

MOST_REPEATS = 6.0
"""Largest factor by which a picture with a rare class is drawn more often."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """An encoded photograph with the boxes that people drew: float32 (n, 4), classes int64 (n,) of COCO's 80."""

    content: bytes
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    is_labelled: bool

    def labelled(self) -> LabelledPicture:
        return _labelled(sets.decode(self.content), self.boxes, self.classes)


def _labelled(pixels: Pixels, boxes: NDArray[np.float32], classes: NDArray[np.int64]) -> LabelledPicture:
    ones, zeros = np.ones(len(boxes), np.float32), np.zeros(len(boxes), np.float32)
    return LabelledPicture(pixels, boxes, classes, ones, {}, zeros)


NO_BOXES, NO_CLASSES = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)


def photographs(data: Path, limit: int | None) -> tuple[list[Photograph], list[Photograph]]:
    """Photographs for training, and the held-out tenth of each set."""
    voc = voc5_boxes(data)
    folders = ("voc5/images", "flickr8k/images", "imagenet_samples", "camvid/train/images", "nyu_depth/rgb")
    training: list[Photograph] = []
    held_out: list[Photograph] = []
    for folder in folders:
        paths = sorted(path for path in (data / folder).iterdir() if path.suffix in (".jpg", ".jpeg", ".png"))
        if folder.startswith("nyu"):
            paths = paths[::NYU_STEP]
        for number, path in enumerate(paths[:limit]):
            boxes, classes = NO_BOXES, NO_CLASSES
            is_labelled = folder.startswith("voc5")
            if is_labelled:
                boxes, own = voc[path.name]
                classes = np.array(COCO_NUMBERS, np.int64)[own]
            photograph = Photograph(path.read_bytes(), boxes, classes, is_labelled)
            (held_out if number % sets.HELD_OUT == sets.HELD_OUT - 1 else training).append(photograph)
    return training, held_out


def small_pictures(data: Path, progress: Progress, *, limit: int | None) -> list[Pixels]:
    """Pictures of 64 pixels from `tiny_imagenet`, a part of each class, without the held-out tenth."""
    small = sets.tiny_imagenet(data, progress, limit=limit)
    return [small.pictures[row] for row in np.flatnonzero(~small.held_out & (small.numbers % TINY_PART == 0))]


def whole_view(pixels: Pixels) -> tuple[Pixels, float]:
    """The whole picture in the top left corner of a view of `SIZE`, and its scale."""
    scale = SIZE / max(pixels.shape[:2])
    return augment.scaling(scale, scale).warp(pixels, SIZE, SIZE, fill=GREY), scale


def drawing_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probability of each picture, from its boxes of each class, (pictures, classes): rare classes more often.

    Gupta et al., "LVIS", CVPR 2019 (appendix B.2, repeat factor sampling), with the share of a class relative to that
    of the median class.
    """
    present = (counts > 0).mean(axis=0)
    typical = np.median(present[present > 0]) if (present > 0).any() else 1.0
    factor = np.sqrt(typical / np.maximum(present, 1e-9))
    per_picture = np.where(counts > 0, factor, 0).max(axis=1, initial=0)
    weights = np.clip(per_picture, 1.0, MOST_REPEATS)
    weights /= weights.sum()
    return np.asarray(weights, np.float64)


@dataclass(frozen=True, eq=False)
class DistilledView:
    """Pixels of a view with the teacher's outputs, and the boxes drawn by people."""

    pixels: Pixels
    dense: DenseTargets
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


class Views:
    """Random views of photographs: single, mosaics of four, and grids of small pictures."""

    def __init__(
        self, pictures: list[Photograph], weights: NDArray[np.float64], small: list[Pixels], teacher: DenseTeacher
    ) -> None:
        self._pictures = pictures
        self._cumulative = weights.cumsum()
        self._small = small
        self._teacher = teacher

    def _draw(self, rng: np.random.Generator) -> LabelledPicture:
        row = int(np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1]))
        return self._pictures[min(row, len(self._pictures) - 1)].labelled()

    def _draw_small(self, rng: np.random.Generator) -> LabelledPicture:
        pixels = self._small[int(rng.integers(len(self._small)))]
        return _labelled(pixels, NO_BOXES, NO_CLASSES)

    def make(self, rng: np.random.Generator) -> DistilledView:
        draw = rng.random()
        if draw < 0.48:
            pixels, target = detector_views.single(rng, self._draw(rng), SIZE)
        elif draw < 0.94 or not self._small:
            pixels, target = detector_views.mosaic(rng, self._draw, SIZE)
        else:
            pixels, target = detector_views.grid(rng, self._draw_small, SIZE, 2)
        is_learnt = target.weights > 0
        return DistilledView(pixels, self._teacher.dense(pixels), target.boxes[is_learnt], target.classes[is_learnt])


@dataclass(frozen=True, eq=False)
class Chunk:
    """Views with their cached maps.

    p3, p4 float16 (n, h, w, channels): the trunk's maps of strides 8 and 16; targets: one for each view;
    boxes, classes: those drawn by people, one array for each view.
    """

    p3: NDArray[np.float16]
    p4: NDArray[np.float16]
    targets: list[DenseTargets]
    boxes: list[NDArray[np.float32]]
    classes: list[NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.targets)


def save_chunk(folder: Path, name: str, chunk: Chunk) -> None:
    """Write a chunk as three files; the table last, so that a chunk with a table is whole."""
    for key, array in (("p3", chunk.p3), ("p4", chunk.p4)):
        with atomic_path(folder / f"{name}-{key}.npy") as path:
            np.save(path, array)
    with atomic_path(folder / f"{name}.npz") as path:
        np.savez(
            path,
            entries=np.concatenate([target.entries for target in chunk.targets]),
            scores=np.concatenate([target.scores for target in chunk.targets]),
            n_entries=np.array([len(target.entries) for target in chunk.targets]),
            cells=np.concatenate([target.cells for target in chunk.targets]),
            boxes=np.concatenate([target.boxes for target in chunk.targets]),
            n_cells=np.array([len(target.cells) for target in chunk.targets]),
            drawn=np.concatenate(chunk.boxes),
            drawn_classes=np.concatenate(chunk.classes),
            n_drawn=np.array([len(boxes) for boxes in chunk.boxes]),
        )


def load_chunk(folder: Path, name: str) -> Chunk | None:
    """Read a chunk, whose maps stay on the disk; None where it is not there or not whole."""
    if not (folder / f"{name}.npz").is_file():
        return None
    with np.load(folder / f"{name}.npz") as content:
        table = {key: content[key] for key in content.files}

    def parts(key: str, count: str) -> list[NDArray[Any]]:
        return np.split(table[key], table[f"n_{count}"].cumsum()[:-1])

    return Chunk(
        np.load(folder / f"{name}-p3.npy", mmap_mode="r"),
        np.load(folder / f"{name}-p4.npy", mmap_mode="r"),
        [
            DenseTargets(*values)
            for values in zip(
                parts("entries", "entries"),
                parts("scores", "entries"),
                parts("cells", "cells"),
                parts("boxes", "cells"),
                strict=True,
            )
        ],
        parts("drawn", "drawn"),
        parts("drawn_classes", "drawn"),
    )
