"""Labelled regions: ground truth as segmentation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.analysis import Analysis
from cvstudio.analyses.labels._slots import KEYWORDS, SAMPLE, SLOTS, labels_of
from cvstudio.analyses.stages import Inputs, Stage
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
    Analysis(
        key="labelled-regions",
        title="Labelled regions",
        summary="Shows the class that each pixel of a picture is labelled with.",
        action="Show labelled regions",
        icon="layers",
        inputs=SLOTS,
        stages=(Stage("show", show),),
        result=Segmentation,
        order=84,
        samples={"picture": "coffee", "labels": SAMPLE},
        on_start_page=False,
        keywords=(*KEYWORDS, "mask labels", "semantic segmentation labels", "panoptic", "정답 마스크", "정답 영역"),
    )
)
