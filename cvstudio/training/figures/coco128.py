"""The photographs of `coco128` with the boxes and masks that people drew: the test of every general model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.training import sets
from cvstudio.training.average_precision import ImageBoxes, match

SAME_BOX = 0.8
"""IoU from which a polygon fills a box: the files do not say which belongs to which."""


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A photograph with its true boxes, masks bool (H, W) by row of the boxes that have one, and its name."""

    image: Image
    truth: ImageBoxes
    masks: Mapping[int, NDArray[np.bool_]]
    name: str = ""


def photographs(
    data: Path, limit: int | None, progress: Progress, *, numbers: Sequence[int] = range(len(LABELS))
) -> list[LabelledPhoto]:
    """The photographs with the boxes and polygons of the classes `numbers` of COCO's 80, numbered in that order."""
    folder = data / "coco128"
    photos = []
    for path in sorted((folder / "images" / "train2017").glob("*.jpg"))[:limit]:
        progress.check()
        pixels = sets.decode(path.read_bytes())
        height, width = pixels.shape[:2]
        label = Path("labels", "train2017", f"{path.stem}.txt")
        rows = list(_rows(folder / "object_detection" / label, numbers))
        values = np.array([values for _, values in rows], np.float32).reshape(-1, 4)
        centres, sides = values[:, :2] * (width, height), values[:, 2:] * (width, height)
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype(np.float32)
        classes = np.array([kind for kind, _ in rows], np.int64)
        truth = ImageBoxes(boxes, classes, np.ones(len(boxes), np.float32))
        # The polygon files have COCO's original numbers.
        polygons = _rows(folder / "instance_segmentation" / label, [OUTPUTS[number] for number in numbers])
        photos.append(LabelledPhoto(Image(pixels), truth, _masks(polygons, truth, width, height), path.stem))
    return photos


def _rows(path: Path, numbers: Sequence[int]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Position in `numbers` and values of the rows of a label file whose class is one of them; none without a file."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            number, *values = line.split() or ("-1",)
            if int(number) in numbers:
                yield numbers.index(int(number)), np.array(values, np.float32)


def _masks(
    polygons: Iterator[tuple[int, NDArray[np.float32]]], truth: ImageBoxes, width: int, height: int
) -> dict[int, NDArray[np.bool_]]:
    """Masks of polygons, by row of the box that each fills."""
    import cv2

    masks = {}
    for kind, values in polygons:
        points = values.reshape(-1, 2) * (width, height)
        polygon_box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
        rows = np.flatnonzero(truth.classes == kind)
        row = match(polygon_box[None], truth.boxes[rows], SAME_BOX)[0] if len(rows) else -1
        if row >= 0:
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.rint(points - 0.5).astype(np.int32)], 1)
            masks[int(rows[row])] = mask > 0
    return masks
