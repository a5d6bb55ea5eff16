"""Comparison of predictions with the labels of a set, picture by picture; only what measures need is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.labels import NO_CLASS, Annotation, Category, PictureLabels
from cvstudio.evaluation.class_mapping import ClassMapping
from cvstudio.evaluation.classification import ClassificationBuilder, ClassificationScores
from cvstudio.evaluation.coded_masks import areas, decoded, overlaps
from cvstudio.evaluation.keypoint_similarity import keypoint_similarity
from cvstudio.evaluation.overlaps import ObjectOverlaps, OverlapsBuilder, PictureObjects
from cvstudio.evaluation.panoptic import PanopticBuilder, PanopticSegments, Segments
from cvstudio.evaluation.predictions import PicturePrediction
from cvstudio.evaluation.semantic import SemanticBuilder, SemanticScores
from cvstudio.evaluation.truth import PictureTruth, coded_outline, has_outline, true_map, true_segments, truth_of
from cvstudio.foundation.errors import BindingError
from cvstudio.models.shared.class_names import spelling

BOXES, MASKS, KEYPOINTS = "boxes", "masks", "keypoints"
"""What the overlap of objects is measured by."""

FORM_TITLES: Mapping[str, str] = {BOXES: "Boxes", MASKS: "Masks", KEYPOINTS: "Key points"}

LEAST_FREE = 0.5
"""Part of a detected mask that no better one covers, above which it is a segment (Kirillov et al., CVPR 2019)."""


@dataclass(frozen=True, eq=False)
class Measures:
    """What was counted over a set; None or missing where the model or the labels do not have it.

    Parameters
    ----------
    objects : by `BOXES`, `MASKS` or `KEYPOINTS`
    """

    objects: Mapping[str, ObjectOverlaps] = field(default_factory=dict)
    classification: ClassificationScores | None = None
    semantic: SemanticScores | None = None
    panoptic: PanopticSegments | None = None


class Comparer(Protocol):
    """Compares the predictions of one kind of model with labels."""

    def add(self, labels: PictureLabels, prediction: PicturePrediction) -> str:
        """Add the next picture. Returns why it is left out, as a sentence; empty where it is not."""
        ...

    def build(self) -> Measures:
        """All that was added so far."""
        ...


class ObjectComparer:
    """Detected boxes and masks.

    Parameters
    ----------
    measured : bool (K,), categories that count; objects of others are as if they were not there
    panoptic : whether panoptic quality is measured
    """

    def __init__(self, mapping: ClassMapping, measured: NDArray[np.bool_], *, panoptic: bool) -> None:
        n = len(mapping.categories)
        self._categories = _only(mapping.indices(), measured)
        self._measured = measured
        self._boxes, self._masks = OverlapsBuilder(n), OverlapsBuilder(n)
        self._panoptic = PanopticBuilder(n) if panoptic else None
        self._outlined = self._masked = False

    def add(self, labels: PictureLabels, prediction: PicturePrediction) -> str:
        assert prediction.boxes is not None
        assert prediction.scores is not None
        assert prediction.classes is not None
        annotations = tuple(item for item in labels.annotations if self._measured[item.category])
        truth = truth_of(annotations)
        classes = self._categories[prediction.classes].astype(np.int32)
        corners = prediction.boxes.astype(np.float64)
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        self._boxes.add(
            _objects(truth, truth.ignored, classes, prediction, np.prod(boxes[:, 2:], axis=1), _box_ious(boxes, truth))
        )
        codes = prediction.masks()
        if codes is not None:
            self._masked = True
            self._add_masks(annotations, truth, classes, prediction, codes)
        return ""

    def _add_masks(
        self,
        annotations: tuple[Annotation, ...],
        truth: PictureTruth,
        classes: NDArray[np.int32],
        prediction: PicturePrediction,
        codes: tuple[bytes, ...],
    ) -> None:
        size = prediction.size
        outlined = np.array([has_outline(item) for item in annotations], bool)
        self._outlined |= bool(outlined.any())
        true_codes = [coded_outline(item, size) for item in annotations]
        values = overlaps(codes, true_codes, truth.crowds, size)
        # An object with a box alone can be neither hit nor missed by a mask.
        self._masks.add(_objects(truth, truth.ignored | ~outlined, classes, prediction, areas(codes, size), values))
        if self._panoptic is not None:
            assert prediction.scores is not None
            segments = detected_segments(codes, classes, prediction.scores, size)
            self._panoptic.add(true_segments(annotations, size), segments)

    def build(self) -> Measures:
        objects = {BOXES: self._boxes.build()}
        if self._masked and self._outlined:
            objects[MASKS] = self._masks.build()
        panoptic = self._panoptic.build() if self._panoptic is not None and self._outlined and self._masked else None
        return Measures(objects, panoptic=panoptic)


def _only(categories: NDArray[np.int64], measured: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The category of each label, -1 where it is none or not measured."""
    return np.where((categories >= 0) & measured[categories], categories, -1)


def _objects(
    truth: PictureTruth,
    ignored: NDArray[np.bool_],
    classes: NDArray[np.int32],
    prediction: PicturePrediction,
    predicted_areas: NDArray[np.float64],
    values: NDArray[np.float64],
) -> PictureObjects:
    assert prediction.scores is not None
    return PictureObjects(
        truth.classes, truth.areas, truth.crowds, ignored, classes, prediction.scores, predicted_areas, values
    )


def _box_ious(boxes: NDArray[np.float64], truth: PictureTruth) -> NDArray[np.float64]:
    from pycocotools import mask

    if not len(boxes) or not len(truth.boxes):
        return np.zeros((len(boxes), len(truth.boxes)))
    return np.asarray(mask.iou(boxes, truth.boxes, truth.crowds.astype(np.uint8).tolist()), np.float64)


def detected_segments(
    codes: Sequence[bytes], classes: NDArray[np.int32], scores: NDArray[np.float32], size: Size
) -> Segments:
    """Segments of masks that may overlap, the best first: each gets the pixels that are free, unless those are no more
    than `LEAST_FREE` of it."""
    numbers = np.zeros((size.height, size.width), np.int32)
    kept: list[int] = []
    for row, code in enumerate(codes):
        mask = decoded(code, size) if classes[row] >= 0 else None
        if mask is None:
            continue
        height, width = mask.pixels.shape
        part = numbers[mask.top : mask.top + height, mask.left : mask.left + width]
        free = mask.pixels & (part == 0)
        if free.sum() > LEAST_FREE * mask.pixels.sum():
            kept.append(row)
            part[free] = len(kept)
    return Segments(numbers, classes[kept].astype(np.int32), np.zeros(len(kept), bool), scores[kept])


class KeypointComparer:
    """Key points of objects of one class.

    Raises
    ------
    BindingError
        The set has no key points, or other ones.
    """

    def __init__(self, points: tuple[str, ...], categories: Sequence[Category]) -> None:
        declared = [index for index, category in enumerate(categories) if category.keypoints]
        if not declared:
            raise BindingError(
                "The model finds key points, but the labelled set has none; choose a model that finds boxes."
            )
        self.category = max(declared, key=lambda index: len(_known(points, categories[index].keypoints)))
        self._order = point_order(points, categories[self.category].keypoints)
        self._objects = OverlapsBuilder(len(categories))

    def add(self, labels: PictureLabels, prediction: PicturePrediction) -> str:
        assert prediction.keypoints is not None
        annotations = tuple(item for item in labels.annotations if item.category == self.category)
        truth = truth_of(annotations)
        n_points = len(self._order)
        labelled = np.zeros((len(annotations), n_points, 3))
        for row, item in enumerate(annotations):
            labelled[row, : len(item.keypoints)] = np.array(item.keypoints, np.float64).reshape(-1, 3)[:n_points]
        points = prediction.keypoints[:, self._order, :2].astype(np.float64)
        low, high = (points.min(axis=1), points.max(axis=1)) if points.size else (points[:, 0], points[:, 0])
        unlabelled = ~(labelled[..., 2] > 0).any(axis=1)
        self._objects.add(
            _objects(
                truth,
                truth.ignored | unlabelled,
                np.full(len(points), self.category, np.int32),
                prediction,
                np.prod(high - low, axis=1),
                keypoint_similarity(points, labelled, truth.boxes, truth.areas),
            )
        )
        return ""

    def build(self) -> Measures:
        return Measures({KEYPOINTS: self._objects.build()})


def _known(points: Sequence[str], names: Sequence[str]) -> set[str]:
    return {spelling(name) for name in points} & {spelling(name) for name in names}


def point_order(points: Sequence[str], names: Sequence[str]) -> list[int]:
    """Index among the `points` of the model of each point that the set `names`: by name, else by place where there are
    equally many. Raises BindingError."""
    place = {spelling(name): index for index, name in enumerate(points)}
    if all(spelling(name) in place for name in names):
        return [place[spelling(name)] for name in names]
    if len(points) != len(names):
        raise BindingError(
            f"The model finds {len(points)} key points ({', '.join(points[:3])} …), the labelled set has {len(names)} "
            f"others ({', '.join(names[:3])} …); choose a model with the same points."
        )
    return list(range(len(names)))


class PixelComparer:
    """Class maps, as mIoU and as panoptic quality of one segment for each class.

    Parameters
    ----------
    measured : bool (K,), categories that count; pixels of others are as if nobody had labelled them
    panoptic : whether panoptic quality is measured
    """

    def __init__(self, mapping: ClassMapping, measured: NDArray[np.bool_], *, panoptic: bool) -> None:
        n = len(mapping.categories)
        # -1, no class, is the last entry.
        self._categories = np.append(_only(mapping.indices(), measured), -1).astype(np.int32)
        self._measured = measured
        self._pixels = SemanticBuilder(n)
        self._panoptic = PanopticBuilder(n) if panoptic else None

    def add(self, labels: PictureLabels, prediction: PicturePrediction) -> str:
        assert prediction.class_map is not None
        truth = true_map(labels, prediction.size)
        if truth is None:
            return "The picture has no map of classes and no outlines."
        if truth.shape != prediction.size[::-1]:
            return "The map of classes is of another size than the picture."
        truth = np.append(np.where(self._measured, np.arange(len(self._measured)), NO_CLASS), NO_CLASS)[truth]
        predicted = self._categories[_enlarged(prediction.class_map, prediction.size)]
        self._pixels.add(truth.astype(np.int32), predicted)
        if self._panoptic is not None:
            annotations = tuple(item for item in labels.annotations if self._measured[item.category])
            self._panoptic.add(true_segments(annotations, prediction.size), _segments_of_map(predicted))
        return ""

    def build(self) -> Measures:
        panoptic = self._panoptic.build() if self._panoptic is not None else None
        return Measures(semantic=self._pixels.build(), panoptic=panoptic)


def _enlarged(class_map: NDArray[np.int16], size: Size) -> NDArray[np.int16]:
    """The map at the size of the picture: of each pixel, the cell at its centre."""
    if class_map.shape == (size.height, size.width):
        return class_map
    rows, columns = (
        ((np.arange(length) + 0.5) * count // length).astype(np.intp)
        for length, count in zip((size.height, size.width), class_map.shape, strict=True)
    )
    enlarged: NDArray[np.int16] = class_map[rows[:, None], columns]
    return enlarged


def _segments_of_map(predicted: NDArray[np.int32]) -> Segments:
    kinds, numbers = np.unique(predicted, return_inverse=True)
    kept = kinds >= 0
    number_of = np.where(kept, kept.cumsum(), 0).astype(np.int32)
    classes = kinds[kept].astype(np.int32)
    return Segments(number_of[numbers].reshape(predicted.shape), classes, np.zeros(len(classes), bool))


class PictureComparer:
    """Classes of whole pictures: those that the set states, else those of the objects in them.

    Parameters
    ----------
    measured : bool (K,), categories that count; pictures that show others alone are left out
    """

    def __init__(self, mapping: ClassMapping, measured: NDArray[np.bool_]) -> None:
        self._measured = measured
        self._answers = ClassificationBuilder(len(mapping.categories), mapping.indices())

    def add(self, labels: PictureLabels, prediction: PicturePrediction) -> str:
        assert prediction.probabilities is not None
        true = labels.classes or tuple(item.category for item in labels.annotations)
        if not true:
            return "The picture has no class and no objects."
        known = [category for category in true if self._measured[category]]
        if not known:
            return "The picture shows no class that the model knows."
        self._answers.add(known, prediction.probabilities)
        return ""

    def build(self) -> Measures:
        return Measures(classification=self._answers.build())
