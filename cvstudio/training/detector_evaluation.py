"""How good the embedded detector is: through the program's own model and suppression."""

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
"""Overlap of the suppression, as the program's default is."""

MATCH_IOU = 0.5

COCO_CATEGORIES = (1, 3, 17, 6, 7)
"""Of `LABELS` in COCO's own numbering, which has gaps and which the polygons use."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture with its boxes, and masks bool (H, W) by row where they are known."""

    image: Image
    truth: ImageBoxes
    masks: Mapping[int, NDArray[np.bool_]]


def voc5_held_out(data: Path, limit: int | None, progress: Progress) -> list[Labelled]:
    """The held-out tenth of `voc5`, with the masks of the few that have them."""
    _, paths = sets.voc5_split(data)
    found = []
    for sample in labelled(data, paths[:limit], progress):
        truth = ImageBoxes(sample.boxes, sample.classes, np.ones(len(sample.boxes), np.float32))
        masks = {}
        for row, cut in sample.masks.items():
            whole = np.zeros(sample.pixels.shape[:2], bool)
            height, width = cut.pixels.shape
            whole[cut.top : cut.top + height, cut.left : cut.left + width] = cut.pixels > 0
            masks[row] = whole
        found.append(Labelled(Image(sample.pixels), truth, masks))
    return found


def coco128(data: Path, limit: int | None, progress: Progress) -> list[Labelled]:
    """The photographs of `coco128` with the boxes and polygons of the five classes."""
    folder = data / "coco128"
    found = []
    for path in sorted((folder / "images" / "train2017").glob("*.jpg"))[:limit]:
        progress.check()
        pixels = sets.decode(path.read_bytes())
        height, width = pixels.shape[:2]
        boxes, classes = _yolo_boxes(folder / "object_detection" / "labels" / "train2017" / f"{path.stem}.txt")
        boxes = boxes * np.array([width, height, width, height], np.float32)
        truth = ImageBoxes(boxes, classes, np.ones(len(boxes), np.float32))
        polygons = folder / "instance_segmentation" / "labels" / "train2017" / f"{path.stem}.txt"
        found.append(Labelled(Image(pixels), truth, _polygon_masks(polygons, truth, width, height)))
    return found


def _rows(path: Path, numbers: tuple[int, ...]) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Index into `LABELS` and the values behind it, of the rows of a YOLO text whose class is one of `numbers`."""
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            number, *values = line.split()
            if int(number) in numbers:
                yield numbers.index(int(number)), np.array(values, np.float32)


def _yolo_boxes(path: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    boxes, classes = [], []
    for kind, (x, y, w, h) in _rows(path, COCO_NUMBERS):
        boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        classes.append(kind)
    return np.array(boxes, np.float32).reshape(-1, 4), np.array(classes, np.int64)


def _polygon_masks(path: Path, truth: ImageBoxes, width: int, height: int) -> dict[int, NDArray[np.bool_]]:
    """Masks by the row of the box that the polygon fills."""
    import cv2

    masks = {}
    for kind, values in _rows(path, COCO_CATEGORIES):
        points = values.reshape(-1, 2) * (width, height)
        around = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
        mine = np.flatnonzero(truth.classes == kind)
        if not len(mine):
            continue
        row = match(around[None], truth.boxes[mine], 0.8)[0]
        if row >= 0:
            mask = np.zeros((height, width), np.uint8)
            cv2.fillPoly(mask, [np.rint(points - 0.5).astype(np.int32)], 1)
            masks[int(mine[row])] = mask > 0
    return masks


def _found(network: Any, image: Image, progress: Progress) -> Detections:
    candidates: Detections = network.predict(image, NoParams(), progress)
    return candidates.take(nms(candidates.boxes, candidates.scores, candidates.classes, IOU))


def _network(weights: Path | None) -> Any:
    from cvstudio.models import MODELS

    return MODELS["pyramid-5"].load("cpu", weights)


def mask_ious(found: Detections, picture: Labelled) -> list[float]:
    """IoU of the masks of the boxes that are found, each with the one that it finds."""
    ious = []
    for kind in range(len(LABELS)):
        mine = np.flatnonzero(found.classes == kind)
        wanted = np.flatnonzero(picture.truth.classes == kind)
        for row, hit in zip(mine, match(found.boxes[mine], picture.truth.boxes[wanted], MATCH_IOU), strict=True):
            mask = picture.masks.get(int(wanted[hit])) if hit >= 0 else None
            if mask is not None and found.masks is not None:
                predicted = found.masks.full(int(row), found.boxes[row], found.size)
                ious.append(float((mask & predicted).sum() / max(1, (mask | predicted).sum())))
    return ious


def _measure(network: Any, pictures: list[Labelled], name: str, progress: Progress) -> dict[str, float]:
    boxes, ious = [], []
    for number, picture in enumerate(pictures):
        progress(number / len(pictures), f"looking at {name}")
        found = _found(network, picture.image, progress)
        boxes.append(ImageBoxes(found.boxes, found.classes, found.scores))
        if picture.masks:
            ious += mask_ious(found.take(found.scores >= 0.1), picture)
    precision = average_precision(boxes, [picture.truth for picture in pictures], len(LABELS), iou=MATCH_IOU)
    figures = {f"{name} mAP50": float(np.nanmean(precision))}
    for label, value in zip(LABELS, precision, strict=True):
        if not np.isnan(value):
            figures[f"{name} AP50 {label}"] = float(value)
    if ious:
        figures |= {f"{name} mask IoU": float(np.mean(ious)), f"{name} masks": float(len(ious))}
    return figures


def _others(pictures: list[Labelled]) -> list[Labelled]:
    return [picture for picture in pictures if not len(picture.truth.boxes)]


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size and default score: the score with the best F1 on the training part of `voc5`.

    The network has seen those pictures, so that its scores there are a little high; the held-out ones only measure.
    """
    from cvstudio.models.detection.pyramid import SIZE

    network = _network(weights)
    kept, _ = sets.voc5_split(data)
    scores, hits, total = [], [], 0
    for sample in labelled(data, kept[::10], progress):
        found = _found(network, Image(sample.pixels), progress)
        for kind in range(len(LABELS)):
            mine = found.classes == kind
            wanted = sample.boxes[sample.classes == kind]
            total += len(wanted)
            scores.append(found.scores[mine])
            hits.append(match(found.boxes[mine], wanted, MATCH_IOU) >= 0)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.concatenate(hits)[order].cumsum()
    f1 = 2 * right / (np.arange(1, len(order) + 1) + total)
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
        known = card("pyramid-5")
        settings = known.settings if known is not None else {"score": 0.4}
    network = _network(weights)
    figures = _measure(network, voc5_held_out(data, limit, progress), "voc5", progress)
    strangers = coco128(data, limit, progress)
    figures |= _measure(network, strangers, "coco128", progress)
    false = [
        int((_found(network, picture.image, progress).scores >= settings["score"]).sum())
        for picture in _others(strangers)
    ]
    if false:
        figures |= {"false boxes per picture": float(np.mean(false)), "pictures without": float(len(false))}
    return figures
