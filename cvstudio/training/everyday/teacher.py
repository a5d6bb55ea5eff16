"""The teacher's outputs at every place: what a student of the same grid is distilled from.

Source: Ge et al., "YOLOX", arXiv 2107.08430. The published network's grid (strides 8, 16 and 32 of 416 pixels) is that
of the student, so that the two agree cell by cell, without an assignment of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.training.augment import Pixels
from cvstudio.training.detector_teacher import TeacherBoxes

SIZE = 416
STRIDES = (8, 16, 32)
CELLS = sum((SIZE // stride) ** 2 for stride in STRIDES)
N_CLASSES = 80

SCORE_FLOOR = 0.01
"""Lowest score of a class at a cell that is kept; lower ones count as 0."""

BOX_FLOOR = 0.05
"""Lowest score of a cell whose box is kept."""


@dataclass(frozen=True, eq=False)
class DenseTargets:
    """Sparse outputs of one view.

    entries int32 (n,), cell * `N_CLASSES` + class, with their scores float16 (n,); cells int16 (m,) with their boxes
    float32 (m, 4), x1, y1, x2, y2 in pixels of the view.
    """

    entries: NDArray[np.int32]
    scores: NDArray[np.float16]
    cells: NDArray[np.int16]
    boxes: NDArray[np.float32]


class DenseTeacher:
    """YOLOX-nano from its ONNX file."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Beside a training, which has the other cores; waiting threads must not spin.
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        grids, strides = [], []
        for stride in STRIDES:
            y, x = np.mgrid[: SIZE // stride, : SIZE // stride]
            grids.append(np.stack([x, y], axis=-1).reshape(-1, 2))
            strides.append(np.full(len(grids[-1]), stride))
        self._grid = np.concatenate(grids).astype(np.float32)
        self._strides = np.concatenate(strides)[:, None].astype(np.float32)

    def outputs(self, view: Pixels) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (cells, 4) in pixels of `view`, uint8 RGB (`SIZE`, `SIZE`, 3), and scores (cells, classes)."""
        blob = np.ascontiguousarray(view[..., ::-1].transpose(2, 0, 1)[None], np.float32)
        (batch,) = self._session.run(None, {"images": blob})
        output = np.asarray(batch[0], np.float32)
        centres = (output[:, :2] + self._grid) * self._strides
        sides = np.exp(output[:, 2:4]) * self._strides
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
        return boxes, output[:, 4:5] * output[:, 5:]

    def dense(self, view: Pixels) -> DenseTargets:
        """Outputs of a view at every cell."""
        boxes, scores = self.outputs(view)
        entries = np.flatnonzero(scores >= SCORE_FLOOR)
        cells = np.flatnonzero(scores.max(axis=1) >= BOX_FLOOR)
        return DenseTargets(
            entries.astype(np.int32),
            scores.ravel()[entries].astype(np.float16),
            cells.astype(np.int16),
            np.clip(boxes[cells], 0, SIZE).astype(np.float32),
        )

    def __call__(self, view: Pixels, *, floor: float = 0.1, iou: float = 0.6) -> TeacherBoxes:
        """Boxes of COCO's 80 classes in a view, with scores of at least `floor`, after NMS."""
        boxes, scores = self.outputs(view)
        rows, classes = np.nonzero(scores >= floor)
        values = scores[rows, classes].astype(np.float32)
        order = np.argsort(-values, kind="stable")
        boxes = np.clip(boxes[rows[order]], 0, SIZE).astype(np.float32)
        classes, values = classes[order].astype(np.int64), values[order]
        kept = nms(boxes, values, classes, iou)
        return TeacherBoxes(boxes[kept], classes[kept], values[kept])
