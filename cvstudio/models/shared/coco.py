"""Classes of torchvision's detectors: COCO's 91 numbers, of which 80 are annotated."""

from __future__ import annotations

N_OUTPUTS = 91
"""Outputs of a head: COCO's original numbers, gaps included, with 0 for the background."""

# COCO withdrew eleven of its 91 classes; a network has outputs for them, which are untrained.
_UNUSED = frozenset({0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
OUTPUTS = tuple(number for number in range(N_OUTPUTS) if number not in _UNUSED)
"""Index of the head's output of each label."""

LABELS = (
    *("person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"),
    *("fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow"),
    *("elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee"),
    *("skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard"),
    *("tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple"),
    *("sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch"),
    *("potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard", "cell phone"),
    *("microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors", "teddy bear"),
    *("hair drier", "toothbrush"),
)
