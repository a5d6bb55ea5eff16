"""Evaluation and calibration of the classifier, run as the program's own model.

Sources: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (temperature scaling, section 4.2; expected
calibration error, section 2); Hendrycks and Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
Examples", ICLR 2017 (the threshold on the largest probability).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cvstudio.data.samples import Image
from cvstudio.foundation.progress import Progress
from cvstudio.training import sets
from cvstudio.training.classifier_data import imagenet_indices, strangers
from cvstudio.weights.embedded import settings_of

BINS = 15
"""Bins of equal width for the expected calibration error."""

STRANGERS_NAMED = 0.1
"""Fraction of pictures of other classes that exceed the threshold, on the data it is chosen on."""

TEMPERATURES = (0.1, 10.0)
BATCH = 100


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities float64 (n, classes) of logits divided by the temperature."""
    from scipy import special

    probabilities: NDArray[np.float64] = special.softmax(logits.astype(np.float64) / temperature, axis=1)
    return probabilities


def expected_calibration_error(
    probabilities: NDArray[np.float64], classes: NDArray[np.int64], *, bins: int = BINS
) -> float:
    """Expected calibration error 0..1: mean gap between confidence and accuracy, over bins of confidence."""
    confidence = probabilities.max(axis=1)
    is_correct = probabilities.argmax(axis=1) == classes
    bin_of = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gap = 0.0
    for bin_index in range(bins):
        in_bin = bin_of == bin_index
        if in_bin.any():
            gap += in_bin.mean() * abs(is_correct[in_bin].mean() - confidence[in_bin].mean())
    return float(gap)


def best_temperature(logits: NDArray[np.float32], accepted: NDArray[np.bool_], range_: tuple[float, float]) -> float:
    """The temperature within `range_` that minimises the negative log-likelihood of `accepted` (n, classes), the right
    answers."""
    from scipy.optimize import minimize_scalar

    def negative_log_likelihood(log_temperature: float) -> float:
        right = (softmax(logits, float(np.exp(log_temperature))) * accepted).sum(axis=1)
        return float(-np.log(np.maximum(right, 1e-12)).mean())

    optimum = minimize_scalar(negative_log_likelihood, bounds=np.log(range_), method="bounded")
    return float(np.exp(optimum.x))


def _network(weights: Path | None) -> Any:
    from cvstudio.models import MODELS

    return MODELS["residual-60"].load("cpu", weights)


def _logits(network: Any, pictures: list[Image], progress: Progress) -> NDArray[np.float32]:
    logits = []
    for start in range(0, len(pictures), BATCH):
        progress(start / len(pictures), "looking at pictures")
        logits.append(network.logits(pictures[start : start + BATCH]))
    return np.concatenate(logits)


def _strangers(data: Path, labels: tuple[str, ...], progress: Progress) -> tuple[list[Image], list[Image]]:
    """Photographs of other classes: those used for training, and the unseen ones."""
    halves = strangers(sets.imagenet_samples(data, progress), imagenet_indices(labels))
    trained, unseen = ([Image(photo.pixels) for photo in half] for half in halves)
    return trained, unseen


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size, temperature and threshold, from the calibration part of the data.

    At the threshold at most `STRANGERS_NAMED` of one half of the unseen pictures of other classes are named;
    `evaluate` uses the other half.
    """
    from cvstudio.models.classification.residual import SIZE

    network = _network(weights)
    small = sets.tiny_imagenet(data, progress)
    rows = np.flatnonzero(small.calibration)
    logits = _logits(network, [Image(small.pictures[row]) for row in rows], progress)
    accepted = np.arange(logits.shape[1]) == small.classes[rows][:, None]
    temperature = best_temperature(logits, accepted, TEMPERATURES)
    _, unseen = _strangers(data, small.labels, progress)
    confidence = softmax(_logits(network, unseen[::2], progress), temperature).max(axis=1)
    threshold = float(np.quantile(confidence, 1 - STRANGERS_NAMED))
    return {"size": SIZE, "temperature": round(temperature, 4), "threshold": round(threshold, 2)}


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on the held-out tenth (2,400 pictures) and on photographs of other classes. See `TrainingRecipe`."""
    settings = settings_of("residual-60", settings, temperature=1.0, threshold=0.5)
    network = _network(weights)
    small = sets.tiny_imagenet(data, progress)
    rows = np.flatnonzero(small.held_out)
    rows = rows[:: max(1, len(rows) // limit)][:limit] if limit else rows
    classes = small.classes[rows]
    logits = _logits(network, [Image(small.pictures[row]) for row in rows], progress)
    temperature, threshold = float(settings["temperature"]), float(settings["threshold"])
    probabilities = softmax(logits, temperature)
    top5 = np.argsort(-probabilities, axis=1)[:, :5]
    is_named = probabilities.max(axis=1) >= threshold
    _, unseen = _strangers(data, small.labels, progress)
    other_confidence = softmax(_logits(network, unseen[1::2][:limit], progress), temperature).max(axis=1)
    coarse = [Image(_coarse(picture.rgb8)) for picture in unseen[1::2][:limit]]
    coarse_confidence = softmax(_logits(network, coarse, progress), temperature).max(axis=1)
    is_correct = top5[:, 0] == classes
    return {
        "top-1": float(is_correct.mean()),
        "top-5": float((top5 == classes[:, None]).any(axis=1).mean()),
        "calibration error": expected_calibration_error(probabilities, classes),
        "named": float(is_named.mean()),
        "right where named": float(is_correct[is_named].mean()) if is_named.any() else float("nan"),
        "strangers named": float((other_confidence >= threshold).mean()),
        "coarse strangers named": float((coarse_confidence >= threshold).mean()),
    }


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)
