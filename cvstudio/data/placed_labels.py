"""Labels of a picture on what it becomes when it is cropped, turned and mirrored."""

from __future__ import annotations

import dataclasses

import numpy as np

from cvstudio.data.geometry import Rect
from cvstudio.data.labels import NO_CLASS, Annotation, LabelledMask, LabelMap, PictureLabels
from cvstudio.data.pixel_map import PixelMap


def placed_labels(labels: PictureLabels, pixel_map: PixelMap) -> PictureLabels:
    """`labels` on the picture that `pixel_map` leads to; what lies outside of it stays, with its coordinates there."""
    label_map = labels.label_map
    if label_map is not None and label_map.classes.shape == (pixel_map.source.height, pixel_map.source.width):
        label_map = LabelMap(pixel_map.placed(label_map.classes, NO_CLASS))
    annotations = tuple(_placed(item, pixel_map) for item in labels.annotations)
    return dataclasses.replace(labels, size=pixel_map.target, annotations=annotations, label_map=label_map)


def _placed(annotation: Annotation, pixel_map: PixelMap) -> Annotation:
    x1, y1, x2, y2 = pixel_map.boxes(np.array([annotation.box], np.float64))[0].tolist()
    mask = annotation.mask
    if mask is not None:
        height, width = mask.pixels.shape
        rect = pixel_map.rect(Rect(mask.left, mask.top, width, height))
        mask = LabelledMask(pixel_map.turned(mask.pixels), round(rect.x), round(rect.y))
    return dataclasses.replace(
        annotation,
        box=(x1, y1, x2, y2),
        polygons=tuple(tuple(pixel_map.point(*corner) for corner in part) for part in annotation.polygons),
        mask=mask,
        # A point that is not labelled has no place that could move.
        keypoints=tuple((*(pixel_map.point(x, y) if seen else (x, y)), seen) for x, y, seen in annotation.keypoints),
    )
