"""Training data of the default detector: everyday photographs, and random views of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.foundation.concurrency import map_ordered
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.imagenet import GREY
from cvstudio.training import augment, detector_views, sets
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_data import LabelledPicture, voc5_boxes
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.everyday.teacher import N_CLASSES, SIZE, DenseTeacher

FILES = (
    "voc5/images",
    "voc5/instances.json",
    "flickr8k/images",
    "imagenet_samples",
    "voc5/masks",
    "camvid/train/images",
    "camvid/train/labels",
    "nyu_depth/rgb",
    "tiny_imagenet/train.tar",
    "weights/yolox_nano_coco.onnx",
)

NYU_STEP = 3
"""Of the frames of rooms every third is taken, as neighbouring ones show the same."""

TINY_PART = 12
"""Of the pictures of 64 pixels every twelfth is taken."""

COUNTS = "counts.npy"
"""File in the folder of a run: see `box_counts`."""

TRUTH_FLOOR = 0.35
"""Score from which the teacher's box of a photograph counts as true."""

MOST_REPEATS = 6.0
"""Largest factor by which a picture with a rare class is drawn more often."""


SINGLE, MOSAICS = 0.55, 0.41
"""Shares of views of one photograph and of four; the others show small pictures."""


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


@dataclass(frozen=True, eq=False)
class DistilledView:
    """Pixels uint8 (`SIZE`, `SIZE`, 3) of a view, and the boxes in it drawn by people, with their classes."""

    pixels: Pixels
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


def labelled_view(photograph: Photograph, teacher: DenseTeacher) -> tuple[DistilledView, float]:
    """The whole photograph with its true boxes, those of people for the classes that they drew, else the teacher's; and
    its scale."""
    pixels, scale = whole_view(sets.decode(photograph.content))
    seen = teacher(pixels, floor=TRUTH_FLOOR)
    by_people = np.isin(seen.classes, COCO_NUMBERS) & photograph.is_labelled
    boxes = np.concatenate([seen.boxes[~by_people], photograph.boxes * np.float32(scale)])
    return DistilledView(pixels, boxes, np.concatenate([seen.classes[~by_people], photograph.classes])), scale


def box_counts(pictures: list[Photograph], teacher: DenseTeacher, progress: Progress) -> NDArray[np.int64]:
    """Number of the teacher's boxes of each class in each photograph, (photographs, `N_CLASSES`)."""

    def count(photograph: Photograph) -> NDArray[np.int64]:
        seen = teacher(whole_view(sets.decode(photograph.content))[0], floor=TRUTH_FLOOR)
        return np.bincount(seen.classes, minlength=N_CLASSES)

    counts = np.zeros((len(pictures), N_CLASSES), np.int64)
    for number, row in enumerate(map_ordered(pictures, count, os.cpu_count() or 1)):
        progress(number / len(pictures), "the teacher looks at photographs")
        counts[number] = row
    return counts


def kept_counts(
    folder: Path, pictures: list[Photograph], teacher: DenseTeacher, progress: Progress
) -> NDArray[np.int64]:
    """`box_counts`, or what a run keeps of it in its folder."""
    path = folder / COUNTS
    if not path.is_file():
        return box_counts(pictures, teacher, progress)
    counts: NDArray[np.int64] = np.load(path)
    return counts


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


class Views:
    """Random views of photographs: single, mosaics of four, and grids of small pictures."""

    def __init__(self, pictures: list[Photograph], weights: NDArray[np.float64], small: list[Pixels]) -> None:
        self._pictures = pictures
        self._cumulative = weights.cumsum()
        self._small = small

    def _draw(self, rng: np.random.Generator) -> LabelledPicture:
        row = int(np.searchsorted(self._cumulative, rng.random() * self._cumulative[-1]))
        return self._pictures[min(row, len(self._pictures) - 1)].labelled()

    def _draw_small(self, rng: np.random.Generator) -> LabelledPicture:
        pixels = self._small[int(rng.integers(len(self._small)))]
        return _labelled(pixels, NO_BOXES, NO_CLASSES)

    def make(self, rng: np.random.Generator) -> DistilledView:
        draw = rng.random()
        if draw < SINGLE:
            pixels, target = detector_views.single(rng, self._draw(rng), SIZE)
        elif draw < SINGLE + MOSAICS or not self._small:
            pixels, target = detector_views.mosaic(rng, self._draw, SIZE)
        else:
            pixels, target = detector_views.grid(rng, self._draw_small, SIZE, 2)
        is_learnt = target.weights > 0
        return DistilledView(pixels, target.boxes[is_learnt], target.classes[is_learnt])
