"""Labelled class: ground truth as classification."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.labels._slots import analysis_of_labels, labels_of
from cvstudio.analyses.stages import Inputs
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.classification import Classification


def show(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Classification]:
    """Stage: labels -> the classes of the whole picture, with equal probabilities; none yet where there is no label.
    Raises MediaError."""
    labelled, labels, size = labels_of(inputs)
    count = len(labels.classes)
    yield Classification(
        np.array(labels.classes, np.int64),
        np.full(count, 1 / max(count, 1), np.float32),
        tuple(item.name for item in labelled.categories),
        size,
        source=inputs.source,
    )


ANALYSES.register(
    analysis_of_labels(
        "labelled-class",
        "Labelled class",
        show,
        Classification,
        summary="Shows the class that a whole picture is labelled with.",
        action="Show the labelled class",
        icon="list",
        order=86,
        keywords=(
            "class per folder",
            "classification labels",
            "정답 클래스",
            "정답 분류",
        ),
        picture="cat",
    )
)
