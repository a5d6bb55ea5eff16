"""The pictures that a model does worst on, first."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cvstudio.evaluation.average_precision import Matches
from cvstudio.evaluation.overlaps import ObjectOverlaps


class PictureCounts(NamedTuple):
    """Numbers of detections that are right and wrong, and of missed objects, each int64 (pictures,)."""

    right: NDArray[np.int64]
    wrong: NDArray[np.int64]
    missed: NDArray[np.int64]

    def worst_first(self) -> NDArray[np.intp]:
        """Numbers of the pictures with an error, those with the most wrong and missed objects first; of equally many
        the one with fewer right ones, then the earlier."""
        errors = self.wrong + self.missed
        order = np.lexsort((self.right, -errors))
        worst: NDArray[np.intp] = order[errors[order] > 0]
        return worst


def picture_counts(objects: ObjectOverlaps, found: Matches, score: float) -> PictureCounts:
    """Counts of each picture with the detections of at least `score`, of the matches at one overlap."""
    truth, predictions = objects.truth, objects.predictions
    shown = (predictions.scores >= np.float32(score)) & ~found.ignored
    right = shown & (found.columns >= 0)
    missed = found.positives.copy()
    missed[found.columns[right]] = False
    n = objects.n_pictures
    return PictureCounts(
        np.bincount(predictions.pictures[right], minlength=n),
        np.bincount(predictions.pictures[shown & ~right], minlength=n),
        np.bincount(truth.pictures[missed], minlength=n),
    )
