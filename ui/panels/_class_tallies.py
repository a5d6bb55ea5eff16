"""How much of each class a result has, beside the names in the list of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.results.detections import Detections
from cvstudio.results.segmentation import Segmentation


def class_tallies(instance: AnalysisInstance, result: Any) -> dict[str, str]:
    """Text for each class of `result` that is there, the most frequent first.

    Detections are counted at the present score, also those of classes that are not shown. Of a segmentation it is the
    share of the picture of each class that is shown. Empty for other results.
    """
    if isinstance(result, Detections):
        everything = result.candidates if result.candidates is not None else result
        classes = everything.classes
        if "score" in instance.effective_values():
            classes = classes[everything.scores >= instance.value("score")]
        counts = np.bincount(classes, minlength=len(everything.labels))
        return {everything.labels[row]: f"{counts[row]:,}" for row in np.argsort(-counts, kind="stable") if counts[row]}
    if isinstance(result, Segmentation):
        return {result.labels[number]: f"{share:.1%}" for number, share in result.area_fractions()}
    return {}
