"""Labelled regions: ground truth as segmentation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.labels._slots import analysis_of_labels, labels_of
from cvstudio.analyses.stages import Inputs
from cvstudio.data.label_maps import class_map
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.segmentation import Segmentation, background_of


def show(inputs: Inputs, params: NoParams, progress: Progress) -> Iterator[Segmentation]:
    """Stage: labels -> the class of each pixel: of the map, else of the objects in their order. Raises MediaError."""
    labelled, labels, size = labels_of(inputs)
    given = labels.label_map
    classes = given.classes if given is not None else class_map(labels.annotations, size)
    names = tuple(item.name for item in labelled.categories)
    yield Segmentation(classes.astype(np.int16), names, size, background_of(names), inputs.source)


ANALYSES.register(
    analysis_of_labels(
        "labelled-regions",
        "Labelled regions",
        show,
        Segmentation,
        summary="Shows the class that each pixel of a picture is labelled with.",
        action="Show labelled regions",
        icon="layers",
        order=84,
        keywords=(
            "mask labels",
            "semantic segmentation labels",
            "panoptic",
            "정답 마스크",
            "정답 영역",
        ),
    )
)
