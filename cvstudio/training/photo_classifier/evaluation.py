"""Calibration and evaluation of the default classifier on photographs that its trunk was not trained on.

Sources: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (temperature scaling); Hendrycks and Gimpel,
"A Baseline for Detecting Misclassified and Out-of-Distribution Examples", ICLR 2017 (the threshold on the largest
probability).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.models.shared.class_names import IMAGENET_OF_COCO
from cvstudio.models.shared.coco import LABELS
from cvstudio.training import sets
from cvstudio.training.classifier_evaluation import best_temperature, softmax
from cvstudio.training.detector_data import voc5_boxes
from cvstudio.training.detector_teacher import COCO_NUMBERS
from cvstudio.training.figures import coco128
from cvstudio.weights.embedded import settings_of

LEAST_SIDE = 80
"""Shorter side in pixels of a box that is looked at; smaller ones nobody can name."""

MARGIN = 0.1
"""Part of its sides by which a box is enlarged."""

PER_CLASS = 150
"""Largest number of crops of each class for the calibration."""

STRANGERS_NAMED = 0.25
"""Part of the crops of strangers that reaches the threshold, on the data that it is chosen on."""

TEMPERATURES = (0.1, 5.0)
BATCH = 16


@dataclass(frozen=True, eq=False)
class LabelledCrop:
    """A box cut out of a photograph, with its class of COCO's 80."""

    image: Image
    kind: int


def crops(pixels: NDArray[np.uint8], boxes: NDArray[np.float32], classes: NDArray[np.int64]) -> list[LabelledCrop]:
    """The boxes of a photograph that are large enough."""
    height, width = pixels.shape[:2]
    cut = []
    for (x1, y1, x2, y2), kind in zip(boxes, classes, strict=True):
        if min(x2 - x1, y2 - y1) < LEAST_SIDE:
            continue
        x_margin, y_margin = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
        left, top = max(0, int(x1 - x_margin)), max(0, int(y1 - y_margin))
        right, bottom = min(width, int(x2 + x_margin)), min(height, int(y2 + y_margin))
        cut.append(LabelledCrop(Image(np.ascontiguousarray(pixels[top:bottom, left:right])), int(kind)))
    return cut


def voc5_crops(data: Path, progress: Progress) -> list[LabelledCrop]:
    """Crops of `voc5`, at most `PER_CLASS` of each of its five classes."""
    boxes_of = voc5_boxes(data)
    numbers = np.array(COCO_NUMBERS, np.int64)
    counts = np.zeros(len(LABELS), np.int64)
    found = []
    # Every seventh picture at a time, as neighbouring numbers show the same class.
    names = sorted(boxes_of)
    for name in (name for start in range(7) for name in names[start::7]):
        boxes, own = boxes_of[name]
        kinds = numbers[own]
        wanted = counts[kinds] < PER_CLASS
        if not wanted.any():
            continue
        progress.check()
        for crop in crops(sets.decode((data / "voc5" / "images" / name).read_bytes()), boxes[wanted], kinds[wanted]):
            if counts[crop.kind] < PER_CLASS:
                counts[crop.kind] += 1
                found.append(crop)
    return found


def coco128_crops(data: Path, limit: int | None, progress: Progress) -> list[LabelledCrop]:
    """Crops of `coco128`."""
    found = []
    for photo in coco128.photographs(data, limit, progress):
        found += crops(photo.image.rgb8, photo.truth.boxes, photo.truth.classes)
    return found


def _accepted() -> NDArray[np.bool_]:
    """Whether a class of ImageNet is right for one of COCO's: bool (80, 1000)."""
    accepted = np.zeros((len(LABELS), 1000), bool)
    for label, indices in IMAGENET_OF_COCO.items():
        accepted[LABELS.index(label), list(indices)] = True
    return accepted


def _logits(key: str, pictures: list[Image], progress: Progress) -> NDArray[np.float32]:
    from cvstudio.models import MODELS

    network: Any = MODELS[key].load("cpu", None)
    logits = []
    for start in range(0, len(pictures), BATCH):
        progress(start / len(pictures), "looking at pictures")
        logits.append(network.logits(pictures[start : start + BATCH], progress))
    return np.concatenate(logits)


@dataclass(frozen=True)
class PhotoEvaluation:
    """Calibration and evaluation of a classifier of ImageNet's classes, see `TrainingRecipe`; `model` is its key."""

    model: str

    def calibrate(self, data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
        """Temperature and threshold, from crops of `voc5`, whose persons are strangers: ImageNet has no class for
        them."""
        found = voc5_crops(data, progress)
        logits = _logits(self.model, [crop.image for crop in found], progress)
        accepted = _accepted()[[crop.kind for crop in found]]
        known = accepted.any(axis=1)
        temperature = best_temperature(logits[known], accepted[known], TEMPERATURES)
        confidence = softmax(logits[~known], temperature).max(axis=1)
        threshold = float(np.quantile(confidence, 1 - STRANGERS_NAMED))
        return {"temperature": round(temperature, 4), "threshold": round(threshold, 2)}

    def evaluate(
        self,
        data: Path,
        weights: Path | None,
        settings: Mapping[str, Any] | None,
        limit: int | None,
        progress: Progress,
    ) -> Mapping[str, float]:
        """Figures on crops of `coco128`, and the accuracy on ImageNet's own photographs. See `TrainingRecipe`."""
        settings = settings_of(self.model, settings, temperature=1.0, threshold=0.5)
        temperature, threshold = float(settings["temperature"]), float(settings["threshold"])
        found = coco128_crops(data, limit, progress)
        probabilities = softmax(_logits(self.model, [crop.image for crop in found], progress), temperature)
        accepted = _accepted()[[crop.kind for crop in found]]
        known = accepted.any(axis=1)
        is_right = accepted[np.arange(len(found)), probabilities.argmax(axis=1)]
        is_named = probabilities.max(axis=1) >= threshold
        photos = sets.imagenet_samples(data, progress)[:limit]
        own = _logits(self.model, [Image(photo.pixels) for photo in photos], progress)
        top5 = np.argsort(-own, axis=1)[:, :5]
        indices = np.array([photo.index for photo in photos])
        return {
            "coco128 crops": float(known.sum()),
            "coco128 top-1": float(is_right[known].mean()),
            "coco128 named": float(is_named[known].mean()),
            "coco128 right where named": float(is_right[known & is_named].mean()),
            "coco128 strangers": float((~known).sum()),
            "coco128 strangers named": float(is_named[~known].mean()),
            "ImageNet top-1": float((top5[:, 0] == indices).mean()),
            "ImageNet top-5": float((top5 == indices[:, None]).any(axis=1).mean()),
        }
