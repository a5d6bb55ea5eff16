"""The labels of one picture in the form that measures compare with predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.geometry import Size
from cvstudio.data.label_masks import polygons_mask
from cvstudio.data.labels import NO_CLASS, Annotation, LabelledMask, PictureLabels, area_of
from cvstudio.evaluation.coded_masks import coded_mask, coded_polygons
from cvstudio.evaluation.panoptic import Segments

DIFFICULT = "difficult"
"""Attribute of objects that PASCAL VOC counts neither for nor against a prediction."""


@dataclass(frozen=True, eq=False)
class PictureTruth:
    """True objects of one picture.

    Parameters
    ----------
    boxes : float64 (m, 4), x, y, width, height in image pixels
    classes : int32 (m,)
    areas : float64 (m,), as the labels state them, else of the outline or box
    crowds : bool (m,), whether it stands for a group
    ignored : bool (m,), whether it counts neither way: crowds and what is difficult to see
    """

    boxes: NDArray[np.float64]
    classes: NDArray[np.int32]
    areas: NDArray[np.float64]
    crowds: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


def truth_of(annotations: tuple[Annotation, ...]) -> PictureTruth:
    """The true objects of `annotations`, in their order."""
    corners = np.array([item.box for item in annotations], np.float64).reshape(-1, 4)
    crowds = np.array([item.crowd for item in annotations], bool)
    difficult = np.array([item.attributes.get(DIFFICULT, "") in ("1", "true", "True") for item in annotations], bool)
    return PictureTruth(
        np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
        np.array([item.category for item in annotations], np.int32),
        np.array([area_of(item) for item in annotations], np.float64),
        crowds,
        crowds | difficult,
    )


def has_outline(annotation: Annotation) -> bool:
    """Whether an object has a mask or a polygon."""
    return annotation.mask is not None or bool(annotation.polygons)


def coded_outline(annotation: Annotation, size: Size) -> bytes:
    """The mask of an object in COCO's code; that of its box where it has no outline."""
    if annotation.mask is not None:
        return coded_mask(annotation.mask, size)
    x1, y1, x2, y2 = annotation.box
    box = ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    return coded_polygons(annotation.polygons or (box,), size)


def _mask(annotation: Annotation, size: Size) -> LabelledMask | None:
    return annotation.mask if annotation.mask is not None else polygons_mask(annotation.polygons, size)


def true_map(labels: PictureLabels, size: Size) -> NDArray[np.int32] | None:
    """The category of each pixel, int32 (H, W), `NO_CLASS` where there is none: the map of the labels, else painted
    from the outlines, later ones over earlier ones; None without either."""
    if labels.label_map is not None:
        return labels.label_map.classes
    if not any(map(has_outline, labels.annotations)):
        return None
    classes = np.full((size.height, size.width), NO_CLASS, np.int32)
    for item in labels.annotations:
        mask = _mask(item, size)
        if mask is not None and not item.crowd:
            classes[mask.full(size)] = item.category
    return classes


def true_segments(annotations: tuple[Annotation, ...], size: Size) -> Segments:
    """The segments of objects with outlines, later ones over earlier ones."""
    numbers = np.zeros((size.height, size.width), np.int32)
    outlined = [item for item in annotations if has_outline(item)]
    for number, item in enumerate(outlined, 1):
        mask = _mask(item, size)
        if mask is not None:
            numbers[mask.full(size)] = number
    return Segments(
        numbers,
        np.array([item.category for item in outlined], np.int32),
        np.array([item.crowd for item in outlined], bool),
    )
