"""A network of the user, as it is declared."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cvstudio.models.shared.preprocessing import Preparation

Activation = Literal["", "none", "sigmoid", "softmax"]
Coordinates = Literal["pixels", "normalised"]


@dataclass(frozen=True)
class CustomModel:
    """A declared network.

    Parameters
    ----------
    file : the network, absolute
    task, decoder : what its answer is (a key of `TASKS`), and how it is read (one of `DECODERS`)
    input : what it takes
    labels : names of the classes or points by index
    key : under which it is registered
    activation : "" leaves it to the decoder
    coordinates, first_label : of decoder ssd
    score, iou : where the sliders of a detector begin
    skeleton : pairs of points that a line joins
    regions : key of the detector whose boxes are looked at one by one; empty looks at the whole picture
    region_label, region_margin : which of its boxes, and how much larger than the box the cut-out is
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
