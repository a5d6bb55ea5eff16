"""How good the classifier is, and how sure it may be: through the program's own model.

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

BINS = 15
"""Of equal width, for the expected calibration error."""

STRANGERS_NAMED = 0.1
"""Share of the strangers that the threshold lets pass on the data it is chosen on."""

BATCH = 100


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Probabilities (n, classes) of logits divided by the temperature."""
    from scipy import special

    probabilities: NDArray[np.float64] = special.softmax(logits.astype(np.float64) / temperature, axis=1)
    return probabilities


def expected_calibration_error(
    probabilities: NDArray[np.float64], classes: NDArray[np.int64], *, bins: int = BINS
) -> float:
    """Mean gap 0..1 between how sure and how often right, over bins of the largest probability."""
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    gap = 0.0
    for number in range(bins):
        mine = place == number
        if mine.any():
            gap += mine.mean() * abs(right[mine].mean() - sure[mine].mean())
    return float(gap)


def best_temperature(logits: NDArray[np.float32], classes: NDArray[np.int64]) -> float:
    """The temperature under which the labels are likeliest."""
    from scipy.optimize import minimize_scalar

    def unlikeliness(log_temperature: float) -> float:
        probabilities = softmax(logits, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12)).mean())

    found = minimize_scalar(unlikeliness, bounds=(np.log(0.1), np.log(10)), method="bounded")
    return float(np.exp(found.x))


def _network(weights: Path | None) -> Any:
    from cvstudio.models import MODELS

    return MODELS["residual-60"].load("cpu", weights)


def _logits(network: Any, pictures: list[Image], progress: Progress) -> NDArray[np.float32]:
    found = []
    for start in range(0, len(pictures), BATCH):
        progress(start / len(pictures), "looking at pictures")
        found.append(network.logits(pictures[start : start + BATCH]))
    return np.concatenate(found)


def _strangers(data: Path, labels: tuple[str, ...], progress: Progress) -> tuple[list[Image], list[Image]]:
    """Photographs of other classes that trained as such, and those that did not."""
    parts = strangers(sets.imagenet_samples(data, progress), imagenet_indices(labels))
    trained, unseen = ([Image(photo.pixels) for photo in part] for part in parts)
    return trained, unseen


def calibrate(data: Path, weights: Path, progress: Progress) -> Mapping[str, Any]:
    """Input size, temperature and threshold, from the twentieth that neither trained nor is evaluated on.

    The threshold is where at most `STRANGERS_NAMED` of half of the unseen strangers would be named; the other half is
    what `evaluate` counts.
    """
    from cvstudio.models.classification.residual import SIZE

    network = _network(weights)
    small = sets.tiny_imagenet(data, progress)
    rows = np.flatnonzero(small.calibration)
    logits = _logits(network, [Image(small.pictures[row]) for row in rows], progress)
    temperature = best_temperature(logits, small.classes[rows])
    _, unseen = _strangers(data, small.labels, progress)
    sure = softmax(_logits(network, unseen[::2], progress), temperature).max(axis=1)
    threshold = float(np.quantile(sure, 1 - STRANGERS_NAMED))
    return {"size": SIZE, "temperature": round(temperature, 4), "threshold": round(threshold, 2)}


def evaluate(
    data: Path,
    weights: Path | None,
    settings: Mapping[str, Any] | None,
    limit: int | None,
    progress: Progress,
) -> Mapping[str, float]:
    """Figures on the held-out tenth (2,400 pictures) and on photographs of other classes. See `TrainingRecipe`."""
    from cvstudio.weights.embedded import card

    if settings is None:
        known = card("residual-60")
        settings = known.settings if known is not None else {"temperature": 1.0, "threshold": 0.5}
    network = _network(weights)
    small = sets.tiny_imagenet(data, progress)
    rows = np.flatnonzero(small.held_out)
    rows = rows[:: max(1, len(rows) // limit)][:limit] if limit else rows
    classes = small.classes[rows]
    logits = _logits(network, [Image(small.pictures[row]) for row in rows], progress)
    temperature, threshold = float(settings["temperature"]), float(settings["threshold"])
    probabilities = softmax(logits, temperature)
    best = np.argsort(-probabilities, axis=1)[:, :5]
    named = probabilities.max(axis=1) >= threshold
    _, unseen = _strangers(data, small.labels, progress)
    others = softmax(_logits(network, unseen[1::2][:limit], progress), temperature).max(axis=1)
    coarse = [Image(_coarse(picture.rgb8)) for picture in unseen[1::2][:limit]]
    coarse_others = softmax(_logits(network, coarse, progress), temperature).max(axis=1)
    right = best[:, 0] == classes
    return {
        "top-1": float(right.mean()),
        "top-5": float((best == classes[:, None]).any(axis=1).mean()),
        "calibration error": expected_calibration_error(probabilities, classes),
        "named": float(named.mean()),
        "right where named": float(right[named].mean()) if named.any() else float("nan"),
        "strangers named": float((others >= threshold).mean()),
        "coarse strangers named": float((coarse_others >= threshold).mean()),
    }


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(pixels, (64, 64), interpolation=cv2.INTER_AREA), np.uint8)
