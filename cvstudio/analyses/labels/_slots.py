"""What the analyses of labels share: their slots, their sample and their words."""

from __future__ import annotations

from cvstudio.analyses.analysis import PICTURE_OR_VIDEO, Slot
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.stages import Inputs
from cvstudio.data.geometry import Size
from cvstudio.data.labels import LabelledSample, LabelledSet, PictureLabels
from cvstudio.data.placed_labels import placed_labels

SLOTS = (PICTURE_OR_VIDEO, Slot("labels", "Labelled set", frozenset({AnnotationSet})))
SAMPLE = "photo-labels"
"""Key of the labelled set that comes with the program."""
KEYWORDS = (
    "ground truth",
    "labels",
    "annotations",
    "labelled data",
    "COCO",
    "YOLO",
    "Pascal VOC",
    "LabelMe",
    "CVAT",
    "정답",
    "정답 라벨",
    "라벨",
    "주석",
    "어노테이션",
    "그라운드 트루스",
)


def labels_of(inputs: Inputs) -> tuple[LabelledSet, PictureLabels, Size]:
    """The set, the labels of the picture as it is given, empty where it has none, and its size. Raises MediaError."""
    sample: LabelledSample = inputs.samples["labels"]
    size: Size = inputs.samples["picture"].size
    labels = sample.labels() or PictureLabels(size)
    return sample.set, labels if sample.pixel_map is None else placed_labels(labels, sample.pixel_map), size
