"""A small analysis that shows labels as boxes, on which labels are edited in the window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cvstudio.analyses.analysis import PICTURE, Analysis, Slot
from cvstudio.analyses.binding import AnnotationSet
from cvstudio.analyses.stages import Inputs, NoParams, Stage
from cvstudio.results.detections import Detections


def show(inputs: Inputs, params: Any, progress: Any) -> Iterator[Detections]:
    """The boxes of the labels of the picture."""
    sample = inputs.samples["labels"]
    labels = sample.labels()
    annotations = labels.annotations if labels is not None else ()
    n = len(annotations)
    yield Detections(
        np.array([item.box for item in annotations], np.float32).reshape(n, 4),
        np.ones(n, np.float32),
        np.array([item.category for item in annotations], np.int64),
        tuple(category.name for category in sample.set.categories),
        np.arange(n),
        inputs.samples["picture"].size,
        source=inputs.source,
    )


BOXES = Analysis(
    key="labelled boxes",
    title="Labelled boxes",
    summary="Shows labels as boxes.",
    action="Show labels",
    icon="square",
    inputs=(PICTURE, Slot("labels", "Labels", frozenset({AnnotationSet}))),
    stages=(Stage("show", show, NoParams, where="pool"),),
    result=Detections,
)
