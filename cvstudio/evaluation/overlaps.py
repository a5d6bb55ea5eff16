"""Objects of a labelled set and of its predictions, and how far they overlap: all that measures of detection need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cvstudio.data.geometry import check_arrays

LEAST_OVERLAP = 0.1
"""Smallest overlap that is kept: below it an object is background (Bolya et al., ECCV 2020)."""


@dataclass(frozen=True, eq=False)
class TrueObjects:
    """Labelled objects.

    Parameters
    ----------
    pictures : int32 (n,), number of the picture, ascending
    classes : int32 (n,), index of the category
    areas : float64 (n,), in pixels
    crowds : bool (n,), whether it stands for a group, which any number of predictions may match
    ignored : bool (n,), whether it counts neither for nor against a prediction; crowds are ignored, too
    """

    pictures: NDArray[np.int32]
    classes: NDArray[np.int32]
    areas: NDArray[np.float64]
    crowds: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    def __post_init__(self) -> None:
        n = (len(self.pictures),)
        expected: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "pictures": (np.int32, n),
            "classes": (np.int32, n),
            "areas": (np.float64, n),
            "crowds": (np.bool_, n),
            "ignored": (np.bool_, n),
        }
        check_arrays(self, expected)

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, eq=False)
class PredictedObjects:
    """Predicted objects, the best of each picture first.

    Parameters
    ----------
    pictures : int32 (n,), number of the picture, ascending
    classes : int32 (n,), index of the category
    scores : float32 (n,), descending within a picture
    areas : float64 (n,), in pixels
    """

    pictures: NDArray[np.int32]
    classes: NDArray[np.int32]
    scores: NDArray[np.float32]
    areas: NDArray[np.float64]

    def __post_init__(self) -> None:
        n = (len(self.pictures),)
        expected: dict[str, tuple[DTypeLike, tuple[int, ...]]] = {
            "pictures": (np.int32, n),
            "classes": (np.int32, n),
            "scores": (np.float32, n),
            "areas": (np.float64, n),
        }
        check_arrays(self, expected)

    def __len__(self) -> int:
        return len(self.pictures)


@dataclass(frozen=True, eq=False)
class ObjectOverlaps:
    """True and predicted objects of a set, and the pairs of one picture that overlap.

    About 2 kB for a picture with 100 predictions, whatever its size: boxes and masks are not kept.

    Parameters
    ----------
    n_pictures, n_categories : numbers of pictures and categories
    truth, predictions : the objects
    rows, columns : int32 (p,), prediction and true object of each pair
    values : float64 (p,)
        Their IoU, of boxes or masks, or the object keypoint similarity; of a crowd the part of the prediction that
        lies in it. At least `LEAST_OVERLAP`.
    """

    n_pictures: int
    n_categories: int
    truth: TrueObjects
    predictions: PredictedObjects
    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    values: NDArray[np.float64]

    def __post_init__(self) -> None:
        p = (len(self.rows),)
        check_arrays(self, {"rows": (np.int32, p), "columns": (np.int32, p), "values": (np.float64, p)})

    def same_class(self) -> NDArray[np.bool_]:
        """Pairs whose classes are equal, bool (p,)."""
        equal: NDArray[np.bool_] = self.predictions.classes[self.rows] == self.truth.classes[self.columns]
        return equal


@dataclass(frozen=True, eq=False)
class PictureObjects:
    """True and predicted objects of one picture and their overlaps, as `OverlapsBuilder.add` takes them.

    Parameters
    ----------
    true_classes : int32 (m,)
    true_areas : float64 (m,)
    crowds, ignored : bool (m,)
    classes : int32 (n,)
        Index of the category, -1 for a prediction that is left out.
    scores : float32 (n,), in any order
    areas : float64 (n,)
    overlaps : float64 (n, m)
    """

    true_classes: NDArray[np.int32]
    true_areas: NDArray[np.float64]
    crowds: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    classes: NDArray[np.int32]
    scores: NDArray[np.float32]
    areas: NDArray[np.float64]
    overlaps: NDArray[np.float64]


class OverlapsBuilder:
    """Collects the objects of a set, picture by picture."""

    def __init__(self, n_categories: int) -> None:
        self.n_categories = n_categories
        self.n_pictures = 0
        self._n_true = self._n_predicted = 0
        self._truth: list[tuple[NDArray[Any], ...]] = []
        self._predictions: list[tuple[NDArray[Any], ...]] = []
        self._pairs: list[tuple[NDArray[Any], ...]] = []

    def add(self, objects: PictureObjects) -> None:
        """Add the objects of the next picture."""
        m = len(objects.true_classes)
        number = np.int32(self.n_pictures)
        self._truth.append(
            (
                np.full(m, number, np.int32),
                objects.true_classes.astype(np.int32),
                objects.true_areas.astype(np.float64),
                objects.crowds.astype(bool),
                (objects.ignored | objects.crowds).astype(bool),
            )
        )
        # Equal scores keep their order, as in COCO's evaluation.
        order = np.argsort(-objects.scores, kind="stable")
        order = order[objects.classes[order] >= 0]
        n = len(order)
        self._predictions.append(
            (
                np.full(n, number, np.int32),
                objects.classes[order].astype(np.int32),
                objects.scores[order].astype(np.float32),
                objects.areas[order].astype(np.float64),
            )
        )
        overlaps = objects.overlaps.reshape(len(objects.classes), m)[order]
        rows, columns = np.nonzero(overlaps >= LEAST_OVERLAP)
        self._pairs.append(
            (
                (rows + self._n_predicted).astype(np.int32),
                (columns + self._n_true).astype(np.int32),
                overlaps[rows, columns].astype(np.float64),
            )
        )
        self.n_pictures += 1
        self._n_true += m
        self._n_predicted += n

    def build(self) -> ObjectOverlaps:
        """All that was added so far."""
        true_types = (np.int32, np.int32, np.float64, np.bool_, np.bool_)
        predicted_types = (np.int32, np.int32, np.float32, np.float64)
        return ObjectOverlaps(
            self.n_pictures,
            self.n_categories,
            TrueObjects(*_joined(self._truth, true_types)),
            PredictedObjects(*_joined(self._predictions, predicted_types)),
            *_joined(self._pairs, (np.int32, np.int32, np.float64)),
        )


def _joined(parts: list[tuple[NDArray[Any], ...]], dtypes: tuple[type[np.generic], ...]) -> list[NDArray[Any]]:
    return [
        np.concatenate([np.zeros(0, dtype), *(part[index] for part in parts)]) for index, dtype in enumerate(dtypes)
    ]
