"""Evaluation and calibration of the embedded detector, run as the program's own model with NMS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.training import sets
from cvstudio.training.average_precision import ImageBoxes, average_precision
from cvstudio.training.detector_data import labelled
from cvstudio.training.detector_teacher import COCO_NUMBERS, LABELS
from cvstudio.training.figures import coco128
from cvstudio.training.figures.coco128 import LabelledPhoto
from cvstudio.training.figures.detection_figures import MATCH_IOU, best_score, detections_of, mask_ious
from cvstudio.weights.embedded import settings_of


def voc5_held_out(data: Path, limit: int | None, progress: Progress) -> list[LabelledPhoto]:
    """The held-out tenth of `voc5`, with the masks of the few that have them."""
    _, paths = sets.voc5_split(data)
    pictures = []
    for sample in labelled(data, paths[:limit], progress):
        truth = ImageBoxes(sample.boxes, sample.classes, np.ones(len(sample.boxes), np.float32))
        masks = {}
        for row, part in sample.masks.items():
            mask = np.zeros(sample.pixels.shape[:2], bool)
            height, width = part.pixels.shape
            mask[part.top : part.top + height, part.left : part.left + width] = part.pixels > 0
            masks[row] = mask
        pictures.append(LabelledPhoto(Image(sample.pixels), truth, masks))
    return pictures


def _network(weights: Path | None) -> Any:
    from cvstudio.models import MODELS

    return MODELS["pyramid-5"].load("cpu", weights)


def _boxes_of(detections: Detections) -> ImageBoxes:
    return ImageBoxes(detections.boxes, detections.classes, detections.scores)


def _measure(network: Any, pictures: list[LabelledPhoto], name: str, progress: Progress) -> dict[str, float]:
    boxes, ious = [], []
    for number, picture in enumerate(pictures):
        progress(number / len(pictures), f"looking at {name}")
        detections = detections_of(network, picture.image, progress)
        boxes.append(_boxes_of(detections))
        if picture.masks:
            ious += mask_ious(detections, detections.classes, picture)
    precision = average_precision(boxes, [picture.truth for picture in pictures], len(LABELS), iou=MATCH_IOU)
    figures = {f"{name} mAP50": float(np.nanmean(precision))}
    for label, value in zip(LABELS, precision, strict=True):
        if not np.isnan(value):
            figures[f"{name} AP50 {label}"] = float(value)
    if ious:
        figures |= {f"{name} mask IoU": float(np.mean(ious)), f"{name} masks": float(len(ious))}
    return figures


def _without_boxes(pictures: list[LabelledPhoto]) -> list[LabelledPhoto]:
    return [picture for picture in pictures if not len(picture.truth.boxes)]


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size and default score: the score with the best F1 on the training part of `voc5`.

    The network was trained on those pictures, so that its scores there are a little high; the held-out ones are for
    evaluation only.
    """
    from cvstudio.models.detection.pyramid import SIZE

    network = _network(weights)
    training_paths, _ = sets.voc5_split(data)
    predictions, truth = [], []
    for sample in labelled(data, training_paths[::10], progress):
        predictions.append(_boxes_of(detections_of(network, Image(sample.pixels), progress)))
        truth.append(ImageBoxes(sample.boxes, sample.classes, np.ones(len(sample.boxes), np.float32)))
    return {"size": SIZE, "score": best_score(predictions, truth, range(len(LABELS)))}


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on the held-out tenth of `voc5` and on `coco128`, none of which was trained on. See `TrainingRecipe`."""
    settings = settings_of("pyramid-5", settings, score=0.4)
    network = _network(weights)
    figures = _measure(network, voc5_held_out(data, limit, progress), "voc5", progress)
    coco_pictures = coco128.photographs(data, limit, progress, numbers=COCO_NUMBERS)
    figures |= _measure(network, coco_pictures, "coco128", progress)
    false_counts = [
        int((detections_of(network, picture.image, progress).scores >= settings["score"]).sum())
        for picture in _without_boxes(coco_pictures)
    ]
    if false_counts:
        figures |= {
            "false boxes per picture": float(np.mean(false_counts)),
            "pictures without": float(len(false_counts)),
        }
    return figures
