"""Evaluation and calibration of the embedded detector, run as the program's own model with NMS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.boxes import nms
from cvstudio.data.samples import Image
from cvstudio.foundation.params import NoParams
from cvstudio.foundation.progress import Progress
from cvstudio.results.detections import Detections
from cvstudio.training import sets
from cvstudio.training.average_precision import ImageBoxes, average_precision, match
from cvstudio.training.detector_data import labelled
from cvstudio.training.detector_teacher import COCO_NUMBERS, LABELS

IOU = 0.55
"""IoU threshold of the NMS, the program's default for this model."""

MATCH_IOU = 0.5

COCO_CATEGORIES = (1, 3, 17, 6, 7)
"""COCO's category ids of `LABELS`, which the polygon files use."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled picture: boxes, and masks bool (H, W) by row of the boxes that have one."""

    image: Image
    truth: ImageBoxes
    masks: Mapping[int, NDArray[np.bool_]]


def voc5_held_out(data: Path, limit: int | None, progress: Progress) -> list[Labelled]:
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
        pictures.append(Labelled(Image(sample.pixels), truth, masks))
    return pictures


def coco128(data: Path, limit: int | None, progress: Progress) -> list[Labelled]:
    """The photographs of `coco128` with the boxes and polygons of the five classes."""
    folder = data / "coco128"
    pictures = []
    for path in sorted((folder / "images" / "train2017").glob("*.jpg"))[:limit]:
        progress.check()
        pixels = sets.decode(path.read_bytes())
        height, width = pixels.shape[:2]
        boxes, classes = _yolo_boxes(folder / "object_detection" / "labels" / "train2017" / f"{path.stem}.txt")
        boxes = boxes * np.array([width, height, width, height], np.float32)
        truth = ImageBoxes(boxes, classes, np.ones(len(boxes), np.float32))
        polygons = folder / "instance_segmentation" / "labels" / "train2017" / f"{path.stem}.txt"
        pictures.append(Labelled(Image(pixels), truth, _polygon_masks(polygons, truth, width, height)))
    return pictures


def _rows(path: Path, numbers: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Index into `LABELS` and values of the rows of a YOLO label file whose class is one of `numbers`."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            number, *values = line.split()
            if int(number) in numbers:
                yield numbers.index(int(number)), np.array(values, np.float32)


def _yolo_boxes(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    boxes, classes = [], []
    for class_index, (x, y, w, h) in _rows(path, COCO_NUMBERS):
        boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        classes.append(class_index)
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64)


def _polygon_masks(path: Path, truth: ImageBoxes, width: int, height: int) -> dict[int, NDArray[np.bool_]]:
    """Masks of polygons, by row of the box that each fills."""
    import cv2

    masks = {}
    for class_index, values in _rows(path, COCO_CATEGORIES):
        points = values.reshape(-1, 2) * (width, height)
        polygon_box = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
        class_rows = np.flatnonzero(truth.classes == class_index)
        if not len(class_rows):
            continue
        row = match(polygon_box[None], truth.boxes[class_rows], 0.8)[0]
        if row >= 0:
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.rint(points - 0.5).astype(np.int32)], 1)
            masks[int(class_rows[row])] = mask > 0
    return masks


def _detections(network: Any, image: Image, progress: Progress) -> Detections:
    candidates: Detections = network.predict(image, NoParams(), progress)
    return candidates.take(nms(candidates.boxes, candidates.scores, candidates.classes, IOU))


def _network(weights: Path | None) -> Any:
    from cvstudio.models import MODELS

    return MODELS["pyramid-5"].load("cpu", weights)


def mask_ious(detections: Detections, picture: Labelled) -> list[float]:
    """IoU of predicted masks with the annotated masks of their matched boxes."""
    ious = []
    for class_index in range(len(LABELS)):
        predicted_rows = np.flatnonzero(detections.classes == class_index)
        true_rows = np.flatnonzero(picture.truth.classes == class_index)
        for row, matched in zip(
            predicted_rows,
            match(detections.boxes[predicted_rows], picture.truth.boxes[true_rows], MATCH_IOU),
            strict=True,
        ):
            mask = picture.masks.get(int(true_rows[matched])) if matched >= 0 else None
            if mask is not None and detections.masks is not None:
                predicted = detections.masks.full(int(row), detections.boxes[row], detections.size)
                ious.append(float((mask & predicted).sum() / max(1, (mask | predicted).sum())))
    return ious


def _measure(network: Any, pictures: list[Labelled], name: str, progress: Progress) -> dict[str, float]:
    boxes, ious = [], []
    for number, picture in enumerate(pictures):
        progress(number / len(pictures), f"looking at {name}")
        detections = _detections(network, picture.image, progress)
        boxes.append(ImageBoxes(detections.boxes, detections.classes, detections.scores))
        if picture.masks:
            ious += mask_ious(detections.take(detections.scores >= 0.1), picture)
    precision = average_precision(boxes, [picture.truth for picture in pictures], len(LABELS), iou=MATCH_IOU)
    figures = {f"{name} mAP50": float(np.nanmean(precision))}
    for label, value in zip(LABELS, precision, strict=True):
        if not np.isnan(value):
            figures[f"{name} AP50 {label}"] = float(value)
    if ious:
        figures |= {f"{name} mask IoU": float(np.mean(ious)), f"{name} masks": float(len(ious))}
    return figures


def _without_boxes(pictures: list[Labelled]) -> list[Labelled]:
    return [picture for picture in pictures if not len(picture.truth.boxes)]


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size and default score: the score with the best F1 on the training part of `voc5`.

    The network was trained on those pictures, so that its scores there are a little high; the held-out ones are for
    evaluation only.
    """
    from cvstudio.models.detection.pyramid import SIZE

    network = _network(weights)
    training_paths, _ = sets.voc5_split(data)
    scores, hits, total = [], [], 0
    for sample in labelled(data, training_paths[::10], progress):
        detections = _detections(network, Image(sample.pixels), progress)
        for class_index in range(len(LABELS)):
            of_class = detections.classes == class_index
            true_boxes = sample.boxes[sample.classes == class_index]
            total += len(true_boxes)
            scores.append(detections.scores[of_class])
            hits.append(match(detections.boxes[of_class], true_boxes, MATCH_IOU) >= 0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    true_positives = np.concatenate(hits)[order].cumsum()
    f1 = 2 * true_positives / (np.arange(1, len(order) + 1) + total)
    best = float(np.concatenate(scores)[order][f1.argmax()])
    return {"size": SIZE, "score": round(best, 2)}


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on the held-out tenth of `voc5` and on `coco128`, none of which was trained on. See `TrainingRecipe`."""
    from cvstudio.weights.embedded import card

    if settings is None:
        model_card = card("pyramid-5")
        settings = model_card.settings if model_card is not None else {"score": 0.4}
    network = _network(weights)
    figures = _measure(network, voc5_held_out(data, limit, progress), "voc5", progress)
    coco_pictures = coco128(data, limit, progress)
    figures |= _measure(network, coco_pictures, "coco128", progress)
    false_counts = [
        int((_detections(network, picture.image, progress).scores >= settings["score"]).sum())
        for picture in _without_boxes(coco_pictures)
    ]
    if false_counts:
        figures |= {
            "false boxes per picture": float(np.mean(false_counts)),
            "pictures without": float(len(false_counts)),
        }
    return figures
