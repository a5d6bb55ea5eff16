"""The tasks of networks, each declared once: what they are called, where they stand, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.segmentation import Segmentation


@dataclass(frozen=True)
class Task:
    """A task of networks.

    Parameters
    ----------
    key : as `ModelSpec.task` and `Analysis.task` state it, e.g. "detect"
    title : what is done, for lists of models: "Detection"
    noun : what does it: "Detector"
    order : place in the catalogue, where the lowest comes first
    folder : the package of its models under `cvstudio.models`
    result : type of the result of the analysis that runs its models
    """

    key: str
    title: str
    noun: str
    order: int
    folder: str
    result: type[Any]


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.key: task
        for task in (
            Task("detect", "Detection", "Detector", 40, "detection", Detections),
            Task("classify", "Classification", "Classifier", 10, "classification", Classification),
            Task("segment", "Segmentation", "Segmenter", 20, "segmentation", Segmentation),
            Task("keypoints", "Key points", "Key points", 30, "keypoints", Keypoints),
        )
    }
)
"""By key, in the order in which a user is offered them."""
