"""OpenCV's pedestrian detector: histograms of oriented gradients and a linear SVM.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.errors import WeightsError
from cvstudio.foundation.params import Doc, Range
from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.detection._rects import from_rects
from cvstudio.results.detections import Detections

LABELS = ("person",)
WINDOW_WIDTH, WINDOW_HEIGHT = 64, 128


@dataclass(frozen=True)
class HogParams:
    """Parameters of the sliding window. The defaults are OpenCV's own."""

    scale_step: Annotated[
        float,
        Range(1.01, 1.5, step=0.01),
        Doc(
            "Scale step",
            "How much the picture shrinks between two searches.",
            "Closer to 1 finds more sizes and takes longer.",
        ),
    ] = 1.05
    hit_threshold: Annotated[
        float,
        Range(0, 2, step=0.05),
        Doc(
            "Hit threshold",
            "The margin to the SVM's plane that a single window needs before windows are merged.",
            "Raise it where walls and trees are taken for people.",
        ),
    ] = 0.0
    merge: Annotated[
        int,
        Range(0, 10, step=1),
        Doc(
            "Merge",
            "How many windows have to agree before they become one box.",
            "0 shows every single window, and the overlap slider then decides what stays.",
        ),
    ] = 2
    stride: Annotated[
        int,
        Range(4, 32, step=4, unit="px"),
        Doc("Window stride", "How far the window moves from one place to the next.", "4 px is finer and slower.", True),
    ] = 8
    padding: Annotated[
        int,
        Range(0, 64, step=8, unit="px"),
        Doc("Padding", "A rim that is added to the picture.", "Try 16 px for people cut by the edge.", True),
    ] = 0


class HogNetwork:
    """OpenCV's HOG descriptor with its people detector; a score is the margin of the SVM."""

    labels = LABELS

    def __init__(self) -> None:
        import cv2

        self._hog = cv2.HOGDescriptor()
        self._hog.setSVMDetector(np.asarray(cv2.HOGDescriptor.getDefaultPeopleDetector(), np.float32))

    def predict(self, image: Image, params: HogParams, progress: Progress) -> Detections:
        """Candidates in `image`; none where it is smaller than the window of 64 x 128 pixels."""
        import cv2

        progress.check()
        if image.size.width < WINDOW_WIDTH or image.size.height < WINDOW_HEIGHT:
            # OpenCV 4.14 does not check this and writes past its buffers.
            return from_rects(np.empty((0, 4)), np.empty(0), LABELS, image.size, "margin")
        rects, margins = self._hog.detectMultiScale(
            cv2.cvtColor(image.rgb8, cv2.COLOR_RGB2BGR),
            hitThreshold=params.hit_threshold,
            winStride=(params.stride, params.stride),
            padding=(params.padding, params.padding),
            scale=params.scale_step,
            groupThreshold=float(params.merge),
        )
        return from_rects(np.reshape(rects, (-1, 4)), np.ravel(margins), LABELS, image.size, "margin")


def load(device: str, checkpoint: Path | None) -> Any:
    """Load the detector, which runs on the CPU whatever `device` is. Raises WeightsError for a `checkpoint`."""
    if checkpoint is not None:
        raise WeightsError(f"HOG + SVM people takes no checkpoint, but was given {checkpoint.name}; choose none.")
    return HogNetwork()


MODELS.register(
    ModelSpec(
        key="hog",
        title="HOG + SVM people",
        task="detect",
        family="Sliding window",
        paper="Dalal and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005",
        year=2005,
        load=load,
        params=HogParams,
        ranges={"score": Range(0, 5, step=0.05)},
        defaults={"score": 0.0, "iou": 1.0},
        labels=LABELS,
        keywords=(
            "HOG",
            "histogram of oriented gradients",
            "SVM",
            "support vector machine",
            "pedestrian detection",
            "people",
            "sliding window",
            "Dalal",
            "Triggs",
            "보행자 검출",
        ),
        summary="Finds people who stand or walk and are seen whole, from the directions of edges alone.",
        better=("pyramid-lite0", "yolox-s"),
    )
)
