"""Teacher for pseudo-labels: the published detector YOLOX-nano.

Source: Ge et al., "YOLOX: Exceeding YOLO Series in 2021", arXiv 2107.08430.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.training.augment import Pixels

SIZE = 416
STRIDES = (8, 16, 32)
GREY = 114

LABELS = ("person", "car", "cat", "bus", "train")
COCO_NUMBERS = (0, 2, 15, 5, 6)
"""Indices of `LABELS` among COCO's 80 classes."""


@dataclass(frozen=True, eq=False)
class TeacherBoxes:
    """Boxes float32 (n, 4) x1, y1, x2, y2 in pixels; classes int64 (n,); scores float32 (n,), 0..1, descending."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> TeacherBoxes:
        return TeacherBoxes(self.boxes[rows], self.classes[rows], self.scores[rows])


class Teacher:
    """YOLOX-nano from its ONNX file, run by OpenCV."""

    def __init__(self, path: Path) -> None:
        import cv2

        self._network = cv2.dnn.readNetFromONNX(str(path))
        grids, strides = [], []
        for stride in STRIDES:
            y, x = np.mgrid[: SIZE // stride, : SIZE // stride]
            grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
            strides.append(np.full(len(grids[-1]), stride))
        self._grid, self._strides = np.concatenate(grids), np.concatenate(strides)[:, None]

    def __call__(self, picture: Pixels, *, floor: float = 0.1, iou: float = 0.6) -> TeacherBoxes:
        """Boxes of `LABELS` in `picture`, uint8 RGB (h, w, 3), with scores of at least `floor`, after NMS."""
        import cv2

        height, width = picture.shape[:2]
        scale = SIZE / max(height, width)
        canvas = np.full((SIZE, SIZE, 3), GREY, np.uint8)
        resized = cv2.resize(picture, (round(width * scale), round(height * scale)))
        canvas[: resized.shape[0], : resized.shape[1]] = resized
        self._network.setInput(cv2.dnn.blobFromImage(canvas, swapRB=True))
        output = self._network.forward()[0]
        probability = output[:, 4:5] * output[:, 5:]
        # All 80 classes compete: a box that is most probably a dog is no cat.
        classes, scores = probability.argmax(axis=1), probability.max(axis=1)
        rows = np.flatnonzero(scores >= floor)
        classes, scores = classes[rows], scores[rows].astype(np.float32)
        centres = (output[rows, :2] + self._grid[rows]) * self._strides[rows]
        sides = np.exp(output[rows, 2:4]) * self._strides[rows]
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1) / scale
        boxes = np.clip(boxes, 0, (width, height, width, height)).astype(np.float32)
        order = np.argsort(-scores, kind="stable")
        detections = TeacherBoxes(boxes[order], classes[order].astype(np.int64), scores[order])
        detections = detections.take(nms(detections.boxes, detections.scores, None, iou))
        detections = detections.take(np.isin(detections.classes, COCO_NUMBERS))
        numbers = np.array([COCO_NUMBERS.index(int(class_index)) for class_index in detections.classes], np.int64)
        return TeacherBoxes(detections.boxes, numbers, detections.scores)
