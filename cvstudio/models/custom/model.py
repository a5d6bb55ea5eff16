"""Declaration of a custom model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cvstudio.models.shared.preprocessing import Preparation

Activation = Literal["", "none", "sigmoid", "softmax"]
Coordinates = Literal["pixels", "normalised"]


@dataclass(frozen=True)
class CustomModel:
    """A custom model as its YAML file declares it.

    Parameters
    ----------
    file : absolute path of the network
    task, decoder : key in `TASKS`, and key in `DECODERS` of the format of its outputs
    input : preprocessing
    labels : names of the classes or keypoints by index
    key : under which it is registered
    activation : of the scores; "" takes the decoder's own
    coordinates, first_label : unit of boxes (decoders ssd and rows), and number of the first label (also class-map)
    score, iou : default thresholds of a detector
    skeleton : pairs of indices of keypoints that a line joins
    regions : key of the detector whose boxes are cropped for the network; empty gives it the whole picture
    region_label, region_margin : class of the boxes, and side of a crop as a multiple of its box
    label_set : name of the known set that `labels` are; empty otherwise
    """

    file: Path
    task: str
    decoder: str
    input: Preparation
    labels: tuple[str, ...]
    key: str
    title: str
    licence: str = ""
    summary: str = ""
    paper: str = ""
    year: int = 0
    source: str = ""
    trained_on: str = ""
    metrics: str = ""
    activation: Activation = ""
    coordinates: Coordinates = "pixels"
    first_label: int = 0
    score: float = 0.3
    iou: float = 0.45
    skeleton: tuple[tuple[int, int], ...] = ()
    regions: str = ""
    region_label: str = "person"
    region_margin: float = 1.25
    label_set: str = field(default="", compare=False)
