"""Label sets that many networks share, by name."""

from __future__ import annotations

from collections.abc import Callable

from cvstudio.models.shared.coco import LABELS, OUTPUTS
from cvstudio.models.shared.imagenet import imagenet_labels

COCO_80 = LABELS

VOC_21 = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("dining table", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa", "train", "tv monitor"),
)

COCO_KEYPOINTS = (
    *("nose", "left eye", "right eye", "left ear", "right ear", "left shoulder", "right shoulder", "left elbow"),
    *("right elbow", "left wrist", "right wrist", "left hip", "right hip", "left knee", "right knee", "left ankle"),
    "right ankle",
)

COCO_SKELETON = (
    *((0, 1), (0, 2), (1, 3), (2, 4), (5, 6), (5, 7), (7, 9), (6, 8), (8, 10)),
    *((5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16)),
)
"""Pairs of indices into `COCO_KEYPOINTS` that a line joins."""


def _coco_90() -> tuple[str, ...]:
    names = dict(zip(OUTPUTS, COCO_80, strict=True))
    return tuple(names.get(number, "unused") for number in range(1, 91))


SETS: dict[str, Callable[[], tuple[str, ...]]] = {
    "coco-80": lambda: COCO_80,
    "coco-90": _coco_90,
    "voc-21": lambda: VOC_21,
    "imagenet-1000": imagenet_labels,
    "coco-keypoints": lambda: COCO_KEYPOINTS,
}
"""Sets that a declaration may name in place of listing the labels."""

SIZES = {"coco-80": 80, "coco-90": 90, "voc-21": 21, "imagenet-1000": 1000, "coco-keypoints": 17}
"""Number of labels of each set, without building it."""
