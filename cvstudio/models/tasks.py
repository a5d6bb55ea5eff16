"""Tasks of networks, each declared once: its names, the folder of its models, and the type of its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cvstudio.results.classification import Classification
from cvstudio.results.detections import Detections
from cvstudio.results.keypoints import Keypoints
from cvstudio.results.segmentation import Segmentation
from cvstudio.results.separation import Separation
from cvstudio.results.spatial.depth import Depth


@dataclass(frozen=True)
class Task:
    """A task of networks, such as detection.

    Parameters
    ----------
    key : as `ModelSpec.task` and `Analysis.task` state it, e.g. "detect"
    title : name of the task in lists of models: "Detection"
    noun : name of a model of this task: "Detector"
    order : position in the catalogue, ascending
    folder : the package of its models under `cvstudio.models`
    result : type of the result of the analysis that runs its models
    domain : what a model knows, of which `{count}` is the number of its labels
    """

    key: str
    title: str
    noun: str
    order: int
    folder: str
    result: type[Any]
    domain: str = "{count} classes"


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        task.key: task
        for task in (
            Task("detect", "Detection", "Detector", 40, "detection", Detections),
            Task("classify", "Classification", "Classifier", 10, "classification", Classification),
            Task("segment", "Segmentation", "Segmenter", 20, "segmentation", Segmentation),
            Task("keypoints", "Key points", "Key points", 30, "keypoints", Keypoints, "{count} key points"),
            Task("depth", "Depth estimation", "Depth network", 45, "depth", Depth),
            Task("separate", "Source separation", "Separator", 50, "separation", Separation, "{count} stems"),
        )
    }
)
"""All tasks by key, in the order in which the window offers them."""
